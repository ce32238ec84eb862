//! `logd backtest`: how good the alarms of a pipeline would have been, over recorded input.

mod arguments;
mod numenta;
pub(super) mod progress;
mod recording;
mod trials;

use std::path::PathBuf;

use clap::Args;
use logd_backtest::gates::Gates;
use logd_backtest::outcome::{Compared, Outcome, Swept, SweptRow};
use logd_backtest::sweep::Sweep;
use logd_backtest::{compare, labels, report, text};
use logd_sdk::settings::Duration;
use serde::Serialize;

use self::numenta::Benchmark;
pub(super) use self::recording::Recording;
use self::trials::Trials;
pub(super) use self::trials::{Failed, Files, until_interrupted};
use super::Exit;
use super::running::Format;
use super::settings::{print, read_settings, say, show};
use crate::backtest::Wanted;
use crate::config::daemon::DaemonSettings;
use crate::daemon;
use crate::telemetry::{Log, LogFormat};
use crate::topology::Workers;

/// What speaks of labels of logd's own, or of one run.
const NOT_WITH_NAB: [&str; 8] =
    ["input", "labels", "warm_up", "compare", "report", "anomalies", "min_recall", "max_false_per_day"];

/// Run recorded input through pipelines, and say how good their alarms are
///
/// The same files and the same binary as `logd run`, with time told by the events alone. Nothing is delivered, and
/// nothing is kept in `data_dir`.
#[derive(Args, Debug)]
pub(super) struct Backtest {
    /// A pipeline file, or a folder of them; several if they refer to one another
    #[arg(required = true, value_name = "PIPELINE")]
    pipelines: Vec<PathBuf>,

    /// Recorded lines in the place of a source, read in this order: files or patterns, `.gz` too, or the messages of a
    /// topic, kafka://BROKER:PORT/TOPIC, by their times; NAME is the source, if there are several
    #[arg(long, required_unless_present = "nab", num_args = 1.., value_name = "[NAME=]FILES")]
    input: Vec<String>,

    /// Score by the rules of the Numenta Anomaly Benchmark instead: each series of a folder in its layout,
    /// `data/CATEGORY/FILE.csv` and `labels/combined_windows.json`, is the input of a run of its own
    #[arg(long, value_name = "FOLDER", conflicts_with_all = NOT_WITH_NAB)]
    nab: Option<PathBuf>,

    /// Other series in the same layout: of the values of `--sweep` the best is chosen on these, for each profile, and left
    /// as it is
    #[arg(long, value_name = "FOLDER", requires_all = ["nab", "sweep"])]
    nab_train: Option<PathBuf>,

    /// What really happened, a JSON object on each line: `service`, `kind`, `start`, `end`, `benign`; without it every
    /// alarm counts as false
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// What is before this much of the input does not count: baselines have to be learned
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    warm_up: Duration,

    /// An output whose events are alarms, NAME.PORT (may be given more than once) [default: all outputs `anomalies`]
    #[arg(long, value_name = "NAME.PORT")]
    alarms: Vec<String>,

    /// Another pipeline, to see what changes
    #[arg(long, num_args = 1.., value_name = "PIPELINE")]
    compare: Vec<PathBuf>,

    /// The same with other values of a setting, SETTING=FROM..TO or FROM..TO/STEPS: `sensitivity=0.5..2` of all
    /// detectors that have it, or of one transform, `transforms.NAME.SETTING=FROM..TO`
    #[arg(long, value_name = "SETTING=FROM..TO")]
    sweep: Option<Sweep>,

    /// Write a report with charts, one HTML file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Write the anomaly events, a JSON object on each line
    #[arg(long, value_name = "FILE")]
    anomalies: Option<PathBuf>,

    /// Exit 1 if less than this share of the incidents is found
    #[arg(long, value_name = "SHARE", requires = "labels")]
    min_recall: Option<f64>,

    /// Exit 1 if there are more false alarms than this for each service and day
    #[arg(long, value_name = "NUMBER")]
    max_false_per_day: Option<f64>,

    /// How it is shown
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// The daemon's settings; without it ./logd.toml, then /etc/logd/logd.toml, then the defaults
    #[arg(long, value_name = "FILE", env = "LOGD_CONFIG")]
    config: Option<PathBuf>,

    /// How many threads work on events [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
}

impl Backtest {
    pub(super) fn execute(self) -> Exit {
        let (settings, diagnostics) = read_settings(self.config.as_deref());
        show(&diagnostics);
        let Some(mut settings) = settings else { return Exit::Configuration };
        settings.limits.threads = self.threads.or(settings.limits.threads);
        // What a source warns of is shown, and nothing else of how the engine is.
        if let Err(error) = Log::start(LogFormat::Text, "warn") {
            say(&format!("logd: {error:#}\n"));
            return Exit::Usage;
        }
        let workers = Workers::new(daemon::threads(&settings));
        until_interrupted(workers, self.told(&settings, workers)).unwrap_or_else(Failed::tell)
    }

    /// Runs all that is asked for, and shows it.
    async fn told(&self, settings: &DaemonSettings, workers: Workers) -> Result<Exit, Failed> {
        let Some(folder) = &self.nab else { return Ok(self.tell(&self.outcome(settings, workers).await?)) };
        if self.sweep.is_some() && self.nab_train.is_none() {
            let why = "with --nab a --sweep says what is chosen by --nab-train, which is missing";
            return Err(Failed::Usage(why.to_owned()));
        }
        let training = self.nab_train.as_deref().zip(self.sweep.as_ref());
        let benchmark = Benchmark { folder, training, alarms: &self.alarms, settings, workers };
        let outcome = benchmark.outcome(&Files::compile(&self.pipelines, settings)?).await?;
        Ok(self.print(&outcome, outcome.to_string()))
    }

    /// Runs recorded input.
    async fn outcome(&self, settings: &DaemonSettings, workers: Workers) -> Result<Outcome, Failed> {
        let labels = match &self.labels {
            None => Vec::new(),
            Some(path) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failed::Unavailable(format!("{shown} can't be read: {error}")))?;
                labels::read(&text).map_err(|error| Failed::Usage(format!("{shown}, {error}")))?
            }
        };
        let files = Files::compile(&self.pipelines, settings)?;
        let others = if self.compare.is_empty() { None } else { Some(Files::compile(&self.compare, settings)?) };
        let recording = Recording::new(&self.input, &files)?;
        let wanted = Wanted {
            recorded: recording.recorded.clone(),
            alarms: self.alarms.clone(),
            keep_events: self.anomalies.is_some(),
        };
        // What can't be run is said before anything is fetched.
        files.wire(&wanted)?;
        recording.fetch().await?;
        let gates = Gates { min_recall: self.min_recall, max_false_per_day: self.max_false_per_day };
        let steps = self.sweep.as_ref().map_or(0, |sweep| sweep.values.len());
        let runs = 1 + steps + usize::from(others.is_some());
        let mut trials = Trials::new(&labels, self.warm_up.into(), settings, workers, runs);

        let (trial, events) = trials.run(&files, &wanted).await?;
        if let Some(path) = &self.anomalies {
            let lines: String = events.into_iter().map(|line| line + "\n").collect();
            write(path, &lines)?;
        }
        let wanted = Wanted { keep_events: false, ..wanted };
        let compared = match &others {
            None => None,
            Some(others) => {
                let (other, _) = trials.run(others, &wanted).await?;
                Some(Compared { difference: compare::compare(&trial.scores, &other.scores), trial: other })
            }
        };
        let sweep = match &self.sweep {
            None => None,
            Some(sweep) => {
                let target = files.target(&sweep.setting, &wanted)?;
                let mut rows = Vec::new();
                for &value in &sweep.values {
                    let (trial, _) = trials.run(&files.with(&target, value, settings)?, &wanted).await?;
                    let figures = trial.scores.total;
                    rows.push(SweptRow { value, failures: gates.failures(&figures), figures });
                }
                Some(Swept { setting: sweep.setting.clone(), rows })
            }
        };
        let failures = gates.failures(&trial.scores.total);
        let outcome = Outcome { trial, compared, sweep, failures };
        if let Some(path) = &self.report {
            write(path, &report::html(&outcome))?;
        }
        Ok(outcome)
    }

    /// Shows an outcome, or the text that is made of it.
    fn print(&self, outcome: &impl Serialize, text: String) -> Exit {
        print(&match self.format {
            Format::Text => text,
            // It has only texts for keys, the one thing that could not be written.
            Format::Json => serde_json::to_string_pretty(outcome).unwrap_or_default() + "\n",
        })
    }

    fn tell(&self, outcome: &Outcome) -> Exit {
        let printed = self.print(outcome, text::text(outcome));
        for failure in &outcome.failures {
            say(&format!("logd: {failure}\n"));
        }
        match printed {
            Exit::Ok if !outcome.failures.is_empty() => Exit::Failure,
            printed => printed,
        }
    }
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Failed> {
    std::fs::write(path, text)
        .map_err(|error| Failed::Unavailable(format!("{} can't be written: {error}", path.display())))
}
