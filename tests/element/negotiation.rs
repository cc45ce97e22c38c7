//! Which caps follow from which, in both directions.

use super::*;

const INPUT: &str = "video/x-float,format=BGR_F32LE,width=640,height=360,framerate=25/1";

fn negotiated(properties: &str, input: &str, downstream: &str) -> gst::Structure {
    let setup = Setup::new(properties)
        .downstream(downstream)
        .upstream(input);
    assert_eq!(setup.errors(), Vec::<String>::new());
    setup.output_structure()
}

fn field<'a, T: glib::value::FromValue<'a>>(structure: &'a gst::Structure, name: &str) -> T {
    structure.get(name).unwrap()
}

#[test]
fn rgba_320x320_where_everything_is_open() {
    let output = negotiated("", INPUT, "video/x-raw");
    assert_eq!(field::<&str>(&output, "format"), "RGBA");
    assert_eq!(field::<i32>(&output, "width"), 320);
    assert_eq!(field::<i32>(&output, "height"), 320);
    assert_eq!(
        field::<gst::Fraction>(&output, "framerate"),
        gst::Fraction::new(25, 1)
    );
    assert_eq!(field::<&str>(&output, "interlace-mode"), "progressive");
}

#[test]
fn downstream_without_any_caps_of_its_own() {
    let output = negotiated("", INPUT, "ANY");
    assert_eq!(field::<&str>(&output, "format"), "RGBA");
}

#[test]
fn formats_are_chosen_in_the_element_s_order_not_downstream_s() {
    let order = ["RGBA", "I420", "NV12", "RGBx", "BGRA", "BGRx", "RGB", "BGR"];
    for first in 0..order.len() {
        let mut offered: Vec<&str> = order[first..].to_vec();
        offered.reverse();
        for downstream in [
            format!("video/x-raw,format={{GRAY8,{}}}", offered.join(",")),
            offered
                .iter()
                .map(|format| format!("video/x-raw,format={format}"))
                .collect::<Vec<_>>()
                .join(";"),
        ] {
            let output = negotiated("", INPUT, &downstream);
            assert_eq!(
                field::<&str>(&output, "format"),
                order[first],
                "{downstream}"
            );
        }
    }
}

#[test]
fn ycbcr_is_full_range_bt601_with_centred_chroma() {
    for format in ["I420", "NV12"] {
        let output = negotiated("", INPUT, &format!("video/x-raw,format={format}"));
        assert_eq!(field::<&str>(&output, "colorimetry"), "1:4:0:0");
        assert_eq!(field::<&str>(&output, "chroma-site"), "jpeg");
    }
}

#[test]
fn rgb_carries_no_colorimetry() {
    let output = negotiated("", INPUT, "video/x-raw,format=RGBA");
    assert!(!output.has_field("colorimetry"));
    assert!(!output.has_field("chroma-site"));
}

#[test]
fn downstream_can_ask_for_a_colorimetry() {
    for (asked, expected) in [
        ("bt709", "bt709"),
        ("bt601", "bt601"),
        ("2:4:7:1", "2:4:7:1"),
        ("1:3:5:1", "1:3:5:1"),
        ("{bt2020,bt709}", "bt709"),
        ("{bt709,(string)1:4:0:0}", "1:4:0:0"),
        ("{bt709,(string)1:4:7:1}", "1:4:7:1"),
    ] {
        let output = negotiated(
            "",
            INPUT,
            &format!("video/x-raw,format=I420,colorimetry={asked}"),
        );
        assert_eq!(field::<&str>(&output, "colorimetry"), expected, "{asked}");
    }
}

#[test]
fn rgb_is_full_range_among_the_colorimetries_that_downstream_lists() {
    let listed = "video/x-raw,format={RGBA,I420},colorimetry={bt709,sRGB}";
    let output = negotiated("", INPUT, listed);
    assert_eq!(field::<&str>(&output, "format"), "RGBA");
    assert_eq!(field::<&str>(&output, "colorimetry"), "sRGB");
    let output = negotiated(
        "",
        INPUT,
        "video/x-raw,format={RGBA,I420},colorimetry=bt709",
    );
    assert_eq!(field::<&str>(&output, "format"), "I420");
}

#[test]
fn what_cannot_be_made_is_skipped() {
    let output = negotiated(
        "",
        INPUT,
        "video/x-raw,format=I420,colorimetry=bt2020;video/x-raw,format=I420,chroma-site=mpeg2;\
         video/x-raw(memory:GLMemory),format=RGBA;video/x-raw,format=BGR",
    );
    assert_eq!(field::<&str>(&output, "format"), "BGR");
}

#[test]
fn size_is_what_downstream_fixes() {
    for (downstream, expected) in [
        ("width=64,height=48", (64, 48)),
        ("width=64", (64, 320)),
        ("height=48", (320, 48)),
        ("width=[1,100],height=[400,500]", (100, 400)),
        ("width={100,300,1000}", (300, 320)),
        ("width=1,height=1", (1, 1)),
    ] {
        let output = negotiated("", INPUT, &format!("video/x-raw,{downstream}"));
        let size = (field(&output, "width"), field(&output, "height"));
        assert_eq!(size, expected, "{downstream}");
    }
}

#[test]
fn stretching_keeps_the_display_aspect_where_downstream_allows() {
    let wide = "video/x-float,format=BGR_F32LE,width=640,height=360";
    for (input, downstream, expected) in [
        (wide.to_owned(), "video/x-raw", (16, 9)),
        (wide.to_owned(), "video/x-raw,width=640,height=360", (1, 1)),
        (
            wide.to_owned(),
            "video/x-raw,pixel-aspect-ratio=1/1",
            (1, 1),
        ),
        (
            wide.to_owned(),
            "video/x-raw,pixel-aspect-ratio=4/3",
            (4, 3),
        ),
        (
            wide.to_owned(),
            "video/x-raw,pixel-aspect-ratio={1/1,16/9}",
            (16, 9),
        ),
        (
            wide.to_owned(),
            "video/x-raw,pixel-aspect-ratio={2/1,1/1}",
            (1, 1),
        ),
        (
            format!("{wide},pixel-aspect-ratio=12/11"),
            "video/x-raw",
            (64, 33),
        ),
        (
            format!("{wide},pixel-aspect-ratio=0/1"),
            "video/x-raw",
            (16, 9),
        ),
    ] {
        let output = negotiated("", &input, downstream);
        let (numer, denom) = expected;
        assert_eq!(
            field::<gst::Fraction>(&output, "pixel-aspect-ratio"),
            gst::Fraction::new(numer, denom),
            "{input} to {downstream}"
        );
    }
}

#[test]
fn borders_leave_the_pixels_square() {
    let output = negotiated("add-borders=true", INPUT, "video/x-raw");
    assert_eq!(
        field::<gst::Fraction>(&output, "pixel-aspect-ratio"),
        gst::Fraction::new(1, 1)
    );
}

#[test]
fn extreme_aspects_still_give_an_aspect() {
    let input = "video/x-float,format=BGR_F32LE,width=16384,height=1,\
                 pixel-aspect-ratio=2147483647/1";
    let output = negotiated("", input, "video/x-raw,width=1,height=16384");
    assert!(field::<gst::Fraction>(&output, "pixel-aspect-ratio").numer() > 0);
}

#[test]
fn a_missing_framerate_is_unknown_not_an_error() {
    let input = "video/x-float,format=BGR_F32LE,width=4,height=2";
    let output = negotiated("", input, "video/x-raw");
    assert_eq!(
        field::<gst::Fraction>(&output, "framerate"),
        gst::Fraction::new(0, 1)
    );
}

#[test]
fn upstream_sees_what_downstream_s_framerate_allows() {
    let setup = Setup::new("").downstream("video/x-raw,framerate=30/1,format=RGBA,width=10");
    let caps = setup.sink_pad().query_caps(None);
    let expected: gst::Caps = "video/x-float,framerate=30/1,width=[1,16384],height=[1,16384],\
                               format={BGR_F32LE,RGB_F32LE,BGRP_F32LE,RGBP_F32LE,\
                               BGR_F16LE,RGB_F16LE,BGRP_F16LE,RGBP_F16LE};\
                               other/tensors,format=static,num_tensors=1,\
                               types={float32,float16},framerate=[0/1,2147483647/1]"
        .parse()
        .unwrap();
    assert!(caps == expected, "{caps}");
}

#[test]
fn downstream_sees_every_output_before_the_input_is_known() {
    let setup = Setup::new("");
    let caps = setup.src_pad().query_caps(None);
    let one: gst::Caps = "video/x-raw,format=BGRx,width=16384,height=1,framerate=0/1"
        .parse()
        .unwrap();
    assert!(caps.can_intersect(&one), "{caps}");
    let too_large: gst::Caps = "video/x-raw,width=16385".parse().unwrap();
    assert!(!caps.can_intersect(&too_large), "{caps}");
}

#[test]
fn downstream_sees_the_input_s_framerate_once_it_is_known() {
    let setup = Setup::new("").downstream("video/x-raw").upstream(INPUT);
    let caps = setup.src_pad().query_caps(None);
    let framerate = caps.structure(0).unwrap().get::<gst::Fraction>("framerate");
    assert_eq!(framerate, Ok(gst::Fraction::new(25, 1)), "{caps}");
}

#[test]
fn frames_are_said_to_be_one_view_where_downstream_wants_to_hear_it() {
    let setup = Setup::new("")
        .downstream("video/x-raw,multiview-mode={side-by-side,mono},views=[1,2]")
        .upstream(SMALL);
    let output = setup.output_structure();
    assert_eq!(output.get::<&str>("multiview-mode"), Ok("mono"));
    assert_eq!(output.get::<i32>("views"), Ok(1));
    assert_eq!(output.get::<&str>("interlace-mode"), Ok("progressive"));

    let setup = Setup::new("").downstream("video/x-raw").upstream(SMALL);
    assert!(!setup.output_structure().has_field("multiview-mode"));
}

#[test]
fn a_downstream_that_takes_nothing_is_explained() {
    for downstream in [
        "video/x-raw,format=GRAY8",
        "video/x-raw,format=I420,colorimetry=bt2020",
        "video/x-raw,format=NV12,chroma-site=mpeg2",
        "video/x-raw,interlace-mode=interleaved",
        "video/x-raw,multiview-mode=side-by-side",
        "video/x-raw,multiview-mode=left",
        "video/x-raw,views=2",
        "video/x-raw,framerate=30/1",
    ] {
        let mut setup = Setup::new("").downstream(downstream).upstream(INPUT);
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{downstream}: {errors:?}");
        assert!(errors[0].contains("taken downstream"), "{errors:?}");
        assert!(errors[0].contains("BGR_F32LE"), "{errors:?}");
        let pushed = setup
            .harness
            .push(gst::Buffer::from_slice(vec![0; 2_764_800]));
        assert_eq!(pushed, Err(gst::FlowError::NotNegotiated));
    }
}

#[test]
fn without_a_peer_the_flow_is_not_linked() {
    init();
    let element = gst::ElementFactory::make("lipsyncframes").build().unwrap();
    let mut harness = Harness::with_element(&element, Some("sink"), None);
    harness.set_src_caps_str(SMALL);
    assert_eq!(
        harness.push(small_frames(&[7])),
        Err(gst::FlowError::NotLinked)
    );
}
