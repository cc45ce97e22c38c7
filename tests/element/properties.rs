//! Properties: what they do, that they take effect while playing, and `stats`.

use super::*;

const RGBA_4X2: &str = "video/x-raw,format=RGBA,width=4,height=2";

fn frame_of(sample: f32) -> gst::Buffer {
    gst::Buffer::from_mut_slice(sample.to_le_bytes().repeat(SMALL_BYTES / 4))
}

fn converted(setup: &mut Setup, sample: f32) -> u8 {
    setup.harness.push(frame_of(sample)).unwrap();
    first_byte(&setup.harness.pull().unwrap())
}

#[test]
fn the_defaults() {
    let setup = Setup::new("");
    assert_eq!(setup.element.property::<u32>("n-threads"), 0);
    assert!(!setup.element.property::<bool>("add-borders"));
    let range = setup.element.property_value("range");
    let (_, range) = glib::EnumValue::from_value(&range).unwrap();
    assert_eq!(range.nick(), "unit");
}

#[test]
fn range_takes_effect_while_playing() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    assert_eq!(converted(&mut setup, 1.0), 255);
    // 63.75
    assert_eq!(converted(&mut setup, 0.25), 64);
    setup.element.set_property_from_str("range", "signed-unit");
    assert_eq!(converted(&mut setup, 1.0), 255);
    assert_eq!(converted(&mut setup, -1.0), 0);
    // 0.25 * 127.5 + 127.5 = 159.375
    assert_eq!(converted(&mut setup, 0.25), 159);
    setup.element.set_property_from_str("range", "byte");
    assert_eq!(converted(&mut setup, 1.0), 1);
    assert_eq!(converted(&mut setup, 254.5), 255);
    assert_eq!(converted(&mut setup, 300.0), 255);
}

#[test]
fn borders_take_effect_while_playing() {
    let mut setup = Setup::new("")
        .downstream("video/x-raw,format=RGBA,width=8,height=8")
        .upstream(SMALL);
    let rows = |setup: &mut Setup| -> Vec<[u8; 4]> {
        setup.harness.push(frame_of(1.0)).unwrap();
        let buffer = setup.harness.pull().unwrap();
        let map = buffer.map_readable().unwrap();
        map.chunks(8 * 4)
            .map(|row| [row[0], row[1], row[2], row[3]])
            .collect()
    };
    let (white, black) = ([255; 4], [0, 0, 0, 255]);
    assert_eq!(rows(&mut setup), [white; 8]);
    let aspect = |setup: &Setup| {
        setup
            .output_structure()
            .get::<gst::Fraction>("pixel-aspect-ratio")
            .unwrap()
    };
    assert_eq!(aspect(&setup), gst::Fraction::new(2, 1));

    // 4x2 in 8x8: 8x4, two rows down.
    setup.element.set_property("add-borders", true);
    let expected = [black, black, white, white, white, white, black, black];
    assert_eq!(rows(&mut setup), expected);
    assert_eq!(aspect(&setup), gst::Fraction::new(1, 1));

    setup.element.set_property("add-borders", false);
    assert_eq!(rows(&mut setup), [white; 8]);
    assert_eq!(aspect(&setup), gst::Fraction::new(2, 1));
}

#[test]
fn borders_also_where_the_caps_do_not_change() {
    let mut setup = Setup::new("")
        .downstream("video/x-raw,format=RGBA,width=8,height=8,pixel-aspect-ratio=1/1")
        .upstream(SMALL);
    assert_eq!(converted(&mut setup, 1.0), 255);
    setup.element.set_property("add-borders", true);
    assert_eq!(converted(&mut setup, 1.0), 0);
}

#[test]
fn tall_pictures_get_borders_at_the_sides() {
    let mut setup = Setup::new("add-borders=true")
        .downstream("video/x-raw,format=I420,width=10,height=8")
        .upstream("video/x-float,format=BGR_F32LE,width=2,height=4");
    setup
        .harness
        .push(gst::Buffer::from_slice(1f32.to_le_bytes().repeat(24)))
        .unwrap();
    let buffer = setup.harness.pull().unwrap();
    let map = buffer.map_readable().unwrap();
    // 2x4 in 10x8 is 4x8, and starts at 3, which is moved to the even 2. Rows take 12 bytes.
    assert_eq!(map[..10], [0, 0, 255, 255, 255, 255, 0, 0, 0, 0]);
    assert_eq!(map[12 * 8..12 * 8 + 5], [128; 5]);
}

#[test]
fn the_number_of_threads_takes_effect_while_playing() {
    let large = "video/x-float,format=RGBP_F32LE,width=640,height=360,framerate=25/1";
    let mut setup = Setup::new("n-threads=3")
        .downstream("video/x-raw")
        .upstream(large);
    let frame = gst::Buffer::from_slice(vec![0u8; 2_764_800]);
    let threads = |setup: &Setup| -> u32 {
        let stats: gst::Structure = setup.element.property("stats");
        stats.get("threads").unwrap()
    };
    for n_threads in [3, 1, 16, 2] {
        setup.element.set_property("n-threads", n_threads);
        setup.harness.push(frame.clone()).unwrap();
        // 640x360 is not enough work for 16 bands.
        assert_eq!(threads(&setup), n_threads.min(7));
    }
}

#[test]
fn stats_count_what_passed() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    setup.harness.push(small_frames(&[1, 2, 3])).unwrap();
    setup.harness.push(small_frames(&[4])).unwrap();
    assert_eq!(setup.stat("frames"), 4);
    assert_eq!(setup.stat("batches"), 2);
    assert_eq!(setup.stat("bytes-in"), 4 * SMALL_BYTES as u64);
    assert_eq!(setup.stat("bytes-out"), 4 * 32);
    assert!(setup.stat("convert-time-p50") > 0);
    assert!(setup.stat("convert-time-p50") <= setup.stat("convert-time-p99"));
    assert!(setup.stat("convert-time-p99") <= setup.stat("convert-time-total"));
    let stats: gst::Structure = setup.element.property("stats");
    assert_eq!(stats.get::<u32>("threads").unwrap(), 1);
    assert!(!stats.get::<String>("backend").unwrap().is_empty());
}

#[test]
fn implausible_floats_are_warned_of_once_and_counted() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let warnings = |setup: &Setup| -> Vec<String> {
        std::iter::from_fn(|| setup.bus.pop_filtered(&[gst::MessageType::Warning]))
            .map(|message| match message.view() {
                gst::MessageView::Warning(warning) => warning.error().message().to_owned(),
                _ => unreachable!("filtered"),
            })
            .collect()
    };
    // Overshoot is none.
    for sample in [-0.05, 0.5, 1.1] {
        converted(&mut setup, sample);
    }
    assert_eq!(warnings(&setup), [""; 0]);
    assert_eq!(setup.stat("implausible-frames"), 0);

    // What is converted is the same as ever.
    assert_eq!(converted(&mut setup, 200.0), 255);
    assert_eq!(converted(&mut setup, f32::NAN), 0);
    let posted = warnings(&setup);
    assert_eq!(posted.len(), 1, "{posted:?}");
    for part in ["24 of 24 samples", "2e2", "0 to 1", "range", "float32"] {
        assert!(posted[0].contains(part), "no {part:?} in {posted:?}");
    }
    assert_eq!(setup.stat("implausible-frames"), 2);

    // The right range: nothing more to say.
    setup.element.set_property_from_str("range", "byte");
    converted(&mut setup, 200.0);
    assert_eq!(setup.stat("implausible-frames"), 2);

    // After new caps, the first eight are looked at again.
    setup
        .harness
        .set_src_caps_str("video/x-float,format=RGB_F32LE,width=4,height=2,framerate=25/1");
    for _ in 0..10 {
        converted(&mut setup, 1e9);
    }
    assert_eq!(setup.stat("implausible-frames"), 10);
    assert_eq!(warnings(&setup), [""; 0]);
}
