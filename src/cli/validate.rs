//! `logd validate`: every mistake of every file, in one pass.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use super::settings::{Configuration, compile_tested, print, read_settings, say, show};
use crate::config::compile::Compiled;
use crate::config::daemon::DaemonSettings;
use crate::config::diagnostic::Severity;
use crate::config::render;
use crate::daemon;
use crate::topology::Rehearsal;

/// Check the pipeline files: every mistake, with its line
#[derive(Args, Debug)]
pub(super) struct Validate {
    /// A pipeline file, or a folder of them, as with -c
    #[arg(value_name = "FILE_OR_DIR")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    configuration: Configuration,

    /// How mistakes are shown
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Fail on warnings too
    #[arg(long)]
    deny_warnings: bool,

    /// Check for a run with --once, in which every source must have an end
    #[arg(long)]
    once: bool,

    /// Look at the files only: open no file, port or connection
    #[arg(long)]
    no_environment: bool,

    /// Do not ask services whether they answer
    #[arg(long)]
    skip_healthchecks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on stderr
    Text,
    /// For programs: a JSON array on stdout
    Json,
}

impl Validate {
    pub(super) fn execute(mut self) -> Exit {
        self.configuration.pipelines.append(&mut self.files);
        let (settings, mistakes) = read_settings(self.configuration.config.as_deref());
        let Some(settings) = settings else {
            if self.format == Format::Json {
                print(&(render::json(&mistakes) + "\n"));
            } else {
                show(&mistakes);
            }
            return Exit::Configuration;
        };
        show(&mistakes);
        let mut compiled = compile_tested(&self.configuration.paths(&settings), &settings, self.once);
        if compiled.errors() == 0
            && !self.no_environment
            && let Err(error) = self.rehearse(&settings, &mut compiled)
        {
            say(&format!("logd: {error:#}\n"));
            return Exit::Unavailable;
        }
        let count = |severity| compiled.diagnostics.iter().filter(|found| found.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        if self.format == Format::Json {
            print(&(render::json(&compiled.diagnostics) + "\n"));
        } else {
            show(&compiled.diagnostics);
            let files = compiled.files.len();
            let components = compiled.graph.nodes.len();
            say(&match (errors, warnings) {
                (0, 0) => format!("{} with {}: all is well.\n", many(files, "file"), many(components, "component")),
                _ => format!("{}: {}, {}.\n", many(files, "file"), many(errors, "error"), many(warnings, "warning")),
            });
        }
        if errors > 0 || self.deny_warnings && warnings > 0 { Exit::Configuration } else { Exit::Ok }
    }

    /// Builds everything once, and lets it go.
    fn rehearse(&self, settings: &DaemonSettings, compiled: &mut Compiled) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let rehearsal = Rehearsal {
            conditions: &logd_parse::conditions(),
            data_dir: &settings.data_dir,
            once: self.once,
            healthchecks: !self.skip_healthchecks,
            is_ours: &|address| daemon::listens(&settings.data_dir, address),
        };
        for (component, error) in runtime.block_on(rehearsal.run(&compiled.graph)) {
            let message = format!("`{}` would not start: {error:#}", component.id());
            compiled.refuse(
                &component,
                &message,
                "with --no-environment or --skip-healthchecks only the files are checked",
            );
        }
        runtime.shutdown_background();
        Ok(())
    }
}

fn many(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
