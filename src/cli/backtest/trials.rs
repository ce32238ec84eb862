//! The runs of a backtest: each compiles its files, wires them to the recorded input, and is scored.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use logd_backtest::labels::Label;
use logd_backtest::outcome::Trial;
use logd_backtest::scoring::{Question, score};
use logd_sdk::component::{Kind, SourcePlan};
use logd_sdk::{Plan, Time};
use tokio::time::Instant;

use super::progress;
use crate::backtest::{Learning, Recorded, Refusal, Run, Target, Told, Wanted, Wired, wire};
use crate::cli::Exit;
use crate::cli::settings::{compile_instead, say, show};
use crate::config::Texts;
use crate::config::compile::Compiled;
use crate::config::daemon::DaemonSettings;
use crate::config::diagnostic::Diagnostic;
use crate::topology::Workers;

/// Why there is no outcome.
#[derive(Debug)]
pub(in crate::cli) enum Failed {
    /// The command line is wrong.
    Usage(String),
    /// A pipeline is wrong, or can't be backtested.
    Configuration(Vec<Diagnostic>),
    /// Something that is needed is not to be had.
    Unavailable(String),
    /// Somebody has had enough.
    Interrupted,
}

impl Failed {
    /// No event has come that could have been judged.
    pub(in crate::cli) fn nothing_came() -> Self {
        let why = "no event has come to a detector with a time of its own; does `parse` have a `timestamp`, and are these \
                   the files?";
        Self::Unavailable(why.to_owned())
    }

    /// Says it.
    pub(in crate::cli) fn tell(self) -> Exit {
        match self {
            Self::Usage(why) => {
                say(&format!("logd: {why}\n"));
                Exit::Usage
            }
            Self::Configuration(diagnostics) => {
                show(&diagnostics);
                Exit::Configuration
            }
            Self::Unavailable(why) => {
                say(&format!("logd: {why}\n"));
                Exit::Unavailable
            }
            Self::Interrupted => {
                say("logd: interrupted\n");
                Exit::Failure
            }
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The files of a pipeline, compiled.
pub(in crate::cli) struct Files {
    paths: Vec<PathBuf>,
    compiled: Compiled,
    sources: Vec<String>,
}

impl Files {
    /// Reads and checks them.
    pub(in crate::cli) fn compile(paths: &[PathBuf], settings: &DaemonSettings) -> Result<Self, Failed> {
        let files = Self::compile_with(paths, settings, &Texts::new())?;
        // Warnings of the files as they are; a sweep would say them again each time.
        show(&files.compiled.diagnostics);
        Ok(files)
    }

    fn compile_with(paths: &[PathBuf], settings: &DaemonSettings, texts: &Texts) -> Result<Self, Failed> {
        let compiled = compile_instead(paths, settings, false, texts);
        if compiled.errors() > 0 {
            return Err(Failed::Configuration(compiled.diagnostics));
        }
        let sources = compiled.graph.nodes.iter().filter(|node| node.kind() == Kind::Source);
        let sources = sources.map(|node| node.id.to_string()).collect();
        Ok(Self { paths: paths.to_owned(), compiled, sources })
    }

    /// The names of its sources.
    pub(in crate::cli) fn sources(&self) -> &[String] {
        &self.sources
    }

    /// The source of this name, as `NAME` or `FILE/NAME`; without a name the only one.
    pub(super) fn source(&self, name: Option<&str>) -> Option<&dyn SourcePlan> {
        let is_meant = |id: &str| match name {
            Some(name) => id == name || id.split_once('/').is_some_and(|(_, own)| own == name),
            None => self.sources.len() == 1,
        };
        self.compiled.graph.nodes.iter().find_map(|node| match &node.plan {
            Plan::Source(source) if is_meant(&node.id.to_string()) => Some(source.as_ref()),
            _ => None,
        })
    }

    /// A run of them.
    pub(super) fn wire(&self, wanted: &Wanted) -> Result<Wired, Failed> {
        wire(&self.compiled.graph, wanted).map_err(|refusal| self.refused(refusal))
    }

    /// A run of them that learns.
    pub(in crate::cli) fn learning(&self, recorded: &[Recorded], since: Option<Time>) -> Result<Learning, Failed> {
        Learning::wire(&self.compiled.graph, recorded, since).map_err(|refusal| self.refused(refusal))
    }

    /// Where a setting stands in them.
    pub(super) fn target(&self, setting: &str, wanted: &Wanted) -> Result<Target, Failed> {
        Target::find(setting, &self.compiled, &self.wire(wanted)?.detectors).map_err(Failed::Usage)
    }

    /// The same files with another value there.
    pub(super) fn with(&self, target: &Target, value: f64, settings: &DaemonSettings) -> Result<Self, Failed> {
        let texts = target.texts(&self.compiled, value).map_err(Failed::Usage)?;
        Self::compile_with(&self.paths, settings, &texts)
    }

    /// As they are shown.
    pub(super) fn name(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    }

    fn refused(&self, refusal: Refusal) -> Failed {
        match refusal {
            Refusal::Wanted(why) => Failed::Usage(why),
            Refusal::Component { component, message, help } => {
                Failed::Configuration(self.compiled.refusal(&component, &message, help).into_iter().collect())
            }
        }
    }
}

/// Does something on so many threads, unless somebody has had enough.
pub(in crate::cli) fn until_interrupted<T>(
    workers: Workers,
    work: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    workers.runtime()?.block_on(async {
        tokio::select! {
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(Failed::Interrupted),
        }
    })
}

/// Runs to the end of the input, and shows meanwhile how far it is.
pub(super) async fn finish(
    wired: Wired,
    shown: impl Future<Output = Infallible>,
    settings: &DaemonSettings,
    workers: Workers,
) -> Result<Told, Failed> {
    let told = tokio::select! {
        told = Run::finish(wired, settings, workers) => told,
        never = shown => match never {},
    };
    let told = told.map_err(|error| Failed::Unavailable(format!("{error:#}")))?;
    if told.population.is_empty() { Err(Failed::nothing_came()) } else { Ok(told) }
}

/// Runs pipelines over the same input, one after the other: each takes all cores.
pub(super) struct Trials<'t> {
    labels: &'t [Label],
    warm_up: Duration,
    settings: &'t DaemonSettings,
    workers: Workers,
    /// How many runs there will be.
    of: usize,
    /// How many have begun.
    begun: usize,
    started: Instant,
}

impl<'t> Trials<'t> {
    /// None has begun.
    pub(super) fn new(
        labels: &'t [Label],
        warm_up: Duration,
        settings: &'t DaemonSettings,
        workers: Workers,
        of: usize,
    ) -> Self {
        Self { labels, warm_up, settings, workers, of, begun: 0, started: Instant::now() }
    }

    /// Runs files to the end of the input. Also returns the events of the alarms, if they are wanted.
    pub(super) async fn run(&mut self, files: &Files, wanted: &Wanted) -> Result<(Trial, Vec<String>), Failed> {
        let wired = files.wire(wanted)?;
        self.begun += 1;
        let shown = progress::show(wired.run.clone(), self.begun, self.of, self.started);
        let told = finish(wired, shown, self.settings, self.workers).await?;
        let from = told.population.first.after(self.warm_up);
        let question = Question { labels: self.labels, alarms: &told.alarms, population: &told.population, from };
        let scores = score(question);
        let trial =
            Trial { pipeline: files.name(), population: told.population, from, left_out: told.left_out, scores };
        Ok((trial, told.events))
    }
}
