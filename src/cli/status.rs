//! `logd status`: how the daemon is.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use clap::Args;
use logd_sdk::control::Overview;

use super::Exit;
use super::running::{Format, Running, read};
use super::settings::print;
use crate::admin::control::Command;

/// Show how the daemon is: its components with their rates, lag and health, broken files, the last reload
#[derive(Args, Debug)]
pub(super) struct Status {
    #[command(flatten)]
    running: Running,

    /// How it is shown
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Rates are those of this time.
const SPAN: Duration = Duration::from_millis(500);

impl Status {
    pub(super) fn execute(self) -> Exit {
        self.running.ask(&Command::Status, |answer| {
            let first: Overview = read(&answer)?;
            if self.format == Format::Json {
                return Ok(print(&(serde_json::to_string_pretty(&first)? + "\n")));
            }
            thread::sleep(SPAN);
            Ok(self.running.ask(&Command::Status, |answer| Ok(print(&text(&first, &read(&answer)?, SPAN)))))
        })
    }
}

/// As a table; rates are those between the two.
pub(super) fn text(before: &Overview, now: &Overview, span: Duration) -> String {
    let mut text = format!("logd {}, process {}, generation {}\n", now.version, now.pid, now.generation);
    if let Some(reload) = &now.last_reload {
        let verdict = if reload.ok { "ok" } else { "failed" };
        let _ = writeln!(text, "last reload {} at {}: {}", verdict, reload.at, reload.said.replace('\n', "\n    "));
    }
    for broken in &now.broken {
        let _ = writeln!(text, "broken since {}: {}", broken.since, broken.pipeline);
        for mistake in &broken.mistakes {
            let _ = writeln!(text, "    {mistake}");
        }
    }
    for (pipelines, why) in &now.failures {
        let _ = writeln!(text, "does not run: {pipelines}: {why}");
    }
    let width = now.components.iter().map(|component| component.name.len()).max().unwrap_or_default().max(9);
    let _ = writeln!(
        text,
        "\n{:<width$}  {:<9}  {:>10}  {:>10}  {:>9}  {:>8}  {:>8}  health",
        "component", "kind", "in/s", "out/s", "in flight", "lag", "dropped"
    );
    for component in &now.components {
        let earlier = before.components.iter().find(|earlier| earlier.name == component.name);
        let rate = |now: u64, before: Option<u64>| {
            let events = now.saturating_sub(before.unwrap_or(now));
            format!("{:.0}", events as f64 / span.as_secs_f64())
        };
        let _ = writeln!(
            text,
            "{:<width$}  {:<9}  {:>10}  {:>10}  {:>9}  {:>8}  {:>8}  {}",
            component.name,
            component.kind,
            rate(component.received, earlier.map(|earlier| earlier.received)),
            rate(component.sent, earlier.map(|earlier| earlier.sent)),
            component.in_flight,
            component.lag.map_or_else(String::new, |lag| format!("{lag:.1} s")),
            component.dead + component.late + component.discarded,
            component.trouble.as_deref().unwrap_or("ok")
        );
    }
    text
}
