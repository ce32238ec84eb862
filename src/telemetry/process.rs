//! The `process_*` metrics: what the operating system says of this process.
//!
//! Source of all: proc_pid_stat(5), proc_pid_limits(5), proc_pid_fd(5), and `btime` of proc_stat(5).
//!
//! They are read when somebody asks and written as text: CPU time has fractions, which counters in memory have not.

use std::fmt::Write;

use procfs::ProcResult;
use procfs::process::{LimitValue, Process};

use super::names;

/// Appends the metrics to `text` in Prometheus' format; none where `/proc` can't be read.
pub(super) fn write(text: &mut String) {
    for (name, value) in read().into_iter().flatten() {
        if let Some(metric) = names::find(name) {
            let (description, kind) = (metric.description, metric.kind.name());
            // Writing to a string can't fail.
            let _ = writeln!(text, "# HELP {name} {description}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
    }
}

/// Names and values, as Prometheus' client libraries have them; `process_threads` is from others.
///
/// The kernel counts CPU time and the start in ticks (of 10 ms, nearly everywhere), memory in pages.
#[allow(clippy::cast_precision_loss)]
fn read() -> ProcResult<[(&'static str, f64); 6]> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    let ticks = procfs::ticks_per_second() as f64;
    let max_fds = match process.limits()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => limit as f64,
        LimitValue::Unlimited => f64::INFINITY,
    };
    Ok([
        ("process_cpu_seconds_total", (stat.utime + stat.stime) as f64 / ticks),
        ("process_max_fds", max_fds),
        ("process_open_fds", process.fd_count()? as f64),
        ("process_resident_memory_bytes", (stat.rss * procfs::page_size()) as f64),
        ("process_start_time_seconds", procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks),
        ("process_threads", stat.num_threads as f64),
    ])
}

#[cfg(test)]
mod tests {
    use logd_sdk::Clock;

    use super::*;

    #[test]
    fn says_what_this_process_uses() {
        let figures = read().expect("/proc");
        let figure = |name: &str| figures.iter().find(|figure| figure.0 == name).expect(name).1;
        assert!(figure("process_resident_memory_bytes") > 1e6);
        assert!(figure("process_threads") >= 1.0);
        assert!((3.0..=figure("process_max_fds")).contains(&figure("process_open_fds")));
        #[allow(clippy::cast_precision_loss)]
        let now = Clock::system().now().as_micros() as f64 / 1e6;
        let age = now - figure("process_start_time_seconds");
        // The kernel's boot time is in whole seconds.
        assert!((-2.0..86_400.0).contains(&age), "{age}");

        let mut text = String::new();
        write(&mut text);
        assert_eq!(text.matches("# TYPE process_").count(), figures.len(), "all are in the table");
    }
}
