//! The arguments that several commands share: which settings, which pipelines.

use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use crate::admin::control::Answer;
use crate::config::Texts;
use crate::config::compile::{Compiled, Job, compile};
use crate::config::daemon::DaemonSettings;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::render;
use crate::daemon::Generations;

/// Where the configuration is.
#[derive(Args, Debug)]
pub(super) struct Configuration {
    /// The daemon's settings; without it ./logd.toml, then /etc/logd/logd.toml, then the defaults
    #[arg(long, value_name = "FILE", env = "LOGD_CONFIG", global = true)]
    pub(super) config: Option<PathBuf>,

    /// A pipeline file, or a folder of them (may be given more than once)
    #[arg(short = 'c', long = "pipelines", value_name = "FILE_OR_DIR", global = true)]
    pub(super) pipelines: Vec<PathBuf>,
}

impl Configuration {
    /// Reads `logd.toml`, and says what is wrong with it.
    pub(super) fn settings(&self) -> Result<DaemonSettings, Exit> {
        let (settings, diagnostics) = read_settings(self.config.as_deref());
        show(&diagnostics);
        settings.ok_or(Exit::Configuration)
    }

    /// The files and folders of pipelines.
    pub(super) fn paths(&self, settings: &DaemonSettings) -> Vec<PathBuf> {
        if self.pipelines.is_empty() { vec![settings.pipelines.clone()] } else { self.pipelines.clone() }
    }

    /// Compiles the pipelines.
    pub(super) fn compile(&self, settings: &DaemonSettings, once: bool) -> Compiled {
        compile_at(&self.paths(settings), settings, once)
    }

    /// Compiles the pipelines; in the place of files that have mistakes, their versions that were in use last.
    pub(super) fn compile_good(&self, settings: &DaemonSettings) -> Compiled {
        let found = self.compile(settings, false);
        if found.errors() == 0 {
            return found;
        }
        let texts = match Generations::open(&settings.data_dir) {
            Ok(generations) => generations.good_texts(&found),
            Err(error) => {
                say(&format!("logd: the last good versions of broken files can't be read: {error:#}\n"));
                return found;
            }
        };
        found.with_good(compile_instead(&self.paths(settings), settings, false, &texts))
    }
}

/// Reads the daemon's settings, and what is wrong with them.
pub(super) fn read_settings(path: Option<&Path>) -> (Option<DaemonSettings>, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::default();
    let settings = DaemonSettings::load(path, &|name| std::env::var(name).ok(), &mut diagnostics);
    (settings, diagnostics.sorted())
}

/// Compiles pipelines.
pub(super) fn compile_at(paths: &[PathBuf], settings: &DaemonSettings, once: bool) -> Compiled {
    compile_instead(paths, settings, once, &Texts::new())
}

/// The same with other texts in the place of those of files.
pub(super) fn compile_instead(paths: &[PathBuf], settings: &DaemonSettings, once: bool, instead: &Texts) -> Compiled {
    compile_all(paths, settings, once, instead, false)
}

/// Compiles pipelines with the tests in them.
pub(super) fn compile_tested(paths: &[PathBuf], settings: &DaemonSettings, once: bool) -> Compiled {
    compile_all(paths, settings, once, &Texts::new(), true)
}

fn compile_all(paths: &[PathBuf], settings: &DaemonSettings, once: bool, instead: &Texts, tests: bool) -> Compiled {
    // With --once nothing is served, unless an address is given for that alone.
    let taken = settings.telemetry.taken();
    compile(Job {
        paths,
        environment: &|name| std::env::var(name).ok(),
        conditions: logd_parse::conditions().as_ref(),
        once,
        taken: if once { &[] } else { &taken },
        instead,
        tests,
    })
}

/// Shows what is wrong on stderr, as rustc does.
pub(super) fn show(diagnostics: &[Diagnostic]) {
    say(&render::text(diagnostics, stderr().is_terminal()));
}

/// Says what a daemon has answered.
pub(super) fn tell(answer: &Answer) -> Exit {
    match answer {
        Answer::Done(said) => print(&format!("{said}\n")),
        Answer::Failed(why) => {
            say(&format!("logd: {why}\n"));
            Exit::Failure
        }
        Answer::Refused(why) => {
            say(&format!("{why}\n"));
            Exit::Configuration
        }
    }
}

/// Writes to stderr; if that can't be done nobody is there to read it.
pub(super) fn say(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

/// Writes to stdout. A reader that has had enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(&format!("logd: the output can't be written: {error}\n"));
            Exit::Unavailable
        }
        _ => Exit::Ok,
    }
}
