//! A mutex that does not stay shut.

use gst::glib::property::{PropertyGet, PropertySetNested};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex that opens also after a thread has panicked while it held it: in the elements, all that is
/// behind one is valid after every statement.
///
/// With `#[derive(glib::Properties)]`, a struct behind it can be a field whose members are properties.
/// A property setter must not panic, because nothing catches that on its way through C: it ends the
/// process. What is derived can panic in two places. One is where it unwraps `Mutex::lock()`, which is
/// why it gets this. The other is where the value has not the property's type, and GObject lets none
/// such through.
#[derive(Default)]
pub struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> PropertyGet for Lock<T> {
    type Value = T;

    fn get<R, F: Fn(&T) -> R>(&self, f: F) -> R {
        f(&self.lock())
    }
}

impl<T> PropertySetNested for Lock<T> {
    type SetNestedValue = T;

    fn set_nested<F: FnOnce(&mut T)>(&self, f: F) {
        f(&mut self.lock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_leaves_it_open() {
        let lock = Lock::new(1);
        let panic = std::panic::AssertUnwindSafe(|| {
            let _guard = lock.lock();
            panic!("on purpose");
        });
        assert!(std::panic::catch_unwind(panic).is_err());
        lock.set_nested(|value| *value += 1);
        assert_eq!(lock.get(|value| *value), 2);
    }
}
