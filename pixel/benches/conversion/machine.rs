//! The machine that a report was made on, as far as it tells.

use lipsyncframes_pixel::backend;
use std::fs;
use std::process::Command;

const OPENCV: &str = "import cv2, numpy; print('OpenCV', cv2.__version__)";

/// In a line.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let cpuinfo = read("/proc/cpuinfo");
    // On virtual machines, the name can be that of no processor at all.
    let fields = ["model name", "cpu family", "model"].map(|field| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let value = fields.find(|(name, _)| name.trim() == field);
        value.map_or("unknown", |(_, value)| value.trim())
    });
    let [name, family, model] = fields;
    let place = match cpuinfo.contains(" hypervisor") {
        true => ", of a virtual machine",
        false => "",
    };
    let caches = (0..4).map(|index| {
        let folder = format!("/sys/devices/system/cpu/cpu0/cache/index{index}");
        read(&format!("{folder}/size"))
    });
    let caches: Vec<String> = caches.collect();
    let load = read("/proc/loadavg");
    format!(
        "{name} (family {family}, model {model}){place}, cores: {cores}, caches: {}; {}; backend {}; {}; \
         load of the minute before: {}.",
        caches.join(", "),
        output("rustc", &["--version"], "rustc unknown"),
        backend(),
        output(
            "python3",
            &["-c", OPENCV],
            "no OpenCV: python3 cannot import cv2"
        ),
        load.split(' ').next().unwrap_or_default(),
    )
}

/// Nothing where it cannot be read.
fn read(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

/// What `program` says, or `otherwise` where it says nothing.
fn output(program: &str, arguments: &[&str], otherwise: &str) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    match String::from_utf8_lossy(&output).trim() {
        "" => otherwise.to_owned(),
        text => text.to_owned(),
    }
}
