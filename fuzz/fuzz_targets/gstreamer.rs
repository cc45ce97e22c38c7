//! What the targets with elements have in common.

// Each has a copy of this, and not all use all of it.
#![allow(dead_code)]

use gst::glib;
use gst::prelude::*;
use gst_check::Harness;
use libfuzzer_sys::arbitrary::{self, Unstructured};
use std::sync::Once;

/// Initialises GStreamer, where a critical, which is a programming error, is a crash from then on.
pub fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstlipsyncframes::plugin_register_static().unwrap();
        // GLib would end the process by a signal that libFuzzer does not know, and no input would be left.
        glib::log_set_default_handler(|domain, level, message| {
            if matches!(level, glib::LogLevel::Error | glib::LogLevel::Critical) {
                eprintln!("{}: {message}", domain.unwrap_or("GLib"));
                std::process::abort();
            }
        });
    });
}

/// An element with nobody on its bus, and what is on both sides of it.
pub fn harness(element: &gst::Element) -> Harness {
    let bus = gst::Bus::new();
    bus.set_flushing(true);
    element.set_bus(Some(&bus));
    Harness::with_element(element, Some("sink"), Some("src"))
}

/// A buffer of those bytes, in any number of memories, each with something around what is used of it.
pub fn buffer(u: &mut Unstructured, bytes: &[u8]) -> arbitrary::Result<gst::Buffer> {
    const AROUND: usize = 5;
    let mut buffer = gst::Buffer::new();
    let mut rest = bytes;
    loop {
        let is_last = u.is_empty() || u.ratio(3u8, 4)?;
        let length = if is_last {
            rest.len()
        } else {
            u.int_in_range(0..=rest.len())?
        };
        let (part, behind) = rest.split_at(length);
        let memory = if u.ratio(1u8, 4)? {
            let around = [0xff; AROUND];
            let whole = [&around, part, &around].concat();
            gst::Memory::from_mut_slice(whole).share(AROUND..AROUND + length)
        } else {
            gst::Memory::from_mut_slice(part.to_vec())
        };
        buffer.make_mut().append_memory(memory);
        rest = behind;
        if is_last {
            return Ok(buffer);
        }
    }
}

/// A time at which anything can go wrong, or none.
pub fn time(u: &mut Unstructured) -> arbitrary::Result<Option<gst::ClockTime>> {
    let times = [
        0,
        1,
        40_000_000,
        1_000_000_000,
        u64::MAX / 2,
        i64::MAX as u64,
        u64::MAX - 1,
    ];
    Ok(match u.int_in_range(0..=3u8)? {
        0 => None,
        1 => Some(gst::ClockTime::from_nseconds(*u.choose(&times)?)),
        2 => Some(gst::ClockTime::from_mseconds(u.arbitrary::<u16>()?.into())),
        // All bits set would be none.
        _ => Some(gst::ClockTime::from_nseconds(
            u.int_in_range(0..=u64::MAX - 1)?,
        )),
    })
}
