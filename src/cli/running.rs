//! The commands that ask the daemon that runs: `logd reload`, `logd plan`, `logd status`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

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
    pub(super) fn ask(&self, command: &Command, then: impl FnOnce(Answer) -> anyhow::Result<Exit>) -> Exit {
        self.ask_if_any(command, |settings, answer| then(answer.with_context(|| self.nobody(settings))?))
    }

    /// The same where a daemon need not run.
    pub(super) fn ask_if_any(
        &self,
        command: &Command,
        then: impl FnOnce(&DaemonSettings, Option<Answer>) -> anyhow::Result<Exit>,
    ) -> Exit {
        self.with_runtime(|settings, runtime| {
            then(settings, runtime.block_on(control::ask(self.data_dir(settings), command))?)
        })
    }

    /// Asks for events, and gives each to `shown` for as long as that wants more.
    pub(super) fn follow(&self, command: &Command, shown: impl FnMut(&str) -> bool) -> Exit {
        self.with_runtime(|settings, runtime| {
            let followed = runtime.block_on(control::follow(self.data_dir(settings), command, shown))?;
            followed.map(|()| Exit::Ok).with_context(|| self.nobody(settings))
        })
    }

    fn with_runtime(&self, asked: impl FnOnce(&DaemonSettings, &Runtime) -> anyhow::Result<Exit>) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.map_err(Into::into).and_then(|runtime| asked(&settings, &runtime)).unwrap_or_else(|error| {
            say(&format!("logd: {error:#}\n"));
            Exit::Unavailable
        })
    }

    fn data_dir<'a>(&'a self, settings: &'a DaemonSettings) -> &'a Path {
        self.data_dir.as_ref().unwrap_or(&settings.data_dir)
    }

    /// That there is no daemon.
    pub(super) fn nobody(&self, settings: &DaemonSettings) -> String {
        let folder = self.data_dir(settings).display();
        format!("no logd runs with the data folder {folder}; say which with --data-dir")
    }
}

/// What the answer of a daemon says.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> anyhow::Result<T> {
    match answer {
        Answer::Done(said) => serde_json::from_str(said).context("the daemon is of another version"),
        Answer::Failed(why) | Answer::Refused(why) => bail!("{why}"),
    }
}

/// Bring what runs in line with the pipeline files, and say what came of it
#[derive(Args, Debug)]
pub(super) struct Reload {
    #[command(flatten)]
    running: Running,
}

/// Run the pipeline files as they were before; the files stay as they are, and count again at the next edit or reload
#[derive(Args, Debug)]
pub(super) struct Rollback {
    /// How many versions to go back; a rollback makes a version too, so that the next one undoes it
    #[arg(default_value_t = 1)]
    steps: usize,

    #[command(flatten)]
    running: Running,
}

impl Rollback {
    pub(super) fn execute(self) -> Exit {
        self.running.ask(&Command::Rollback(self.steps), |answer| Ok(tell(&answer)))
    }
}

impl Reload {
    pub(super) fn execute(self) -> Exit {
        self.running.ask(&Command::Reload, |answer| Ok(tell(&answer)))
    }
}
