//! How far a backtest is, on the last line of a terminal:
//!
//! ```text
//! ▸ kafka://kafka-1:9092/logs · 12 % · 1,234,567 messages/s
//! ▸ 2 of 8 · 37 % · 1,234,567 events/s · 1 min 12 s left
//! ```

use std::convert::Infallible;
use std::time::Duration;

use logd_kafka::{Progress, Topic};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::backtest::Run;
use crate::daemon::{LastLine, thousands};

const PERIOD: Duration = Duration::from_millis(250);

/// Shows how far a run is until it is dropped; never ends.
pub(in crate::cli) async fn show(run: Run, number: usize, of: usize, started: Instant) -> Infallible {
    let begun = Instant::now();
    draw(|| text(run.share(), number, of, speed(run.population().events(), begun), started.elapsed())).await
}

/// Shows how far the fetch of a topic is until it is dropped; never ends.
pub(super) async fn show_fetch(topic: &Topic, fetch: &Progress) -> Infallible {
    let begun = Instant::now();
    draw(|| {
        let speed = thousands(speed(fetch.messages(), begun));
        format!("{topic} · {:.0} % · {speed} messages/s", fetch.share() * 100.0)
    })
    .await
}

/// Draws a text over and over, if there is a terminal.
async fn draw(text: impl Fn() -> String) -> Infallible {
    let Some(mut line) = LastLine::on_terminal() else { return std::future::pending().await };
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        line.draw(&text());
    }
}

/// How many a second there were since then.
fn speed(count: u64, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64().max(0.001)
}

/// What the line says: `number` is that of the run, counted from 1, and `elapsed` the time since the first began.
fn text(share: f64, number: usize, of: usize, speed: f64, elapsed: Duration) -> String {
    let which = if of > 1 { format!("{number} of {of} · ") } else { String::new() };
    // All runs read the same input.
    let done = ((number - 1) as f64 + share) / of as f64;
    let left = if done > 0.01 { span(elapsed.mul_f64((1.0 - done) / done)) } else { String::new() };
    format!("{which}{:.0} % · {} events/s{left}", share * 100.0, thousands(speed))
}

fn span(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..60 => format!(" · {seconds} s left"),
        seconds => format!(" · {} min {} s left", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_it_is_and_how_long_it_takes() {
        let minute = Duration::from_secs(60);
        assert_eq!(text(0.5, 1, 1, 1_234_567.0, minute), "50 % · 1,234,567 events/s · 1 min 0 s left");
        assert_eq!(text(0.5, 3, 4, 10.0, minute), "3 of 4 · 50 % · 10 events/s · 36 s left");
        assert_eq!(text(0.0, 1, 2, 0.0, minute), "1 of 2 · 0 % · 0 events/s");
    }
}
