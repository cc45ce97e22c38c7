//! Float frames of a lip-sync network in, JPEGs out: the pipeline around `lipsyncframes` as a
//! program.
//!
//! ```text
//! cargo run --release -p examples --example lipsync_jpeg -- \
//!     --video talk.mp4 --output frames --contact-sheet sheet.png
//! ```
//!
//! `--help` shows everything else. The data flows one way:
//!
//! ```text
//! source.rs (a file or pipe of floats, npy.rs: with a header; or video.rs: a video turned into floats)
//!   -> pipeline.rs (appsrc ! lipsyncframes ! encoder ! appsink)
//!   -> output.rs (files or standard output) and contact_sheet.rs
//! ```

mod contact_sheet;
mod frames;
mod npy;
mod options;
mod output;
mod pipeline;
mod source;
mod video;

use clap::Parser;
use gst::prelude::*;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use options::{Options, is_standard_stream};
use output::Output;
use pipeline::{Pipeline, describe_error};
use source::Source;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// How often the progress bar is brought up to date.
const PROGRESS_INTERVAL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// How long the reader is waited for when the pipeline has ended first. It can be stuck in a pipe
/// that nobody writes to, which is no reason to stay.
const READER_PATIENCE: Duration = Duration::from_millis(500);

/// Messages of this program's own on the pipeline's bus.
const CTRL_C: &str = "ctrl-c";
const READER_GONE: &str = "reader-gone";

/// How a run ended that did not fail.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// Everything is converted.
    Complete,
    /// Ctrl-C
    Interrupted,
    /// Nobody reads standard output any more.
    ReaderGone,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(End::Complete | End::ReaderGone) => ExitCode::SUCCESS,
        Ok(End::Interrupted) => INTERRUPTED.into(),
        Err(problem) => {
            say(&format!("lipsync_jpeg: {problem}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<End, String> {
    let is_to_stdout = options.output.as_deref().is_some_and(is_standard_stream);
    if is_to_stdout && std::io::stdout().is_terminal() {
        return Err("--output - writes images, not text: send it to a file or a program".into());
    }
    gst::init().map_err(|error| error.to_string())?;
    gstlipsyncframes::plugin_register_static().map_err(|error| error.to_string())?;

    let source = Source::open(options)?;
    let batch = options.batch as usize;
    let batch_bytes = source.info.frame_bytes() as u64 * u64::from(options.batch);
    let pipeline = Pipeline::new(options, &source.caps, batch_bytes)?;
    let output = Arc::new(Mutex::new(Output::new(options)?));
    collect(&pipeline.appsink, &pipeline.bus, &output);
    end_on_ctrl_c(&pipeline.bus)?;

    let progress = progress_bar(source.length)?;
    let began = Instant::now();
    let reader = start_reader(source, &pipeline.appsrc, batch)?;
    let outcome = wait(&pipeline, || {
        // Not what is written: a video is written when all of it is encoded.
        progress.set_position(count(&pipeline.lipsyncframes.property("stats"), "frames"));
    });
    let elapsed = began.elapsed();
    // This also releases a reader that waits for room in appsrc.
    let _ = pipeline.pipeline.set_state(gst::State::Null);
    let read = reader.recv_timeout(READER_PATIENCE).unwrap_or(Ok(()));
    progress.finish_and_clear();

    let mut output = lock(&output);
    let n_frames = count(&pipeline.lipsyncframes.property("stats"), "frames");
    let finished = output.finish(n_frames).map_err(|error| error.to_string());
    if n_frames > 0 && !output.is_empty() {
        say(&summary(&pipeline.lipsyncframes, &output, elapsed));
    }
    // After Ctrl-C, the program that writes to our pipe is gone, too, perhaps in mid-frame.
    if outcome != Ok(End::Interrupted) {
        read?;
    }
    let end = outcome?;
    finished?;
    Ok(end)
}

/// Lets `output` have every buffer that arrives at `appsink`.
fn collect(appsink: &gst_app::AppSink, bus: &gst::Bus, output: &Arc<Mutex<Output>>) {
    let (bus, output) = (bus.clone(), output.clone());
    let new_sample = move |appsink: &gst_app::AppSink| {
        let sample = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let (Some(caps), Some(buffer)) = (sample.caps(), sample.buffer()) else {
            return Err(gst::FlowError::Error);
        };
        let data = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        if data.len() != buffer.size() {
            let (bytes, readable) = (buffer.size(), data.len());
            let problem = format!("{readable} of an image's {bytes} bytes can be read");
            gst::element_error!(appsink, gst::ResourceError::Read, ("{problem}"));
            return Err(gst::FlowError::Error);
        }
        match lock(&output).write(caps, &data) {
            Ok(()) => Ok(gst::FlowSuccess::Ok),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                post(&bus, READER_GONE);
                Err(gst::FlowError::Eos)
            }
            Err(error) => {
                gst::element_error!(appsink, gst::ResourceError::Write, ("{error}"));
                Err(gst::FlowError::Error)
            }
        }
    };
    appsink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(new_sample)
            .build(),
    );
}

fn end_on_ctrl_c(bus: &gst::Bus) -> Result<(), String> {
    let bus = bus.clone();
    let is_second = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if is_second.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        post(&bus, CTRL_C);
    })
    .map_err(|error| format!("Ctrl-C cannot be handled: {error}"))
}

/// Posts a message that [`wait`] waits for.
fn post(bus: &gst::Bus, name: &str) {
    let message = gst::message::Application::new(gst::Structure::new_empty(name));
    // A bus that takes no more messages belongs to a pipeline that has ended.
    let _ = bus.post(message);
}

/// Starts the thread that feeds `appsrc`. What it has to say in the end comes through the channel,
/// before the pipeline can have ended.
fn start_reader(
    source: Source,
    appsrc: &gst_app::AppSrc,
    batch: usize,
) -> Result<Receiver<Result<(), String>>, String> {
    let appsrc = appsrc.clone();
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name("reader".into())
        .spawn(move || {
            // It fails where the run is over already, and nobody wants to know.
            let _ = sender.send(source.feed(&appsrc, batch));
            let _ = appsrc.end_of_stream();
        })
        .map_err(|error| format!("no thread to read on: {error}"))?;
    Ok(receiver)
}

/// Runs the pipeline to its end, calling `show_progress` now and then.
fn wait(pipeline: &Pipeline, show_progress: impl Fn()) -> Result<End, String> {
    let mut end = End::Complete;
    let is_started = pipeline.pipeline.set_state(gst::State::Playing).is_ok();
    loop {
        show_progress();
        let Some(message) = pipeline.bus.timed_pop(PROGRESS_INTERVAL) else {
            if !is_started {
                return Err("the pipeline does not start".into());
            }
            continue;
        };
        match message.view() {
            gst::MessageView::Eos(_) => return Ok(end),
            gst::MessageView::Error(error) => return Err(describe_error(error)),
            gst::MessageView::Warning(warning) => {
                say(&format!("lipsync_jpeg: warning: {}", warning.error()));
            }
            gst::MessageView::Application(_) if message.has_name(READER_GONE) => {
                return Ok(End::ReaderGone);
            }
            gst::MessageView::Application(_) if message.has_name(CTRL_C) => {
                end = End::Interrupted;
                // Refused only where the end is on its way.
                let _ = pipeline.appsrc.end_of_stream();
            }
            _ => {}
        }
    }
}

/// A bar on standard error; nothing where that is no terminal.
fn progress_bar(length: Option<u64>) -> Result<ProgressBar, String> {
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{wide_bar} {pos}/{len} frames, {rate}, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{spinner} {pos} frames, {rate}"),
    };
    let style = ProgressStyle::with_template(template).map_err(|error| error.to_string())?;
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = write!(text, "{:.0} frames/s", state.per_sec());
    };
    Ok(bar.with_style(style.with_key("rate", rate)))
}

/// What the conversion costs, and then the run, most of which is reading and encoding.
fn summary(lipsyncframes: &gst::Element, output: &Output, elapsed: Duration) -> String {
    let stats: gst::Structure = lipsyncframes.property("stats");
    let seconds = |field| count(&stats, field) as f64 / 1e9;
    let frames = count(&stats, "frames");
    let median = seconds("convert-time-p50");
    format!(
        "lipsyncframes took {:.3} ms a frame (median), p99 {:.3} ms; {:.0} frames/s would be possible \
         (threads {}, backend {})\n\
         {frames} frames in {:.2} s, {:.2} s of it in lipsyncframes; {}",
        median * 1e3,
        seconds("convert-time-p99") * 1e3,
        1.0 / median,
        stats.get::<u32>("threads").unwrap_or(0),
        stats.get::<&str>("backend").unwrap_or("unknown"),
        elapsed.as_secs_f64(),
        seconds("convert-time-total"),
        output.summary(),
    )
}

fn count(stats: &gst::Structure, field: &str) -> u64 {
    stats.get(field).unwrap_or(0)
}

/// Prints a line on standard error. If nobody reads there, there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The output is valid after every statement, so a panic elsewhere is no reason not to use it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
