//! The plugin linked into a program that finds it as a file, too.

#[path = "common/patience.rs"]
mod patience;

use gst::glib;
use gst_check::Harness;
use std::path::PathBuf;
use std::sync::Mutex;

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The plugin as a file, which cargo has built for these tests.
fn file() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().join("libgstlipsyncframes.so")
}

fn init() {
    gst::init().unwrap();
    glib::log_set_default_handler(|_, level, message| {
        assert_eq!(level, glib::LogLevel::Warning, "{message}");
        WARNINGS.lock().unwrap().push(message.to_owned());
    });
}

fn load_file() {
    gst::Plugin::load_file(file()).unwrap();
}

fn link() {
    gstlipsyncframes::plugin_register_static().unwrap();
}

/// All elements can be made, and convert.
fn assert_works() {
    let mut harness = Harness::new_parse("videotofloat ! lipsyncframes");
    harness.set_src_caps_str("video/x-raw,format=RGB,width=4,height=2,framerate=25/1");
    harness.push(gst::Buffer::from_slice([255; 24])).unwrap();
    assert_eq!(harness.pull().unwrap().size(), 320 * 320 * 4);
    gst::ElementFactory::make("floatvideoparse")
        .build()
        .unwrap();
}

fn assert_warned_once(times: usize) {
    let warnings = WARNINGS.lock().unwrap();
    assert_eq!(warnings.len(), times, "{warnings:?}");
    assert!(
        warnings
            .iter()
            .all(|text| text.contains("in this process already")),
        "{warnings:?}"
    );
}

#[test]
fn the_first_copy_has_the_elements() {
    for order in ["linked_first", "file_first"] {
        let text = patience::in_own_process(order, &[("GST_PLUGIN_PATH", None)]);
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
#[ignore = "run by the_first_copy_has_the_elements"]
fn linked_first() {
    init();
    link();
    assert_works();
    assert_warned_once(0);
    load_file();
    assert_warned_once(1);
    assert_works();
    // Once more is no second copy.
    link();
    assert_warned_once(1);
    assert_works();
}

#[test]
#[ignore = "run by the_first_copy_has_the_elements"]
fn file_first() {
    init();
    load_file();
    assert_works();
    link();
    assert_warned_once(1);
    assert_works();
}
