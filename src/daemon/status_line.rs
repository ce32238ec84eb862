//! The last line of a terminal: how the daemon is doing, once a second.
//!
//! ```text
//! ▸ 1,012 events/s in · 4 out · 1.2 s behind · 1 incident open · 1 pipeline is not ready
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use logd_sdk::component::Kind;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::last_line::{LastLine, thousands};
use super::parts::Parts;
use crate::admin::Watched as _;
use crate::telemetry::Metrics;

/// Shows the line until it is dropped.
pub(super) struct StatusLine {
    parts: Parts,
    line: LastLine,
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
        Some(Self { parts, line: LastLine::on_terminal()? })
    }

    /// Shows it once a second; never ends. To be spawned, and gone when it is aborted.
    pub(super) async fn show(mut self, metrics: Metrics) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = self.sample();
        loop {
            ticks.tick().await;
            let sample = self.sample();
            let text = text(&self.parts, &last, &sample, metrics.sum("logd_incidents_open"));
            last = sample;
            self.line.draw(&text);
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
}

/// What the line says.
fn text(parts: &Parts, last: &Sample, now: &Sample, open: f64) -> String {
    let seconds = now.at.duration_since(last.at).as_secs_f64().max(0.001);
    // After a reload counts begin anew.
    let rate = |now: u64, last: u64| thousands(now.saturating_sub(last) as f64 / seconds);
    let mut text = format!("{} events/s in · {} out", rate(now.read, last.read), rate(now.delivered, last.delivered));
    let lag = parts.accounts().iter().filter_map(|account| account.lag()).max();
    if let Some(lag) = lag {
        let _ = write!(text, " · {:.1} s behind", lag.as_secs_f64());
    }
    let _ = write!(text, " · {open} {} open", if open == 1.0 { "incident" } else { "incidents" });
    if let Some(reason) = parts.unready().first() {
        let component = reason.component.as_ref().map_or(String::new(), |component| format!("/{component}"));
        let _ = write!(text, " · not ready: {}{component}: {}", reason.pipeline, reason.reason);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_happens_in_a_second() {
        let parts = Parts::default();
        let start = Instant::now();
        let last = Sample { read: 1000, delivered: 5, at: start };
        let now = Sample { read: 1_236_000, delivered: 6, at: start + PERIOD };
        assert_eq!(text(&parts, &last, &now, 1.0), "1,235,000 events/s in · 1 out · 1 incident open");
        assert_eq!(text(&parts, &now, &last, 0.0), "0 events/s in · 0 out · 0 incidents open");
    }
}
