//! `logd test`: the tests that stand in pipeline files.

mod junit;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use super::settings::{compile_tested, print, read_settings, say, show};
use crate::config::compile::Compiled;
use crate::config::daemon::DaemonSettings;
use crate::daemon;
use crate::pipeline_tests::{PipelineTest, Verdict, run};
use crate::telemetry::{Log, LogFormat};
use crate::topology::Workers;

/// Run the tests that stand in pipeline files as `[[tests]]`
///
/// Each runs by itself, with time told by its events alone: sources give nothing, nothing is delivered, and nothing is
/// kept in `data_dir`.
#[derive(Args, Debug)]
pub(super) struct Test {
    /// A pipeline file, or a folder of them; several if they refer to one another [default: the pipelines of logd.toml]
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,

    /// Only those in whose name this stands
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,

    /// How what came of it is shown
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Write it there, and not to stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The daemon's settings; without it ./logd.toml, then /etc/logd/logd.toml, then the defaults
    #[arg(long, value_name = "FILE", env = "LOGD_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// JUnit's XML, for CI
    Junit,
}

impl Test {
    pub(super) fn execute(self) -> Exit {
        let (settings, diagnostics) = read_settings(self.config.as_deref());
        show(&diagnostics);
        let Some(settings) = settings else { return Exit::Configuration };
        let paths = if self.files.is_empty() { vec![settings.pipelines.clone()] } else { self.files.clone() };
        let compiled = compile_tested(&paths, &settings, false);
        show(&compiled.diagnostics);
        if compiled.errors() > 0 {
            return Exit::Configuration;
        }
        let tests: Vec<&PipelineTest> = compiled.tests.iter().filter(|test| self.is_chosen(test)).collect();
        if let (true, Some(filter)) = (tests.is_empty(), &self.filter) {
            say(&format!("logd: no test has `{filter}` in its name\n"));
            return Exit::Usage;
        }
        if let Err(error) = Log::start(LogFormat::Text, "error") {
            say(&format!("logd: {error:#}\n"));
            return Exit::Usage;
        }
        let verdicts = match verdicts(&compiled, &tests, &settings) {
            Ok(verdicts) => verdicts,
            Err(error) => {
                say(&format!("logd: {error}\n"));
                return Exit::Unavailable;
            }
        };
        match self.tell(&verdicts) {
            Exit::Ok if !verdicts.iter().all(Verdict::passed) => Exit::Failure,
            told => told,
        }
    }

    fn is_chosen(&self, test: &PipelineTest) -> bool {
        self.filter.as_ref().is_none_or(|filter| test.settings.name.contains(filter))
    }

    fn tell(&self, verdicts: &[Verdict]) -> Exit {
        let shown = match self.format {
            Format::Text => Ok(text::text(verdicts)),
            Format::Junit => junit::xml(verdicts),
        };
        match (shown, &self.output) {
            (Ok(shown), None) => print(&shown),
            (Ok(shown), Some(path)) => match std::fs::write(path, shown) {
                Ok(()) => Exit::Ok,
                Err(error) => {
                    say(&format!("logd: {} can't be written: {error}\n", path.display()));
                    Exit::Unavailable
                }
            },
            (Err(error), _) => {
                say(&format!("logd: {error:#}\n"));
                Exit::Unavailable
            }
        }
    }
}

/// Runs the tests, one after the other: each takes all cores.
fn verdicts(compiled: &Compiled, tests: &[&PipelineTest], settings: &DaemonSettings) -> std::io::Result<Vec<Verdict>> {
    let workers = Workers::new(daemon::threads(settings));
    let runtime = workers.runtime()?;
    let verdict = |test: &&PipelineTest| {
        let result = runtime.block_on(run(&compiled.graph, test, settings, workers));
        Verdict {
            pipeline: test.pipeline.clone(),
            name: test.settings.name.clone(),
            path: test.file.path().display().to_string(),
            result: result.map_err(|error| format!("{error:#}")),
        }
    };
    Ok(tests.iter().map(verdict).collect())
}
