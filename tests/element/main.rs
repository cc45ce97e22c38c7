//! The element as its neighbours see it: gst-check's Harness on both pads.

#[path = "../common/memories.rs"]
mod memories;
#[path = "../common/metas.rs"]
mod metas;
#[path = "../../pixel/tests/naive/mod.rs"]
mod naive;
#[path = "../common/patience.rs"]
mod patience;
#[path = "../common/planes.rs"]
mod planes;

mod backend;
mod bad_input;
mod batches;
mod matrix;
mod memory;
mod negotiation;
mod properties;
mod qos;
mod streaming;
mod tensors;

use gst::glib;
use gst::prelude::*;
use gst_check::Harness;
use gstlipsyncframes::pixel::{ChannelOrder, FloatFormat, Layout, Sample};
use std::sync::Once;

/// Caps of a frame that most tests use: 4x2, 96 bytes, 25 frames/s.
const SMALL: &str = "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=25/1";
const SMALL_BYTES: usize = 4 * 2 * 3 * 4;

fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstlipsyncframes::plugin_register_static().unwrap();
        // A critical is a programming error: here it ends the test run.
        glib::log_set_always_fatal(
            glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING,
        );
    });
}

/// A harness around the element, with a bus of its own.
struct Setup {
    harness: Harness,
    element: gst::Element,
    bus: gst::Bus,
}

impl Setup {
    /// `properties` as in a launch line, for example `n-threads=1`.
    fn new(properties: &str) -> Self {
        init();
        let description = format!("lipsyncframes {properties}");
        let element = gst::parse::launch(&description).unwrap();
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let harness = Harness::with_element(&element, Some("sink"), Some("src"));
        Self {
            harness,
            element,
            bus,
        }
    }

    /// Lets downstream accept `caps` only.
    fn downstream(mut self, caps: &str) -> Self {
        self.harness.set_sink_caps_str(caps);
        self
    }

    fn upstream(mut self, caps: &str) -> Self {
        self.harness.set_src_caps_str(caps);
        self
    }

    /// The caps that the element has negotiated.
    fn output_caps(&self) -> gst::Caps {
        self.src_pad().current_caps().expect("negotiated caps")
    }

    fn output_structure(&self) -> gst::Structure {
        self.output_caps().structure(0).unwrap().to_owned()
    }

    fn sink_pad(&self) -> gst::Pad {
        self.element.static_pad("sink").unwrap()
    }

    fn src_pad(&self) -> gst::Pad {
        self.element.static_pad("src").unwrap()
    }

    /// What the element has reported as errors since the last call.
    fn errors(&self) -> Vec<String> {
        std::iter::from_fn(|| self.bus.pop_filtered(&[gst::MessageType::Error]))
            .map(|message| match message.view() {
                gst::MessageView::Error(error) => error.error().message().to_owned(),
                _ => unreachable!("filtered"),
            })
            .collect()
    }

    fn pulled(&mut self) -> Vec<gst::Buffer> {
        std::iter::from_fn(|| self.harness.try_pull()).collect()
    }

    fn stat(&self, name: &str) -> u64 {
        let stats: gst::Structure = self.element.property("stats");
        stats.get(name).unwrap()
    }
}

/// A buffer of `frames` small frames, frame i all of level `levels[i]`.
fn small_frames(levels: &[u8]) -> gst::Buffer {
    let bytes: Vec<u8> = levels
        .iter()
        .flat_map(|&level| {
            let sample = f32::from(level) / 255.0;
            sample.to_le_bytes().repeat(SMALL_BYTES / 4)
        })
        .collect();
    gst::Buffer::from_mut_slice(bytes)
}

fn timed(mut buffer: gst::Buffer, pts: gst::ClockTime) -> gst::Buffer {
    buffer.get_mut().unwrap().set_pts(pts);
    buffer
}

fn first_byte(buffer: &gst::Buffer) -> u8 {
    buffer.map_readable().unwrap()[0]
}

fn first_bytes(buffers: &[gst::Buffer]) -> Vec<u8> {
    buffers.iter().map(first_byte).collect()
}

const FLOAT_FORMATS: [(&str, FloatFormat); 8] = {
    use ChannelOrder::{Bgr, Rgb};
    use Layout::{Interleaved, Planar};
    use Sample::{F16, F32};
    [
        ("BGR_F32LE", float_format(F32, Interleaved, Bgr)),
        ("RGB_F32LE", float_format(F32, Interleaved, Rgb)),
        ("BGRP_F32LE", float_format(F32, Planar, Bgr)),
        ("RGBP_F32LE", float_format(F32, Planar, Rgb)),
        ("BGR_F16LE", float_format(F16, Interleaved, Bgr)),
        ("RGB_F16LE", float_format(F16, Interleaved, Rgb)),
        ("BGRP_F16LE", float_format(F16, Planar, Bgr)),
        ("RGBP_F16LE", float_format(F16, Planar, Rgb)),
    ]
};

const fn float_format(sample: Sample, layout: Layout, order: ChannelOrder) -> FloatFormat {
    FloatFormat {
        sample,
        layout,
        order,
    }
}
