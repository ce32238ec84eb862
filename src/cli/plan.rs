//! `logd plan`: what a reload would change, before it does.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::running::{Format, Running, read};
use super::settings::{compile_at, print, say, show};
use crate::admin::control::Command;
use crate::config::daemon::DaemonSettings;
use crate::daemon::Preview;

/// Show what a reload would change: exit 0 if nothing, 2 if something, 78 if files have mistakes
#[derive(Args, Debug)]
pub(super) struct Plan {
    #[command(flatten)]
    running: Running,

    /// Compare with these pipelines, and not with what runs (may be given more than once)
    #[arg(long, value_name = "FILE_OR_DIR")]
    from: Vec<PathBuf>,

    /// How it is shown
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Plan {
    pub(super) fn execute(self) -> Exit {
        if !self.from.is_empty() {
            let settings = match self.running.configuration.settings() {
                Ok(settings) => settings,
                Err(exit) => return exit,
            };
            return self.compare(&settings);
        }
        self.running.ask_if_any(&Command::Plan, |settings, answer| match answer {
            Some(answer) => Ok(self.tell(&read(&answer)?)),
            None => {
                say(&format!("logd: {}; all would be new\n", self.running.nobody(settings)));
                Ok(self.compare(settings))
            }
        })
    }

    /// Compares files with files.
    fn compare(&self, settings: &DaemonSettings) -> Exit {
        let old = compile_at(&self.from, settings, false);
        if old.errors() > 0 {
            show(&old.diagnostics);
            return Exit::Configuration;
        }
        let new = self.running.configuration.compile(settings, false);
        self.tell(&Preview::between(&old, &new))
    }

    fn tell(&self, preview: &Preview) -> Exit {
        print(&match self.format {
            Format::Text => preview.to_string(),
            Format::Json => serde_json::to_string_pretty(preview).unwrap_or_default() + "\n",
        });
        match (preview.mistakes.is_empty(), preview.changes.is_empty()) {
            (false, _) => Exit::Configuration,
            (true, true) => Exit::Ok,
            (true, false) => Exit::Changes,
        }
    }
}
