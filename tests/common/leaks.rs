//! Objects of GStreamer that nobody has let go of.

use gst::prelude::*;
use std::thread;
use std::time::Duration;

/// Watches all that is made from now on. To be called once in a process, before there are others that
/// use GStreamer in it.
pub fn watch() {
    let factories = gst::TracerFactory::factories();
    let factory = factories.iter().find(|factory| factory.name() == "leaks");
    let factory = factory.expect("the leaks tracer").load().unwrap();
    let factory = factory.downcast::<gst::TracerFactory>().unwrap();
    // Its hooks keep it.
    gst::glib::Object::with_type(factory.tracer_type());
}

/// What is left of what has been made since [`watch`].
pub fn objects_left() -> Vec<String> {
    let mut left = Vec::new();
    // A thread of GStreamer lets go of its task just after it has told whoever waits for its end.
    for _ in 0..1000 {
        thread::sleep(Duration::from_millis(10));
        left = live_objects();
        if left.is_empty() {
            break;
        }
    }
    left
}

fn live_objects() -> Vec<String> {
    let tracers = gst::active_tracers();
    let tracer = tracers.into_iter().next().expect("watching");
    let live: gst::Structure = tracer.emit_by_name("get-live-objects", &[]);
    let objects = live.get::<gst::List>("live-objects-list").unwrap();
    // The registry keeps the plugins and their factories.
    let is_kept = |object: &String| object.contains("GstPlugin") || object.contains("Factory");
    let left = objects.iter().map(|object| format!("{object:?}"));
    let left = left.filter(|object| !is_kept(object)).collect();
    // Freeing the list, GStreamer takes away references that it never added.
    std::mem::forget((live, objects));
    left
}
