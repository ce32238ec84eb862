//! `logd state learn`: what is usual, from history.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::backtest::Learned;
use crate::checkpoint::Store;
use crate::cli::Exit;
use crate::cli::backtest::{Failed, Files, recorded};
use crate::cli::moment::Moment;
use crate::cli::settings::print;
use crate::config::daemon::DaemonSettings;
use crate::daemon::{self, CHECKPOINTS, DataDir};
use crate::topology::{Workers, key_of};

/// What to learn, and from what.
#[derive(Args, Debug)]
pub(super) struct Learn {
    /// A pipeline file, or a folder of them; several if they refer to one another
    #[arg(required = true, value_name = "PIPELINE")]
    pipelines: Vec<PathBuf>,

    /// Recorded lines in the place of a source, read in this order: files or patterns, `.gz` too; NAME is the source, if
    /// there are several
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
        let recorded = recorded(&self.input, files.sources()).map_err(Failed::Usage)?;
        let learning = files.learning(&recorded, self.since.map(Moment::time))?;
        let _held = DataDir::take(data_dir).map_err(unavailable)?;
        let store = Store::open(&data_dir.join(CHECKPOINTS)).map_err(unavailable)?;
        for component in &learning.learns {
            let keeps = store.states(component).and_then(|states| Ok(states.iter()?.next().is_some()));
            if !self.replace && keeps.map_err(unavailable)? {
                let why = format!("`{component}` keeps a state; --replace puts what is learned in its place");
                return Err(Failed::Unavailable(why));
            }
        }
        let workers = Workers::new(daemon::threads(settings));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(workers.count()).enable_all().build()?;
        let learned = runtime.block_on(async {
            tokio::select! {
                learned = learning.finish(settings, workers) => learned.map_err(unavailable),
                _ = tokio::signal::ctrl_c() => Err(Failed::Interrupted),
            }
        })?;
        store.replace(&learned.states).map_err(unavailable)?;
        Ok(print(&text(&learned)))
    }
}

/// What was learned, and of what nothing could be.
fn text(learned: &Learned) -> String {
    let mut text = String::new();
    for (component, states) in &learned.states {
        let keys = states.iter().filter(|(name, _)| key_of(name).is_some()).count();
        let _ = writeln!(text, "`{component}` knows {keys} key{}.", if keys == 1 { "" } else { "s" });
    }
    for left_out in &learned.left_out {
        let (late, dead) = (left_out.late, left_out.dead);
        let _ = writeln!(
            text,
            "`{}` left out {late} late events, and {dead} that it could not handle.",
            left_out.component
        );
    }
    text
}
