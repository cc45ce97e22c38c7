//! The machine that a report was made on, as far as it tells.

use lipsyncframes_pixel::backend;
use std::fs;
use std::process::Command;

pub fn describe() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let items = [
        Some(format!("{}, cores: {cores}", processor())),
        caches(),
        memory(),
        read("/proc/sys/kernel/osrelease").map(|release| format!("Linux {release}")),
        rustc(),
        Some(format!("backend {}", backend())),
        read("/proc/loadavg").map(|load| {
            let minute = load.split(' ').next().unwrap_or_default();
            format!("load of the minute before: {minute}")
        }),
    ];
    items.into_iter().flatten().collect()
}

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

/// The first value of `field` in a file like /proc/cpuinfo.
fn field(path: &str, field: &str) -> Option<String> {
    let text = read(path)?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.trim() == field)?;
    Some(value.trim().to_owned())
}

fn processor() -> String {
    let cpuinfo = |name| field("/proc/cpuinfo", name);
    let Some(name) = cpuinfo("model name") else {
        return format!("{} processor", std::env::consts::ARCH);
    };
    // On virtual machines, the name can be that of no processor at all.
    let number = cpuinfo("cpu family").zip(cpuinfo("model"));
    let number = number.map_or_else(String::new, |(family, model)| {
        format!(" (family {family}, model {model})")
    });
    let is_virtual = cpuinfo("flags").is_some_and(|flags| flags.contains("hypervisor"));
    let place = if is_virtual {
        ", of a virtual machine"
    } else {
        ""
    };
    format!("{name}{number}{place}")
}

fn caches() -> Option<String> {
    let caches = (0..).map_while(|index| {
        let folder = format!("/sys/devices/system/cpu/cpu0/cache/index{index}");
        let [level, kind, size] =
            ["level", "type", "size"].map(|name| read(&format!("{folder}/{name}")));
        Some((level?, kind?, size?))
    });
    let caches = caches.filter(|(_, kind, _)| kind != "Instruction");
    let caches: Vec<String> = caches
        .map(|(level, _, size)| format!("L{level} {size}"))
        .collect();
    (!caches.is_empty()).then(|| format!("caches: {}", caches.join(", ")))
}

fn memory() -> Option<String> {
    let total = field("/proc/meminfo", "MemTotal")?;
    let kilobytes: f64 = total.trim_end_matches(" kB").parse().ok()?;
    Some(format!(
        "memory: {:.0} GiB, of unknown speed",
        kilobytes / 1024.0 / 1024.0
    ))
}

fn rustc() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    output.status.success().then_some(())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
