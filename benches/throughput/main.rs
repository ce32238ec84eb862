//! How fast logd is, as a share of a bare loop in the same run.
//!
//! `cargo bench --bench throughput` makes a million classic logs, runs each job as a process of its own, and prints
//! events a second, CPU seconds a million events, the greatest memory, and the ratio to the bare loop's CPU. Names given
//! after `--` choose jobs: `cargo bench --bench throughput -- window`.

// A benchmark prints its table, and stops where it can't go on.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod jobs;
mod measure;

use std::path::Path;
use std::process::ExitCode;

use measure::{Measured, measure};

/// How many logs the common jobs read.
const LOGS: u64 = 1_000_000;
/// Each job runs this often; the median counts.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [role, input] = &arguments[..]
        && role == bare::ROLE
    {
        return bare::run(Path::new(input));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let logs = folder.path().join("classic.log");
    jobs::generate(&logs, LOGS);
    println!(
        "1 million logs of {} bytes; median of {ROUNDS} runs; one core is core 0.\n",
        jobs::mean_length(&logs, LOGS)
    );
    println!("{:<44} {:>10} {:>10} {:>9} {:>7}", "job", "events/s", "CPU s/M", "memory", "ratio");
    let reference = report("bare loop, one core", LOGS, || measure(&mut bare::command(&logs)), None);
    for job in jobs::all(folder.path(), &logs) {
        if arguments.is_empty() || arguments.iter().any(|name| job.name.contains(name.as_str())) {
            report(&job.name, job.events, || job.measure(), Some(&reference));
        }
    }
    ExitCode::SUCCESS
}

/// Runs a job some times, prints its median, and returns it.
fn report(name: &str, events: u64, run: impl Fn() -> Measured, reference: Option<&Measured>) -> Measured {
    let mut rounds: Vec<Measured> = (0..ROUNDS).map(|_| run().per_million(events)).collect();
    rounds.sort_by(|one, other| one.cpu.total_cmp(&other.cpu));
    let median = rounds.swap_remove(ROUNDS / 2);
    let ratio = reference.map_or_else(String::new, |reference| format!("{:.2}", reference.cpu / median.cpu));
    println!("{name:<44} {:>10.0} {:>10.3} {:>5} MiB {ratio:>7}", 1e6 / median.wall, median.cpu, median.memory >> 20);
    median
}
