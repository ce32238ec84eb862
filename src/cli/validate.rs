//! `logd validate`: every mistake of every file, in one pass.

use clap::{Args, ValueEnum};

use super::Exit;
use super::settings::{Configuration, print, say, show};
use crate::config::diagnostic::Severity;
use crate::config::render;

/// Check the pipeline files: every mistake, with its line
#[derive(Args, Debug)]
pub(super) struct Validate {
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on stderr
    Text,
    /// For programs: a JSON array on stdout
    Json,
}

impl Validate {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let compiled = self.configuration.compile(&settings, self.once);
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
}

fn many(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
