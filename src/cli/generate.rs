//! `logd generate`: what the generator makes, to stdout.

use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use logd_generator::scenario::{Scenario, Simulation};
use logd_generator::{Plan, write_lines, write_scenario};
use logd_sdk::report::Report;
use logd_sdk::{Clock, Time};

use super::Exit;
use super::settings::say;

/// Write the generator's logs to stdout, one JSON document a line
#[derive(Args, Debug)]
pub(super) struct Generate {
    /// How many lines; without it, until it is stopped or the scenario ends
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Lines a second; 0 is as fast as it can
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "scenario")]
    rate: u32,

    /// The same seed makes the same lines, in the classic scenario but for their times
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Instead of the classic five services, those of a scenario, as fast as it can
    #[arg(long)]
    scenario: Option<Name>,

    /// A file for the scenario's labels, one JSON document a line
    #[arg(long, value_name = "FILE", requires = "scenario")]
    labels: Option<PathBuf>,

    /// When the scenario begins, by RFC 3339; Monday, 2024-01-01 (UTC), without it
    #[arg(long, value_name = "TIME", requires = "scenario", value_parser = time)]
    start: Option<Time>,

    /// How many days the scenario lasts; 14 without it. The first four, or all but one, are without incidents
    #[arg(long, value_name = "N", requires = "scenario")]
    days: Option<u32>,
}

/// A scenario's name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// Twelve services with seasons, noise and labelled incidents, to judge detectors by
    Incidents,
}

fn time(text: &str) -> Result<Time, String> {
    let time = Time::parse_rfc3339(text.as_bytes()).filter(|time| *time >= Time::EPOCH);
    time.ok_or_else(|| "write it as 2025-05-20T09:00:00Z".to_owned())
}

impl Generate {
    pub(super) fn execute(self) -> Exit {
        let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
        let written = match self.scenario {
            None => self.write_classic(&mut out),
            Some(Name::Incidents) => match self.scenario() {
                Ok(scenario) => self.write_scenario(&scenario, &mut out),
                Err(message) => {
                    say(&format!("logd: {message}\n"));
                    return Exit::Usage;
                }
            },
        };
        // What the reader did not want any more needs no second try when the writer is dropped.
        drop(out.into_parts());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                say(&format!("logd: the output can't be written: {error}\n"));
                Exit::Unavailable
            }
            _ => Exit::Ok,
        }
    }

    fn write_classic(&self, out: &mut impl Write) -> io::Result<()> {
        let now = Clock::system().now().as_micros();
        let plan =
            Plan { seed: self.seed, start: now, live: now, rate: self.rate, count: self.count, incidents: Vec::new() };
        tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(write_lines(&plan, out))
    }

    /// The scenario that is asked for, or what is wrong with it.
    fn scenario(&self) -> Result<Scenario, String> {
        let usual = Scenario::incidents();
        let days = self.days.unwrap_or(usual.days);
        let warm_up_days = usual.warm_up_days.min(days.saturating_sub(1));
        let scenario = Scenario { start: self.start.unwrap_or(usual.start), days, warm_up_days, ..usual };
        let mut report = Report::default();
        scenario.check(&mut report);
        report.problems().first().map_or(Ok(scenario), |problem| Err(problem.message.clone()))
    }

    fn write_scenario(&self, scenario: &Scenario, out: &mut impl Write) -> io::Result<()> {
        if let Some(path) = &self.labels {
            let labels = Simulation::new(scenario, self.seed).labels_as_json_lines()?;
            fs::write(path, labels)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        }
        write_scenario(scenario, self.seed, self.count, out)
    }
}
