//! `logd list`: what can stand in a pipeline.

use clap::{Args, ValueEnum};
use logd_sdk::component::Kind;

use super::Exit;
use super::settings::print;
use crate::catalogue;
use crate::telemetry::names::reference;

/// List the component types, with one line each
#[derive(Args, Debug)]
pub(super) struct List {
    /// Only components of this kind
    #[arg(value_enum)]
    kind: Option<Only>,

    /// As a Markdown table
    #[arg(long)]
    markdown: bool,

    /// The metrics instead, as a Markdown table
    #[arg(long, conflicts_with = "kind")]
    metrics: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    Sources,
    Transforms,
    Sinks,
}

impl List {
    pub(super) fn execute(self) -> Exit {
        if self.metrics {
            return print(&reference());
        }
        let only = self.kind.map(|kind| match kind {
            Only::Sources => Kind::Source,
            Only::Transforms => Kind::Transform,
            Only::Sinks => Kind::Sink,
        });
        let mut text = String::new();
        if self.markdown {
            text.push_str("| kind | type | what it does | family |\n|---|---|---|---|\n");
        }
        for (family, component) in catalogue::components() {
            if only.is_some_and(|only| only != component.kind) {
                continue;
            }
            let (kind, name, summary) = (component.kind.name(), component.name, component.summary);
            text += &if self.markdown {
                format!("| {kind} | `{name}` | {summary} | `{family}` |\n")
            } else {
                format!("{kind:<10} {name:<14} {summary}\n")
            };
        }
        print(&text)
    }
}
