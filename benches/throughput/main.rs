//! How fast logd is, as a share of a bare loop in the same run.
//!
//! `cargo bench --bench throughput` makes a million classic logs, runs each job as a process of its own, and prints
//! events a second, CPU seconds a million events, the greatest memory, and the ratio of the bare loop's CPU to the job's.
//! Names given after `--` choose jobs: `cargo bench --bench throughput -- window`.

// A benchmark prints its table, and stops where it can't go on.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod jobs;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;

use support::measure::{Measured, measure};
use support::{http, logd};

/// How many logs the common jobs read.
const LOGS: u64 = 1_000_000;
/// How many the whole path reads: on two cores a million would be over before both are at full speed.
const LONG: u64 = 4_000_000;
/// Each job runs this often; the median of its ratios counts.
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [role, input] = &arguments[..]
        && role == bare::ROLE
    {
        return bare::run(Path::new(input));
    }
    if let [role, address] = &arguments[..]
        && role == http::ROLE
    {
        return http::run(address);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let logs = folder.path().join("classic.log");
    logd::generate(&logs, LOGS);
    let long = folder.path().join("classic-long.log");
    logd::generate(&long, LONG);
    println!(
        "1 million logs of {} bytes; median of {ROUNDS} runs; one core is core 0.\n",
        jobs::mean_length(&logs, LOGS)
    );
    println!("{:<44} {:>10} {:>10} {:>9} {:>7}", "job", "events/s", "CPU s/M", "memory", "ratio");
    let bare = || measure(&mut bare::command(&logs)).per_million(LOGS);
    row("bare loop, one core", &median((0..ROUNDS).map(|_| (bare(), 1.0)).collect()));
    let jobs = jobs::all(folder.path(), &logs, &long);
    for job in &jobs {
        if support::wanted(&arguments, &job.name) {
            // The loop runs before each round of the job: a machine that is slow for a while is slow for both.
            let round = || {
                let bare = bare();
                let measured = job.measure().per_million(job.events);
                let ratio = bare.cpu / measured.cpu;
                (measured, ratio)
            };
            row(&job.name, &median((0..ROUNDS).map(|_| round()).collect()));
            if let [one, all, ..] = &jobs[..]
                && job.name == all.name
            {
                scaling(one, all);
            }
            for change in job.found() {
                println!("    {change}");
            }
        }
    }
    compare_http(folder.path(), &logs, &arguments);
    ExitCode::SUCCESS
}

/// How many times as fast the whole path is on all cores as on one. They take turns, for a machine that is slow for a
/// while is slow for both.
fn scaling(one: &jobs::Job, all: &jobs::Job) {
    let mut times: Vec<f64> = (0..ROUNDS + 2).map(|_| one.measure().wall / all.measure().wall).collect();
    times.sort_by(f64::total_cmp);
    println!("    in turns, all cores are {:.2} times as fast as one", times[times.len() / 2]);
}

/// The `http` source, whose ratios are to a bare hyper server.
fn compare_http(folder: &Path, logs: &Path, arguments: &[String]) {
    use http::Server;
    let mut jobs = vec![
        ("http source, received; one core", Server::Received),
        ("http source, durable; one core", Server::Durable),
    ];
    jobs.retain(|(name, _)| support::wanted(arguments, name));
    if jobs.is_empty() {
        return;
    }
    let bodies = http::bodies(logs);
    let take = |server: Server| http::measure(server, folder, logs, &bodies).0.per_million(LOGS * server.passes());
    row("bare hyper server, one core", &median((0..ROUNDS).map(|_| (take(Server::Bare), 1.0)).collect()));
    for (name, server) in jobs {
        let round = || {
            let bare = take(Server::Bare);
            let measured = take(server);
            let ratio = bare.cpu / measured.cpu;
            (measured, ratio)
        };
        row(name, &median((0..ROUNDS).map(|_| round()).collect()));
    }
}

/// The round whose ratio is the median.
fn median(mut rounds: Vec<(Measured, f64)>) -> (Measured, f64) {
    rounds
        .sort_by(|(one, ratio), (other, other_ratio)| ratio.total_cmp(other_ratio).then(one.cpu.total_cmp(&other.cpu)));
    rounds.swap_remove(rounds.len() / 2)
}

fn row(name: &str, (measured, ratio): &(Measured, f64)) {
    let (events, memory) = (1e6 / measured.wall, measured.memory >> 20);
    println!("{name:<44} {events:>10.0} {:>10.3} {memory:>5} MiB {ratio:>7.2}", measured.cpu);
}
