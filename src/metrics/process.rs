//! What the system says about this process: memory, descriptors, threads and time, under the names that the client libraries
//! of Prometheus use. Read from /proc, which only Linux has; elsewhere these figures are left out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::metrics::exposition::Exposition;

/// The kernel counts time for programs in hundredths of a second, whatever its own clock is (USER_HZ of every machine that
/// Rust's standard library runs on).
const TICKS_A_SECOND: f64 = 100.0;

/// A number of `/proc/self/status`: memory in KiB, or a count.
pub(crate) fn status(name: &str) -> Option<u64> {
    field(&fs::read_to_string("/proc/self/status").ok()?, name)
}

/// Writes all of it.
pub(crate) fn append(out: &mut Exposition) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (name, row, text) in [
        ("process_resident_memory_bytes", "VmRSS:", "memory of the process that is in RAM"),
        ("process_virtual_memory_bytes", "VmSize:", "addresses of the process that are in use"),
    ] {
        if let Some(kib) = field(&status, row) {
            out.gauge(name, text, kib.saturating_mul(1_024));
        }
    }
    if let Some(threads) = field(&status, "Threads:") {
        out.gauge("process_threads", "threads of the process", threads);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the folder that is being read.
        out.gauge("process_open_fds", "open file descriptors", open.count().saturating_sub(1));
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(most) = soft_limit(&limits, "Max open files") {
        out.gauge("process_max_fds", "the most file descriptors that may be open", most);
    }
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)) {
        out.counter(
            "process_cpu_seconds_total",
            "processor time since the start, the system's share included",
            seconds,
        );
    }
}

/// The soft limit of a row of `/proc/self/limits`; `None` if it is unlimited.
pub(crate) fn soft_limit(limits: &str, row: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix(row))?.split_whitespace().next()?.parse().ok()
}

/// One thread of this process, as the system sees it.
pub(crate) struct Task {
    /// Its name, of which the system keeps 15 letters.
    pub(crate) name: String,
    /// `R` works, `S` sleeps, `D` waits for a disk.
    pub(crate) state: char,
    /// The processor time it has had, the system's share included.
    pub(crate) cpu: Duration,
    /// In which function of the kernel it sleeps; empty where that is not told.
    pub(crate) waits_in: String,
}

/// All threads of this process. Those that end meanwhile are left out.
pub(crate) fn tasks() -> Vec<Task> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.filter_map(|entry| task(&entry.path())).collect()
}

fn task(path: &Path) -> Option<Task> {
    let read = |file: &str| fs::read_to_string(path.join(file));
    let stat = read("stat").ok()?;
    let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
    let waits_in = read("wchan").unwrap_or_default();
    Some(Task {
        name: read("comm").ok()?.trim_end().to_string(),
        state,
        cpu: Duration::try_from_secs_f64(cpu_seconds(&stat)?).ok()?,
        // A zero is for "does not sleep" and for "may not be told".
        waits_in: if waits_in == "0" { String::new() } else { waits_in },
    })
}

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// From `/proc/self/stat`. Its second field is the program's name, which may hold anything, so the others are counted from
/// the last bracket: 14 and 15 are time in the program and in the system.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_A_SECOND)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = "71 (a) b (c) S 1 71 71 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 3000 1000000 500";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("71 (a) S 1"), None);
    }

    #[test]
    fn soft_limits_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             96365                96365                processes \n\
                      Max open files            unlimited            unlimited            files     \n";
        assert_eq!(soft_limit(limits, "Max processes"), Some(96_365));
        assert_eq!(soft_limit(limits, "Max open files"), None);
    }

    #[test]
    fn memory_is_read() {
        assert_eq!(field("VmPeak:\t  900 kB\nVmRSS:\t  512 kB\nThreads:\t7\n", "VmRSS:"), Some(512));
        assert_eq!(field("Name:\tchatd\n", "VmRSS:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn threads_are_found_by_their_names() {
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let sleeper = std::thread::Builder::new().name("a (b) sleeper".into()).spawn(move || waits.recv()).unwrap();
        let found = loop {
            let found = tasks().into_iter().find(|task| task.name == "a (b) sleeper");
            if let Some(task) = found.filter(|task| task.state == 'S') {
                break task;
            }
        };
        assert!(found.cpu < Duration::from_secs(60));
        drop(go_on);
        assert!(sleeper.join().unwrap().is_err());
    }
}
