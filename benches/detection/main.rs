//! How well logd detects: one table of all that is asked of it.
//!
//! `cargo bench --bench detection` simulates two weeks of twelve services under seeds that no detector was tuned on, with
//! labelled incidents and without, lets `detect`, the classic rules and an alarm clock watch them, and prints what each
//! finds, how soon, and how often it is wrong; then the classic generator's stream, the Numenta Anomaly Benchmark, and
//! what it costs. A figure that misses what it must be is marked, and the program ends with 1 then.
//!
//! `-- --nab FOLDER` (or `LOGD_NAB`) names the corpus of that benchmark, which is not part of this repository;
//! `--seeds 1,2,3` and `--days N` change the workload, and `--quick` makes it small, to see that all of it runs.

// A benchmark prints its table, and stops where it can't go on.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod arguments;
mod cost;
mod incidents;
mod numenta;
mod table;
mod trial;

use std::process::ExitCode;
use std::time::Duration;

use logd_generator::scenario::Scenario;

use arguments::Arguments;
use table::{Figure, Goal, Table};
use trial::{Contender, Stream};

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::from(2);
        }
    };
    let mut scenario = if arguments.quick { trial::small() } else { Scenario::incidents() };
    scenario.days = arguments.days.unwrap_or(scenario.days);
    println!(
        "Seeds {:?}, {} days of which the first {} don't count.",
        arguments.seeds(),
        scenario.days,
        scenario.warm_up_days
    );

    let mut table = Table::default();
    cost::run(&mut table);
    incidents::run(&scenario, &arguments.seeds(), &mut table);
    stream(if arguments.quick { 6 } else { 36 }, &mut table);
    numenta::run(arguments.nab.as_deref(), &mut table);
    println!("\nMusts that are missed: {}.", table.missed);
    if table.missed == 0 || arguments.quick { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The classic generator's stream: 7.5 service-days of it are 36 hours.
fn stream(hours: u32, table: &mut Table) {
    /// Logs a second, over all services.
    const RATE: u32 = 100;
    let classic = Contender::Classic { apart: Duration::ZERO };
    let stream = Stream::run(hours, RATE, &[Contender::Detect { sensitivity: 1.0 }, classic]);
    table.begin(&format!(
        "classic generator: {:.1} M logs, {} service-days",
        stream.logs as f64 / 1e6,
        stream.service_days
    ));
    let quiet = Goal::AtMost { must: Figure::Count(1), wanted: Figure::Count(0) };
    table.row("alarms of detect", Some(Figure::Count(stream.alarms[0])), quiet);
    table.known("alarms of the classic rules", stream.alarms[1]);
}
