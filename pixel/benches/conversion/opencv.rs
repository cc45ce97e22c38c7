//! OpenCV, from Python: scale the floats, then to 8 bits, then to RGBA or I420.

use crate::common::frames::rgba_bytes;
use crate::common::report::Row;
use lipsyncframes_pixel::Layout;
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// For interleaved frames there is one way; planes are merged before all else, or at the end.
pub fn ways(layout: Layout) -> &'static [&'static str] {
    match layout {
        Layout::Interleaved => &["interleaved"],
        _ => &["merge-first", "merge-last"],
    }
}

/// A Python that holds frames and converts them when asked to.
pub struct OpenCv {
    python: RefCell<Python>,
    n_frames: usize,
}

struct Python {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl OpenCv {
    /// None where Python has no OpenCV.
    pub fn start(from: (u32, u32), to: (u32, u32), frames: &[Vec<u8>]) -> Option<Self> {
        let numbers = [from.0, from.1, to.0, to.1, frames.len() as u32];
        let mut process = Command::new("python3")
            .args(["-c", include_str!("opencv.py")])
            .args(numbers.map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let requests = process.stdin.take()?;
        let answers = BufReader::new(process.stdout.take()?);
        let mut python = Python {
            process,
            requests,
            answers,
        };
        for frame in frames {
            python.requests.write_all(frame).ok()?;
        }
        (python.answer() == "ready").then_some(Self {
            python: RefCell::new(python),
            n_frames: frames.len(),
        })
    }

    /// Converts all frames to `format`, RGBA or I420.
    pub fn row(&self, way: &str, format: &str, threads: usize) -> Row<'_> {
        let request = format!("{way} {format} {threads}");
        Row::timed(self.n_frames, move || {
            let mut python = self.python.borrow_mut();
            writeln!(python.requests, "{request}").expect("Python is there");
            Duration::from_nanos(python.answer().parse().expect("nanoseconds"))
        })
    }

    /// The RGBA picture of the first frame.
    pub fn first_picture(&self, way: &str, size: (u32, u32)) -> Vec<u8> {
        let mut python = self.python.borrow_mut();
        let mut picture = vec![0; rgba_bytes(size)];
        writeln!(python.requests, "picture {way}").expect("Python is there");
        python.answers.read_exact(&mut picture).expect("a picture");
        picture
    }
}

impl Python {
    /// A line, empty where there is no more.
    fn answer(&mut self) -> String {
        let mut line = String::new();
        let _ = self.answers.read_line(&mut line);
        line.trim_end().to_owned()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
