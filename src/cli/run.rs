//! `logd run`: the daemon.

use std::path::{Path, PathBuf};

use clap::Args;
use logd_sdk::settings::Address;

use super::Exit;
use super::settings::{Configuration, read_settings, say, show};
use crate::config::daemon::{DaemonSettings, SEARCHED};
use crate::daemon::{self, Ended, Options, Own, Watch};
use crate::telemetry::{Log, LogFormat};
use crate::topology::Workers;

/// Run the pipelines, and follow their files
#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    configuration: Configuration,

    /// End with the input: files and stdin are read to their end, windows close, everything is delivered
    #[arg(long)]
    once: bool,

    /// Do not start if any file has mistakes; without it the others run
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    instead: Instead,

    /// How log lines look
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

/// What stands on the command line in the place of settings.
#[derive(Args, Clone, Debug)]
struct Instead {
    /// Where positions and states are kept [default: ./data]
    #[arg(long, value_name = "DIR", env = "LOGD_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// Where /metrics, /health and /ready are served [default: 127.0.0.1:9598, and nowhere with --once]
    #[arg(long, value_name = "ADDRESS")]
    telemetry_address: Option<Address>,

    /// Where the API and the dashboard are served, if a pipeline has a sink of type `api` [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    api_address: Option<Address>,

    /// How many threads work on events [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,

    /// Which log lines are shown: error, warn, info, debug, trace, or a filter as of the `tracing` library [default: info]
    #[arg(long, value_name = "FILTER", env = "LOGD_LOG")]
    log_level: Option<String>,
}

impl Instead {
    /// Puts it in their place.
    fn of(&self, mut settings: DaemonSettings) -> DaemonSettings {
        if let Some(data_dir) = &self.data_dir {
            settings.data_dir.clone_from(data_dir);
        }
        if let Some(address) = self.telemetry_address {
            settings.telemetry.address = address;
        }
        if let Some(address) = self.api_address {
            settings.api.address = address;
        }
        if self.threads.is_some() {
            settings.limits.threads = self.threads;
        }
        if let Some(level) = &self.log_level {
            settings.telemetry.log_level.clone_from(level);
        }
        settings
    }
}

impl Run {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => self.instead.of(settings),
            Err(exit) => return exit,
        };
        let paths = self.configuration.paths(&settings);
        // Before the files are read, so that no edit is missed. A one-shot heeds none.
        let own_file = DaemonSettings::find(self.configuration.config.as_deref());
        let watched = if self.once { Vec::new() } else { own_file.iter().chain(&paths).cloned().collect() };
        let mut watch = Watch::new(&watched);
        if own_file.is_none() && !self.once {
            // One that is not there yet is followed once it is.
            let files = SEARCHED.iter().filter_map(|file| std::path::absolute(file).ok());
            let files: Vec<PathBuf> = files.filter(|file| file.parent().is_some_and(Path::is_dir)).collect();
            watch.expect(&files);
        }
        let compiled = if self.once || self.strict {
            self.configuration.compile(&settings, self.once)
        } else {
            self.configuration.compile_good(&settings)
        };
        show(&compiled.diagnostics);
        // A broken file keeps the others from nothing, unless the run is about that file.
        if compiled.errors() > 0 && (self.strict || self.once || compiled.graph.nodes.is_empty()) {
            return Exit::Configuration;
        }
        let log = match Log::start(self.log_format, &settings.telemetry.log_level) {
            Ok(log) => log,
            Err(error) => {
                say(&format!("logd: {error:#}\n"));
                return Exit::Usage;
            }
        };
        let workers = Workers::new(daemon::threads(&settings));
        // With --once nobody looks, unless an address is asked for: it may stand beside a daemon.
        let serve = !self.once || self.instead.telemetry_address.is_some();
        let instead = self.instead;
        let read = move || match read_settings(own_file.as_deref()) {
            (Some(settings), _) => Ok(instead.of(settings)),
            (None, mistakes) => Err(mistakes),
        };
        let own = Own::new(settings, Box::new(read), log);
        let options = Options { own, paths, watch, once: self.once, workers, serve, say };
        let start = || {
            let runtime = workers.runtime()?;
            let ended = runtime.block_on(daemon::run(options, compiled));
            // A thread may hang in a write that nobody takes; the process does not wait for it.
            runtime.shutdown_background();
            ended
        };
        match start() {
            Ok(Ended::Done) => Exit::Ok,
            Ok(Ended::CutShort | Ended::Lost(_)) => Exit::Failure,
            Err(error) => {
                say(&format!("logd: {error:#}\n"));
                if error.is::<daemon::InUse>() {
                    say("Stop that one, or give this one another folder with --data-dir.\n");
                }
                Exit::Unavailable
            }
        }
    }
}
