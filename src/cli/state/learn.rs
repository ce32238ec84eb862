//! `logd state learn`: what is usual, from history.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use logd_backtest::outcome::LeftOut;
use tokio::time::Instant;

use crate::checkpoint::Store;
use crate::cli::Exit;
use crate::cli::backtest::{Failed, Files, Recording, progress, until_interrupted};
use crate::cli::moment::Moment;
use crate::cli::settings::print;
use crate::config::daemon::DaemonSettings;
use crate::daemon::{self, CHECKPOINTS, DataDir};
use crate::state::{self, Listed, Plans};
use crate::telemetry::{Log, LogFormat};
use crate::topology::Workers;

/// What to learn, and from what.
#[derive(Args, Debug)]
pub(super) struct Learn {
    /// A pipeline file, or a folder of them; several if they refer to one another
    #[arg(required = true, value_name = "PIPELINE")]
    pipelines: Vec<PathBuf>,

    /// Recorded lines in the place of a source, read in this order: files or patterns, `.gz` too, or the messages of a
    /// topic, kafka://BROKER:PORT/TOPIC, by their times; NAME is the source, if there are several
    #[arg(long, required = true, num_args = 1.., value_name = "[NAME=]FILES")]
    input: Vec<String>,

    /// Only from events since then: a time as 2026-01-31T12:00:00Z, or how long ago, as 14d
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Put what is learned in the place of what is kept
    #[arg(long)]
    replace: bool,
}

impl Learn {
    pub(super) fn execute(&self, settings: &DaemonSettings, data_dir: &Path) -> Exit {
        self.learn(settings, data_dir).unwrap_or_else(Failed::tell)
    }

    fn learn(&self, settings: &DaemonSettings, data_dir: &Path) -> Result<Exit, Failed> {
        let unavailable = |error: anyhow::Error| Failed::Unavailable(format!("{error:#}"));
        let files = Files::compile(&self.pipelines, settings)?;
        let recording = Recording::new(&self.input, &files)?;
        let learning = || files.learning(&recording.recorded, self.since.map(Moment::time));
        let learns = learning()?.learns;
        let _held = DataDir::take(data_dir).map_err(unavailable)?;
        let store = Store::open(&data_dir.join(CHECKPOINTS)).map_err(unavailable)?;
        for component in learns.keys() {
            let keeps = store.states(component).and_then(|states| Ok(states.iter()?.next().is_some()));
            if !self.replace && keeps.map_err(unavailable)? {
                let why = format!("`{component}` keeps a state; --replace puts what is learned in its place");
                return Err(Failed::Unavailable(why));
            }
        }
        // What a source warns of is shown, and nothing else of how the engine is.
        Log::start(LogFormat::Text, "warn").map_err(unavailable)?;
        let workers = Workers::new(daemon::threads(settings));
        let learn = async {
            recording.fetch().await?;
            let learning = learning()?;
            let run = learning.run.clone();
            let left_out = tokio::select! {
                left_out = learning.finish(settings, workers, &store) => left_out.map_err(unavailable)?,
                never = progress::show(run.clone(), 1, 1, Instant::now()) => match never {},
            };
            if run.population().is_empty() { Err(self.nothing_came()) } else { Ok(left_out) }
        };
        let left_out = until_interrupted(workers, learn)?;
        Ok(print(&text(&state::list(&store, &learns).map_err(unavailable)?, &learns, &left_out)))
    }

    fn nothing_came(&self) -> Failed {
        let Some(since) = self.since.map(Moment::time) else { return Failed::nothing_came() };
        Failed::Unavailable(format!(
            "no event with a time since {since} has come to a detector: either --since leaves all of this input out, or \
             `parse` has no `timestamp`"
        ))
    }
}

/// What was learned, and of what nothing could be.
fn text(listed: &[Listed], learns: &Plans, left_out: &[LeftOut]) -> String {
    let mut text = String::new();
    for component in learns.keys().map(ToString::to_string) {
        let keys = listed.iter().find(|one| one.component == component).map_or(0, |one| one.keys);
        let _ = writeln!(text, "`{component}` knows {keys} key{}.", if keys == 1 { "" } else { "s" });
    }
    for LeftOut { component, late, dead } in left_out {
        let _ = writeln!(text, "`{component}` left out {late} late events, and {dead} that it could not handle.");
    }
    text
}
