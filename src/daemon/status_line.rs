//! The last line of a terminal: how the daemon is doing, once a second.
//!
//! ```text
//! ▸ 1,012 events/s in · 4 out · 1.2 s behind · 1 incident open · 1 pipeline is not ready
//! ```
//!
//! The terminal's scrolling region (DECSTBM, ECMA-48's private cousin that every terminal emulator has) leaves the last
//! line out, so that whoever else writes to the terminal, the console sink among them, scrolls above it and need not know.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};
use std::time::Duration;

use logd_sdk::component::Kind;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::parts::Parts;
use crate::admin::Watched as _;
use crate::telemetry::Metrics;

/// Shows the line until it is dropped.
pub(super) struct StatusLine {
    parts: Parts,
    rows: u16,
}

/// What was read and delivered, and when.
struct Sample {
    read: u64,
    delivered: u64,
    at: Instant,
}

const PERIOD: Duration = Duration::from_secs(1);

impl StatusLine {
    /// On stderr, if that is a terminal that can do more than print.
    pub(super) fn on_terminal(parts: Parts) -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        (stderr().is_terminal() && !is_dumb).then_some(Self { parts, rows: 0 })
    }

    /// Shows it once a second; never ends. To be spawned, and gone when it is aborted.
    pub(super) async fn show(mut self, metrics: Metrics) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = self.sample();
        loop {
            ticks.tick().await;
            let sample = self.sample();
            let text = self.text(&last, &sample, metrics.sum("logd_incidents_open"));
            last = sample;
            self.draw(&text);
        }
    }

    fn sample(&self) -> Sample {
        let (mut read, mut delivered) = (0, 0);
        for account in self.parts.accounts() {
            match account.kind() {
                Kind::Source => read += account.tally().received,
                Kind::Sink => delivered += account.tally().forwarded,
                Kind::Transform => {}
            }
        }
        Sample { read, delivered, at: Instant::now() }
    }

    fn text(&self, last: &Sample, now: &Sample, open: f64) -> String {
        let seconds = now.at.duration_since(last.at).as_secs_f64().max(0.001);
        // After a reload counts begin anew.
        let rate = |now: u64, last: u64| thousands(now.saturating_sub(last) as f64 / seconds);
        let mut text =
            format!("{} events/s in · {} out", rate(now.read, last.read), rate(now.delivered, last.delivered));
        let lag = self.parts.accounts().iter().filter_map(|account| account.lag()).max();
        if let Some(lag) = lag {
            let _ = write!(text, " · {:.1} s behind", lag.as_secs_f64());
        }
        let _ = write!(text, " · {open} {} open", if open == 1.0 { "incident" } else { "incidents" });
        if let Some(reason) = self.parts.unready().first() {
            let component = reason.component.as_ref().map_or(String::new(), |component| format!("/{component}"));
            let _ = write!(text, " · not ready: {}{component}: {}", reason.pipeline, reason.reason);
        }
        text
    }

    /// Writes the text into the last line, in one piece.
    fn draw(&mut self, text: &str) {
        let Some((terminal_size::Width(columns), terminal_size::Height(rows))) =
            terminal_size::terminal_size_of(stderr())
        else {
            return;
        };
        if rows < 3 {
            return;
        }
        let mut out = String::new();
        if rows != self.rows {
            // A new size: a line is freed below what stands there, and all else scrolls above it.
            let _ = write!(out, "\n\x1b7\x1b[1;{}r\x1b8\x1b[1A", rows - 1);
            self.rows = rows;
        }
        let text: String =
            text.chars().filter(|c| !c.is_control()).take(usize::from(columns).saturating_sub(2)).collect();
        let _ = write!(out, "\x1b7\x1b[{rows};1H\x1b[2K\x1b[7m▸ {text}\x1b[0m\x1b8");
        let _ = stderr().write_all(out.as_bytes());
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        if self.rows > 0 {
            let _ = stderr().write_all(format!("\x1b7\x1b[r\x1b[{};1H\x1b[2K\x1b8", self.rows).as_bytes());
        }
    }
}

/// A whole number with commas: `1,012`.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_happens_in_a_second() {
        let line = StatusLine { parts: Parts::default(), rows: 0 };
        let start = Instant::now();
        let last = Sample { read: 1000, delivered: 5, at: start };
        let now = Sample { read: 1_236_000, delivered: 6, at: start + PERIOD };
        assert_eq!(line.text(&last, &now, 1.0), "1,235,000 events/s in · 1 out · 1 incident open");
        assert_eq!(line.text(&now, &last, 0.0), "0 events/s in · 0 out · 0 incidents open");
    }
}
