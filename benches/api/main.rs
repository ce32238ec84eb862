//! What the API costs and how quickly it answers: what the `api` sink takes from the flow, reads and live streams while
//! logs come in, indexing, and full-text search over millions of logs.
//!
//! `cargo bench --bench api` prints a table. The daemon and its clients share the cores of one machine.

// A benchmark prints its figures, and stops where it can't go on.
#![allow(clippy::expect_used, clippy::print_stdout)]

mod client;
mod daemon;
mod reads;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use daemon::Daemon;
use support::measure::now;
use support::wanted;

/// Logs of one flow at full speed: some ten seconds, so that the start of the API does not count.
const FLOW: u64 = 20_000_000;
/// More logs a second than can be made. They have the times at which they were due, so that a window has as many logs as
/// it has at such a speed.
const DUE: u64 = 4_000_000;
/// How often the flow is measured, with and without the sink in turns.
const ROUNDS: usize = 3;
/// Logs that are searched.
const SEARCHED: u64 = 5_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    println!("| what | figure | wanted |");
    println!("|---|---:|---:|");
    if wanted(&arguments, "flow") {
        flow();
    }
    if wanted(&arguments, "reads") {
        reads();
    }
    if wanted(&arguments, "search") {
        search();
    }
    ExitCode::SUCCESS
}

fn row(what: &str, figure: impl std::fmt::Display, wanted: &str) {
    println!("| {what} | {figure} | {wanted} |");
}

/// What the sink takes from the flow while its budget is what it is without a setting.
fn flow() {
    let run = |with_api: bool| {
        let daemon = Daemon::start(&daemon::pipeline(&format!("rate = {DUE}\ncount = {FLOW}"), with_api), "");
        let start = now();
        daemon.wait_for_events(FLOW);
        let wall = start.elapsed().as_secs_f64();
        (wall, daemon.stop())
    };
    let mut shares: Vec<_> = (0..ROUNDS)
        .map(|round| {
            let (with, without) = if round % 2 == 0 {
                let without = run(false);
                (run(true), without)
            } else {
                let with = run(true);
                (with, run(false))
            };
            (without.0 / with.0, without, with)
        })
        .collect();
    shares.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (share, without, with) = shares.swap_remove(ROUNDS / 2);
    let speed = |(wall, cpu): (f64, f64)| {
        let millions = FLOW as f64 / 1e6;
        format!("{:.0} logs/s, {:.2} CPU s per million", FLOW as f64 / wall, cpu / millions)
    };
    row("generator → parse → window → detectors, all cores", speed(without), "");
    row("the same, and the `api` sink", speed(with), "");
    row("what that takes of the speed", format!("{:.0} %", 100.0 * (1.0 - share)), "under 20 %");
}

/// Reads and streams while logs come in.
fn reads() {
    const RATE: u64 = 50_000;
    const WARM: Duration = Duration::from_secs(5);
    let daemon = Daemon::start(&daemon::pipeline(&format!("rate = {RATE}"), true), "rate_limit = 100000\n");
    let client = daemon.client();
    std::thread::sleep(WARM);
    let mut outcome = reads::run(&client);
    let before = client.total_logs();
    let start = now();
    std::thread::sleep(Duration::from_secs(2));
    let flow = (client.total_logs() - before) as f64 / start.elapsed().as_secs_f64();
    let memory = daemon.memory();
    daemon.stop();
    row(
        "reads, 200 a second mixed, beside 50 streams and 50,000 logs/s: p50",
        format!("{:.1} ms", reads::quantile(&mut outcome.waits, 50)),
        "",
    );
    row("the same: p99", format!("{:.1} ms", reads::quantile(&mut outcome.waits, 99)), "under 50 ms");
    row("events that the streams got", format!("{:.0}/s each", outcome.streamed), "");
    row("logs that came in meanwhile", format!("{flow:.0}/s"), "");
    row("memory of the daemon meanwhile", format!("{} MiB", memory >> 20), "under 200 MiB");
}

/// Indexing without a budget, and searching what was indexed.
fn search() {
    let source = format!("rate = 0\ncount = {SEARCHED}");
    let settings = "rate_limit = 100000\nmax_rate = 100000000\nretention = { max_bytes = \"100 GiB\" }\n";
    let daemon = Daemon::start(&daemon::pipeline(&source, true), settings);
    let client = daemon.client();
    let start = now();
    client.wait_for_indexed(SEARCHED);
    let wall = start.elapsed().as_secs_f64();
    let cpu = daemon.cpu();
    row("logs indexed, without a budget", format!("{:.0} logs/s", SEARCHED as f64 / wall), "");
    row("the same by CPU time of all the daemon", format!("{:.0} logs/s and core", SEARCHED as f64 / cpu), "");
    row("on disk", format!("{:.0} bytes a log", daemon.archive_bytes() as f64 / SEARCHED as f64), "");
    let mut waits = reads::searches(&client);
    let title = format!("full-text search over {} million logs", SEARCHED / 1_000_000);
    row(&format!("{title}: p50"), format!("{:.0} ms", reads::quantile(&mut waits, 50)), "");
    row(&format!("{title}: p99"), format!("{:.0} ms", reads::quantile(&mut waits, 99)), "under 200 ms");
    row("memory of the daemon then", format!("{} MiB", daemon.memory() >> 20), "");
    daemon.stop();
}
