//! What elements have in common.

use lipsyncframes_pixel::pool;

/// What is wrong where bytes come without caps, as from filesrc and fdsrc.
pub fn no_caps(parser: &str) -> String {
    format!(
        "Got bytes without caps, which say what they are: put {parser} between their source and this \
         element, or let an appsrc have caps"
    )
}

/// The pad templates of an element with one pad in and one pad out, which are always there.
pub fn pad_templates(input: gst::Caps, output: gst::Caps) -> Vec<gst::PadTemplate> {
    [
        ("sink", gst::PadDirection::Sink, input),
        ("src", gst::PadDirection::Src, output),
    ]
    .into_iter()
    .filter_map(|(name, direction, caps)| {
        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).ok()
    })
    .collect()
}

/// Starts the thread pool for an element that starts and may use `threads` threads.
pub fn start_thread_pool(threads: usize) -> Result<(), gst::ErrorMessage> {
    if threads > 1 {
        pool::start().map_err(|error| {
            gst::error_msg!(
                gst::ResourceError::Failed,
                ("{error}. Raise the limits on threads and memory, or set n-threads=1 \
                     to do without the pool")
            )
        })?;
    }
    Ok(())
}
