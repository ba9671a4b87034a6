//! Wall and CPU seconds of a piece of work, and the memory it took.

use std::time::Instant;

/// Seconds that a piece of work took.
#[derive(Clone, Copy, Debug)]
pub struct Seconds {
    /// By the clock on the wall.
    pub wall: f64,
    /// Of all threads of the process together; not a number where the system does not tell.
    pub cpu: f64,
}

/// Runs `work` and times it.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Seconds) {
    let (wall, cpu) = (Instant::now(), process_seconds());
    let result = work();
    (
        result,
        Seconds {
            wall: wall.elapsed().as_secs_f64(),
            cpu: process_seconds() - cpu,
        },
    )
}

#[cfg(unix)]
fn process_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(not(unix))]
fn process_seconds() -> f64 {
    f64::NAN
}

/// CPU seconds that the kernel has spent on the process so far, where it tells (Linux), in hundredths.
pub fn kernel_seconds() -> Option<f64> {
    // Field 15; what stands in front of the last parenthesis is the name, which may hold anything.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(12)?.parse().ok()?;
    Some(ticks as f64 / 100.0)
}

/// Largest resident memory of the process so far, where the system tells (Linux).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}
