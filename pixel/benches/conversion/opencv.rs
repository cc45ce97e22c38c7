//! OpenCV, from Python: scale the floats, then to 8 bits, then to RGBA or I420.

use crate::frames::rgba_bytes;
use lipsyncframes_pixel::Source;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A Python that holds frames and converts them when asked to.
pub struct OpenCv {
    python: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    target: (u32, u32),
    pub n_frames: usize,
    pub version: String,
}

impl OpenCv {
    /// None where Python has no OpenCV.
    pub fn start(source: &Source, target: (u32, u32), frames: &[Vec<u8>]) -> Option<Self> {
        let count = frames.len() as u32;
        let numbers = [source.width, source.height, target.0, target.1, count];
        let mut python = Command::new("python3")
            .args(["-c", include_str!("opencv.py")])
            .args(numbers.map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let requests = python.stdin.take()?;
        let answers = BufReader::new(python.stdout.take()?);
        let mut opencv = Self {
            python,
            requests,
            answers,
            target,
            n_frames: frames.len(),
            version: String::new(),
        };
        for frame in frames {
            opencv.requests.write_all(frame).ok()?;
        }
        opencv.version = opencv.answer()?.strip_prefix("ready ")?.to_owned();
        Some(opencv)
    }

    fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        line.strip_suffix('\n').map(str::to_owned)
    }

    /// How long all frames take to `format`, RGBA or I420.
    pub fn convert(&mut self, format: &str, threads: usize) -> Duration {
        writeln!(self.requests, "{format} {threads}").expect("Python is there");
        let answer = self.answer().expect("an answer of Python");
        Duration::from_nanos(answer.parse().expect("nanoseconds"))
    }

    /// The RGBA picture of the first frame.
    pub fn first_picture(&mut self) -> Vec<u8> {
        let mut picture = vec![0; rgba_bytes(self.target)];
        writeln!(self.requests, "picture").expect("Python is there");
        self.answers.read_exact(&mut picture).expect("a picture");
        picture
    }
}

impl Drop for OpenCv {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}
