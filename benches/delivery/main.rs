//! How fast logd delivers between real services, each job next to a bare loop in the same run.
//!
//! `cargo bench --bench delivery` brings Kafka, Elasticsearch and Redis up by `tests/services/services.sh`, runs each job
//! as a process of its own, in turns with what it is compared with, and prints a table. The rows of a job are those of
//! the round whose share is the median. Names given after `--` choose jobs: `cargo bench --bench delivery -- redis`.
//! `LOGS=200000` makes the input smaller.

// A benchmark prints its table, and stops where it can't go on.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod checkpoints;
mod disk_log;
mod elasticsearch;
mod http;
mod kafka;
mod latency;
mod receiver;
mod redis;
mod rounds;
mod services;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::process::ExitCode;

use bench::Bench;

/// A job, and the name that chooses it.
type Job = (&'static str, fn(&Bench));

/// All jobs, in the order of the table.
const JOBS: [Job; 7] = [
    ("kafka", kafka::run),
    ("checkpoints", checkpoints::run),
    ("redis", redis::run),
    ("latency", latency::run),
    ("elasticsearch", elasticsearch::run),
    ("http", http::run),
    ("disk log", disk_log::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        [kafka::ROLE, brokers, topic, group, count] => kafka::consume(brokers, topic, group, count),
        [elasticsearch::ROLE, url, documents] => elasticsearch::bulk(url, documents),
        [disk_log::ROLE, folder] => disk_log::write(folder),
        [support::http::ROLE, address] => return support::http::run(address),
        names => {
            let bench = Bench::new();
            table::head();
            for (_, job) in JOBS.iter().filter(|(job, _)| support::wanted(names, job)) {
                job(&bench);
            }
        }
    }
    ExitCode::SUCCESS
}
