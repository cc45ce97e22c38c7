//! What the server's process takes, and what a bare pipeline takes for the same frames.

use crate::frames::{FRAME_BYTES, numbered_frame};
use crate::post::Pictures;
use gst::prelude::*;
use std::time::Duration;

/// What Linux tells of a process.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pub cpu: Duration,
    pub resident_mib: f64,
    pub threads: u64,
}

impl Process {
    /// `None` where there is no such process, or no Linux.
    pub fn read(pid: u32) -> Option<Self> {
        /// In which Linux counts CPU time for all programs, on every machine there is.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // After the name, which may have spaces in it, in parentheses.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |index: usize| fields.get(index)?.parse::<f64>().ok();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            cpu: Duration::from_secs_f64((field(11)? + field(12)?) / TICKS_PER_SECOND),
            resident_mib: number("VmRSS:")? as f64 / 1024.0,
            threads: number("Threads:")?,
        })
    }
}

/// CPU time for a frame in `appsrc ! lipsyncframes ! jpegenc ! appsink`, in this process.
pub fn bare_pipeline(pictures: &Pictures) -> Result<Duration, String> {
    const DISTINCT: u64 = 25;
    const FRAMES: u64 = 3000;
    const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(10);
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=source format=time block=true max-bytes={} \
         caps=video/x-float,format=BGRP_F32LE,width=320,height=320,framerate=25/1 \
         ! lipsyncframes n-threads=1 ! jpegenc quality=75 idct-method=islow \
         ! appsink name=sink sync=false",
        4 * FRAME_BYTES
    ))
    .map_err(|error| error.to_string())?
    .downcast::<gst::Pipeline>()
    .map_err(|_| "no pipeline")?;
    let source = pipeline.by_name("source").and_downcast::<gst_app::AppSrc>();
    let sink = pipeline.by_name("sink").and_downcast::<gst_app::AppSink>();
    let (source, sink) = source.zip(sink).ok_or("an element is missing")?;
    let frames: Vec<_> = (0..DISTINCT)
        .map(|number| gst::Buffer::from_slice(numbered_frame(number, pictures.get(number))))
        .collect();
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|error| error.to_string())?;
    let before = Process::read(std::process::id()).ok_or("no /proc to read CPU times from")?;
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            for frame in frames.iter().cycle().take(FRAMES as usize) {
                if source.push_buffer(frame.clone()).is_err() {
                    return;
                }
            }
            let _ = source.end_of_stream();
        });
        while sink.try_pull_sample(PATIENCE).is_some() {}
        let ended = sink.is_eos();
        if !ended {
            // Whoever pushes would wait for ever.
            let _ = pipeline.set_state(gst::State::Null);
        }
        ended
    });
    if !ended {
        let seconds = PATIENCE.seconds();
        return Err(format!("the bare pipeline made no picture in {seconds} s"));
    }
    let after = Process::read(std::process::id()).ok_or("no /proc to read CPU times from")?;
    let _ = pipeline.set_state(gst::State::Null);
    Ok((after.cpu - before.cpu) / FRAMES as u32)
}
