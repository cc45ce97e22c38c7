//! The environment variable `LIPSYNCFRAMES_BACKEND`, which is read once in a process.

use super::*;
use gstlipsyncframes::pixel;

const VARIABLE: &str = "LIPSYNCFRAMES_BACKEND";

/// What a process prints that converts with the variable set to `value`, or not set.
fn converting_with(value: Option<&str>) -> String {
    patience::in_own_process("backend::in_a_process_of_its_own", &[(VARIABLE, value)])
}

#[track_caller]
fn assert_uses(printed: &str, backend: &str) {
    let line = format!("converted by {backend}");
    assert!(printed.lines().any(|printed| printed == line), "{printed}");
}

/// Lines on standard error about the variable.
fn remarks(printed: &str) -> Vec<&str> {
    let is_remark = |line: &&str| line.contains(VARIABLE);
    printed.lines().filter(is_remark).collect()
}

fn fastest() -> &'static str {
    pixel::backends().next().expect("a backend")
}

#[test]
fn each_backend_can_be_asked_for() {
    // Where there are several, those that are not the fastest show that the variable counts.
    for backend in pixel::backends() {
        let printed = converting_with(Some(backend));
        assert_uses(&printed, backend);
        assert_eq!(remarks(&printed), [""; 0]);
    }
}

#[test]
fn the_fastest_is_used_where_nothing_is_asked_for() {
    let printed = converting_with(None);
    assert_uses(&printed, fastest());
    assert_eq!(remarks(&printed), [""; 0]);
}

#[test]
fn one_that_is_not_there_is_replaced_by_the_fastest_and_a_line_says_so() {
    // Names are taken as they are.
    let shouted = fastest().to_uppercase();
    for asked in ["abacus", "", &shouted] {
        let printed = converting_with(Some(asked));
        assert_uses(&printed, fastest());
        let remarks = remarks(&printed);
        assert_eq!(remarks.len(), 1, "{printed}");
        let names: Vec<&str> = pixel::backends().collect();
        for part in [format!("{VARIABLE}={asked} "), names.join(", ")] {
            assert!(remarks[0].contains(&part), "no {part} in {}", remarks[0]);
        }
    }
}

#[test]
#[ignore = "run by the other tests of this file"]
fn in_a_process_of_its_own() {
    let mut setup = Setup::new("").downstream("video/x-raw").upstream(SMALL);
    setup.harness.push(small_frames(&[7, 9])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [7, 9]);
    let stats: gst::Structure = setup.element.property("stats");
    // On a line of its own: libtest has not ended its line.
    println!("\nconverted by {}", stats.get::<&str>("backend").unwrap());
}
