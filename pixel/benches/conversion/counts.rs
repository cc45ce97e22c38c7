//! Instructions and cache misses, as valgrind counts them.

use crate::frames::{SOURCE, TARGET_SIZE, frames, name, planes, rgba_bytes, target};
use crate::report::Report;
use lipsyncframes_pixel::{PixelFormat, Plan, backends};
use std::error::Error;
use std::process::Command;

const FRAMES: usize = 4;

/// A usual processor's caches, so that every machine counts the same: 32 KiB, and 2 MiB behind.
const CACHES: [&str; 2] = ["--D1=32768,8,64", "--LL=2097152,16,64"];

/// What valgrind is to watch.
pub fn convert(backend: &str, format: &str) -> Result<(), Box<dyn Error>> {
    let format = PixelFormat::ALL
        .into_iter()
        .find(|&known| name(known) == format)
        .ok_or_else(|| format!("unknown format {format}"))?;
    let target = target(format);
    let mut plan = Plan::with_backend(SOURCE, target, backend)?;
    let mut out = vec![0; rgba_bytes(TARGET_SIZE)];
    for frame in frames(&SOURCE, FRAMES) {
        plan.convert_in_bands(&frame, planes(&mut out, &target), 1, 1)?;
    }
    Ok(())
}

/// Events of one frame: instructions, misses of the first-level data cache, of the last level.
fn count(backend: &str, format: &str) -> Option<[u64; 3]> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--cache-sim=yes",
        ])
        .args(CACHES)
        .arg("--toggle-collect=*convert_in_bands*")
        .arg(std::env::current_exe().ok()?)
        .args(["--convert", backend, format])
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let after = |label| {
        let (_, rest) = text.split_once(label)?;
        Some(rest.lines().next()?.split_whitespace())
    };
    let counts = after("Collected :")?.map(|count| count.parse().unwrap_or(0));
    let events: Vec<(&str, u64)> = after("Events    :")?.zip(counts).collect();
    let sum = |names: &[&str]| {
        let all = events.iter().filter(|(name, _)| names.contains(name));
        all.map(|(_, count)| count).sum::<u64>() / FRAMES as u64
    };
    Some([sum(&["Ir"]), sum(&["D1mr", "D1mw"]), sum(&["DLmr", "DLmw"])])
}

pub fn measure(report: &mut Report) {
    let mut lines = Vec::new();
    for format in ["RGBA", "I420"] {
        for backend in backends() {
            // Valgrind does not know the instructions of all of them.
            let Some(counts) = count(backend, format) else {
                continue;
            };
            let thousands = counts.map(|count| format!("{:.1}", count as f64 / 1e3));
            lines.push((format!("BGR to {format}, {backend}"), thousands));
        }
    }
    if lines.is_empty() {
        report.note("Instructions are not counted: valgrind does not run.");
        return;
    }
    let columns = [
        "1000 instructions",
        "1000 misses of 32 KiB",
        "1000 misses of 2 MiB",
    ];
    let title = "Counted by valgrind: a frame of 640x360 to 320x320";
    report.table(title, columns, lines);
}
