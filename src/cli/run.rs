//! `logd run`: the daemon.

use std::path::PathBuf;

use clap::Args;
use logd_sdk::settings::Address;

use super::Exit;
use super::settings::{Configuration, say, show};
use crate::config::daemon::DaemonSettings;
use crate::daemon::{self, Ended, Options, Watch};
use crate::telemetry::{LogFormat, start_logging};
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

    /// Where positions and states are kept [default: ./data]
    #[arg(long, value_name = "DIR", env = "LOGD_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// Where /metrics, /health and /ready are served [default: 127.0.0.1:9598, and nowhere with --once]
    #[arg(long, value_name = "ADDRESS")]
    telemetry_address: Option<Address>,

    /// How many threads work on events [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,

    /// How log lines look
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,

    /// Which log lines are shown: error, warn, info, debug, trace, or a filter as of the `tracing` library
    #[arg(long, value_name = "FILTER", default_value = "info", env = "LOGD_LOG")]
    log_level: String,
}

impl Run {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let paths = self.configuration.paths(&settings);
        // Before the files are read, so that no edit is missed. A one-shot heeds none.
        let watch = Watch::new(if self.once { &[] } else { &paths });
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
        let throttle = match start_logging(self.log_format, &self.log_level) {
            Ok(throttle) => throttle,
            Err(error) => {
                say(&format!("logd: {error:#}\n"));
                return Exit::Usage;
            }
        };
        let workers = Workers::new(daemon::threads(&settings));
        // With --once nobody looks, unless an address is asked for: it may stand beside a daemon.
        let serve = !self.once || self.telemetry_address.is_some();
        let options = Options { settings, paths, watch, once: self.once, workers, serve, throttle };
        let start = || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(workers.count()).enable_all().build()?;
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

    /// `logd.toml`, with what the command line says put in its place.
    fn settings(&self) -> Result<DaemonSettings, Exit> {
        let mut settings = self.configuration.settings()?;
        if let Some(data_dir) = &self.data_dir {
            settings.data_dir.clone_from(data_dir);
        }
        if let Some(address) = self.telemetry_address {
            settings.telemetry.address = address;
        }
        if self.threads.is_some() {
            settings.limits.threads = self.threads;
        }
        Ok(settings)
    }
}
