//! The commands that ask the daemon that runs: `logd reload`, `logd plan`, `logd status`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;

use super::Exit;
use super::settings::{Configuration, say, tell};
use crate::admin::control::{self, Answer, Command};
use crate::config::daemon::DaemonSettings;

/// Which daemon is meant.
#[derive(Args, Debug)]
pub(super) struct Running {
    #[command(flatten)]
    pub(super) configuration: Configuration,

    /// Where the daemon keeps its state [default: ./data]
    #[arg(long, value_name = "DIR", env = "LOGD_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

/// How something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Running {
    /// Asks, and gives the answer to `then`; says what went wrong, if something did.
    pub(super) fn ask(
        &self,
        command: &Command,
        then: impl FnOnce(&DaemonSettings, Option<Answer>) -> anyhow::Result<Exit>,
    ) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let data_dir = self.data_dir.as_ref().unwrap_or(&settings.data_dir);
        let asked = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(control::ask(data_dir, command))
        };
        asked().and_then(|answer| then(&settings, answer)).unwrap_or_else(|error| {
            say(&format!("logd: {error:#}\n"));
            Exit::Unavailable
        })
    }
}

impl Running {
    /// Asks for events, and gives each to `shown` for as long as that wants more.
    pub(super) fn follow(&self, command: &Command, shown: impl FnMut(&str) -> bool) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let data_dir = self.data_dir.as_ref().unwrap_or(&settings.data_dir);
        let followed = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(control::follow(data_dir, command, shown))?.context(NOBODY)
        };
        followed().map_or_else(
            |error| {
                say(&format!("logd: {error:#}\n"));
                Exit::Unavailable
            },
            |()| Exit::Ok,
        )
    }
}

/// What the answer of a daemon says, which must be there.
pub(super) fn read<T: DeserializeOwned>(answer: Option<Answer>) -> anyhow::Result<T> {
    match answer {
        Some(Answer::Done(said)) => serde_json::from_str(&said).context("the daemon is of another version"),
        Some(Answer::Failed(why) | Answer::Refused(why)) => bail!(why),
        None => bail!(NOBODY),
    }
}

/// There is no daemon.
const NOBODY: &str = "no logd runs with this data folder; say which with --data-dir";

/// Bring what runs in line with the pipeline files, and say what came of it
#[derive(Args, Debug)]
pub(super) struct Reload {
    #[command(flatten)]
    running: Running,
}

/// Run the pipeline files as they were before; the files stay as they are, and count again at the next edit or reload
#[derive(Args, Debug)]
pub(super) struct Rollback {
    /// How many versions to go back
    #[arg(default_value_t = 1)]
    steps: usize,

    #[command(flatten)]
    running: Running,
}

impl Rollback {
    pub(super) fn execute(self) -> Exit {
        self.running.ask(&Command::Rollback(self.steps), |_, answer| Ok(tell(&answer.context(NOBODY)?)))
    }
}

impl Reload {
    pub(super) fn execute(self) -> Exit {
        self.running.ask(&Command::Reload, |_, answer| Ok(tell(&answer.context(NOBODY)?)))
    }
}
