//! Metas that say something about the moment at which their buffer begins.

/// What [`of_a_moment`] finds after [`add_some_of_a_moment`].
pub const SOME_OF_A_MOMENT: &[&str] = &["reference timestamp", "time code", "captions"];

pub fn add_some_of_a_moment(buffer: &mut gst::BufferRef) {
    let ntp = gst::Caps::new_empty_simple("timestamp/x-ntp");
    gst::ReferenceTimestampMeta::add(buffer, &ntp, gst::ClockTime::SECOND, None);
    let time_code = gst_video::VideoTimeCode::new(
        gst::Fraction::new(25, 1),
        None,
        gst_video::VideoTimeCodeFlags::empty(),
        1,
        2,
        3,
        4,
        0,
    );
    gst_video::VideoTimeCodeMeta::add(buffer, &time_code.try_into().unwrap());
    // A pair of bytes of field 1.
    let pair = [0x80, 0x94, 0x2c];
    gst_video::VideoCaptionMeta::add(buffer, gst_video::VideoCaptionType::Cea608S3341a, &pair);
}

/// Those of them that `buffer` has, whatever their order.
pub fn of_a_moment(buffer: &gst::BufferRef) -> Vec<&'static str> {
    let found = [
        buffer.meta::<gst::ReferenceTimestampMeta>().is_some(),
        buffer.meta::<gst_video::VideoTimeCodeMeta>().is_some(),
        buffer.meta::<gst_video::VideoCaptionMeta>().is_some(),
    ];
    let names = SOME_OF_A_MOMENT.iter().zip(found);
    names
        .filter_map(|(name, is_found)| is_found.then_some(*name))
        .collect()
}
