//! `logd state`: what components keep by key, such as baselines and open windows.

mod learn;
mod text;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Args, Subcommand};

use super::Exit;
use super::running::{Format, read};
use super::settings::{Configuration, print, say};
use crate::admin::control::{self, Command};
use crate::checkpoint::Store;
use crate::config::daemon::DaemonSettings;
use crate::daemon::{CHECKPOINTS, DataDir, InUse};
use crate::state::{self, Keeper, Listed, Shown};

/// Look at what detectors and windows keep by key, forget it, or carry it elsewhere
#[derive(Args, Debug)]
pub(super) struct State {
    #[command(flatten)]
    configuration: Configuration,

    /// Where the daemon keeps its state [default: ./data]
    #[arg(long, value_name = "DIR", env = "LOGD_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the components that keep something: type, keys, bytes, and when their last epoch became durable; also while the
    /// daemon runs
    Ls {
        /// How they are shown
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show what a component knows of its keys: what is usual, how well that is known, what is open; also while the daemon
    /// runs
    Show {
        /// The component: PIPELINE/NAME, or NAME
        component: String,

        /// Only this key: its values, with commas between them
        key: Option<String>,

        /// How they are shown; json: an object on a line each
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Write what a component keeps to stdout, as a file that says what it is; also while the daemon runs
    Export {
        /// The component: PIPELINE/NAME, or NAME
        component: String,
    },
    /// Put what was exported, from stdin, in the place of what a component keeps; the daemon must not run
    Import {
        /// The component: PIPELINE/NAME, or NAME
        component: String,
    },
    /// Learn from history what is usual, as if the pipeline had been live; the daemon must not run
    Learn(learn::Learn),
    /// Forget what a component keeps, or what it keeps of one key; the daemon must not run
    Reset {
        /// The component: PIPELINE/NAME, or NAME
        component: String,

        /// Only this key: its values, with commas between them
        key: Option<String>,
    },
}

impl State {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let data_dir = self.data_dir.clone().unwrap_or_else(|| settings.data_dir.clone());
        let place = Place { configuration: &self.configuration, settings: &settings, data_dir: &data_dir };
        let done = match &self.action {
            Action::Ls { format } => place.list(*format),
            Action::Show { component, key, format } => place.show(component, key.as_deref(), *format),
            Action::Export { component } => place.export(component),
            Action::Import { component } => place.import(component),
            Action::Learn(learn) => Ok(learn.execute(&settings, &data_dir)),
            Action::Reset { component, key } => place.reset(component, key.as_deref()),
        };
        done.unwrap_or_else(|error| {
            say(&format!("logd: {error:#}\n"));
            if error.is::<InUse>() { Exit::Unavailable } else { Exit::Failure }
        })
    }
}

/// Where the state is.
struct Place<'p> {
    configuration: &'p Configuration,
    settings: &'p DaemonSettings,
    data_dir: &'p Path,
}

impl Place<'_> {
    fn list(&self, format: Format) -> anyhow::Result<Exit> {
        let mut listed: Vec<Listed> = Vec::new();
        if self.is_there() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            listed = match runtime.block_on(control::ask(self.data_dir, &Command::ListStates))? {
                None => self.alone(|store| {
                    let graph = self.configuration.compile_good(self.settings).graph;
                    state::list(store, &state::plans(std::iter::once(&graph)))
                })?,
                Some(answer) => read(&answer)?,
            };
        }
        Ok(print(&match format {
            Format::Text => text::list(&listed),
            Format::Json => serde_json::to_string_pretty(&listed)? + "\n",
        }))
    }

    fn show(&self, component: &str, key: Option<&str>, format: Format) -> anyhow::Result<Exit> {
        let command = Command::ShowState { component: component.to_owned(), key: key.map(str::to_owned) };
        let (mut exit, mut count) = (Exit::Ok, 0);
        self.lines(component, &command, |keeper| keeper.show(key.map(str::to_owned)), &mut |line| {
            count += 1;
            exit = print(&match format {
                Format::Text => text::shown(&serde_json::from_str::<Shown>(line)?),
                Format::Json => format!("{line}\n"),
            });
            Ok(exit == Exit::Ok)
        })?;
        match key {
            Some(key) if count == 0 => anyhow::bail!("`{component}` keeps nothing of the key `{key}`"),
            None if count == 0 && format == Format::Text => Ok(print("It keeps nothing yet.\n")),
            _ => Ok(exit),
        }
    }

    fn export(&self, component: &str) -> anyhow::Result<Exit> {
        let mut exit = Exit::Ok;
        let command = Command::ExportState(component.to_owned());
        self.lines(component, &command, Keeper::export, &mut |line| {
            exit = print(&format!("{line}\n"));
            Ok(exit == Exit::Ok)
        })?;
        Ok(exit)
    }

    fn import(&self, component: &str) -> anyhow::Result<Exit> {
        let (head, states) = state::read_file(std::io::stdin().lock())?;
        self.alone(|store| {
            let keeper = self.keeper(component, store)?;
            keeper.import(&head, states)?;
            Ok(print(&format!("`{}` goes on with what was exported at its next start.\n", keeper.id())))
        })
    }

    fn reset(&self, component: &str, key: Option<&str>) -> anyhow::Result<Exit> {
        self.ensure_there()?;
        self.alone(|store| {
            let keeper = self.keeper(component, store)?;
            let count = keeper.reset(key)?;
            let keys = if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
            Ok(print(&format!("`{}` has forgotten {keys}.\n", keeper.id())))
        })
    }

    /// Gives the lines that the daemon answers a command with, or what `read` makes of the component where none runs, to
    /// `shown` for as long as that wants more.
    fn lines(
        &self,
        component: &str,
        command: &Command,
        read: impl FnOnce(Keeper) -> anyhow::Result<state::Lines>,
        shown: &mut dyn FnMut(&str) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut has_ended = Ok(false);
        let followed = runtime.block_on(control::follow(self.data_dir, command, |line| {
            has_ended = state::received(line).and_then(|line| line.map_or(Ok(true), |line| Ok(!shown(line)?)));
            matches!(has_ended, Ok(false))
        }))?;
        if followed.is_some() {
            ensure!(has_ended?, "the daemon has stopped before it had said all");
            return Ok(());
        }
        self.ensure_there()?;
        self.alone(|store| {
            for line in read(self.keeper(component, store)?)? {
                if !shown(&line?)? {
                    break;
                }
            }
            Ok(())
        })
    }

    fn keeper(&self, component: &str, store: &Store) -> anyhow::Result<Keeper> {
        let graph = self.configuration.compile_good(self.settings).graph;
        let conditions = logd_parse::conditions();
        Keeper::find(component, std::iter::once(&graph), store, &conditions, self.data_dir)
    }

    /// Whether anything was ever kept here: what only reads is not to make a store.
    fn is_there(&self) -> bool {
        self.data_dir.join(CHECKPOINTS).exists()
    }

    fn ensure_there(&self) -> anyhow::Result<()> {
        ensure!(self.is_there(), "nothing is kept in {}; say where with --data-dir", self.data_dir.display());
        Ok(())
    }

    /// Does something with the store while no daemon has it.
    fn alone<T>(&self, act: impl FnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let _held = DataDir::take(self.data_dir)?;
        act(&Store::open(&self.data_dir.join(CHECKPOINTS))?)
    }
}
