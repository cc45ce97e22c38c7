//! Waits that end, also where what they wait for never comes.

// Every test program has a copy of this, and uses some of it.
#![allow(dead_code)]

use std::fmt::Debug;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine. Only a failure waits so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The same for a whole program, which may do many things that take long.
pub const PATIENCE_WITH_PROGRAMS: Duration = PATIENCE.saturating_mul(5);

/// [`PATIENCE`], as GStreamer takes it.
pub fn clock_time() -> gst::ClockTime {
    gst::ClockTime::from_seconds(PATIENCE.as_secs())
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(comes_within(PATIENCE, is_so), "in vain: {what}");
}

/// Asks until the answer is right, and returns it.
#[track_caller]
pub fn until_right<T: Debug>(
    what: &str,
    mut ask: impl FnMut() -> T,
    is_right: impl Fn(&T) -> bool,
) -> T {
    let mut answer = None;
    let comes = comes_within(PATIENCE, || is_right(answer.insert(ask())));
    assert!(comes, "in vain: {what}. In the end: {answer:?}");
    answer.expect("asked once at least")
}

/// What `work` returns, which may wait for others without a limit of its own.
///
/// Where that takes too long the test fails, and leaves it behind on its thread.
#[track_caller]
pub fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        // Nobody receives what comes too late.
        let _ = sender.send(work());
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("in vain: {what}"),
        Err(RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it sends before it ends"),
        },
    }
}

/// Runs a program to its end.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    output_for_input(command, &[])
}

/// Runs a program to its end, which finds `input` on its standard input, and nothing after it.
#[track_caller]
pub fn output_for_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // It may end without having read all of it.
    thread::spawn(move || stdin.write_all(&input));
    let stdout = read_to_end(child.stdout.take().expect("a pipe"));
    let stderr = read_to_end(child.stderr.take().expect("a pipe"));
    let status = end_within(&mut child, PATIENCE_WITH_PROGRAMS);
    let [stdout, stderr] = [stdout, stderr].map(|pipe| {
        pipe.recv_timeout(PATIENCE)
            .expect("whoever inherited the program's pipe closes it")
    });
    match status {
        Some(status) => Output {
            status,
            stdout,
            stderr,
        },
        None => {
            let [stdout, stderr] = [&stdout, &stderr].map(|text| String::from_utf8_lossy(text));
            panic!("in vain: the end of {command:?}, which said\n{stdout}{stderr}")
        }
    }
}

/// Waits for the end of a program, which is killed if it does not come.
#[track_caller]
pub fn end_of(child: &mut Child) -> ExitStatus {
    end_within(child, PATIENCE).expect("the program's end within the time")
}

/// Runs the ignored test `name` of this test program in a process of its own, with these environment
/// variables set or, where there is no value, removed. Returns what it printed.
#[track_caller]
pub fn in_own_process(name: &str, environment: &[(&str, Option<&str>)]) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this program's path"));
    // With one thread libtest has no need to start one, which some tests forbid.
    command.args([
        "--exact",
        name,
        "--ignored",
        "--test-threads=1",
        "--nocapture",
    ]);
    for (variable, value) in environment {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let output = output(&mut command);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    // Not so where there is no test of this name.
    assert!(text.contains("1 passed"), "{text}");
    text
}

/// `None` where the end did not come and the program has been killed.
fn end_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut status = None;
    comes_within(limit, || {
        status = child.try_wait().expect("a program's status");
        status.is_some()
    });
    if status.is_none() {
        // It can have ended by itself just now.
        let _ = child.kill();
        let _ = child.wait();
    }
    status
}

fn comes_within(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Reads on a thread of its own, so that the writer never waits for a reader.
fn read_to_end(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let result = pipe.read_to_end(&mut bytes);
        result.expect("what a program prints");
        // Nobody receives what comes too late.
        let _ = sender.send(bytes);
    });
    receiver
}
