//! The pace of a generator: a clock of its own, and how long to wait for the next lines.

use std::time::Duration;

use tokio::time::Instant;

use crate::generator::Generator;

/// The most lines made at once: some 280 kB, about a millisecond's work.
pub(crate) const LINES: usize = 1000;

/// A line is made at most this long after its time, so that a slow stream comes in batches and yet without delay.
pub(crate) const DELAY: i64 = 50_000;

/// A clock that began at a time of its own and goes at a pace of its own. It never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// What it read when it began, in microseconds since the epoch.
    time: i64,
    /// When that was.
    began: Instant,
    /// How many microseconds it counts in one.
    speed: f64,
}

impl Pace {
    /// A clock at real pace that reads `time` now, in microseconds since the epoch.
    pub(crate) fn from(time: i64) -> Self {
        Self::at(time, 1.0)
    }

    /// A clock that reads `time` now, in microseconds since the epoch, and goes `speed` times as fast as others.
    pub(crate) fn at(time: i64, speed: f64) -> Self {
        Self { time, began: Instant::now(), speed }
    }

    /// What it reads, in microseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.time.saturating_add((self.began.elapsed().as_micros() as f64 * self.speed) as i64)
    }
}

/// How long after `now` the generator should be asked again: when a full batch is due, or what is due is old enough.
/// None if it has come to its end.
pub(crate) fn wait(generator: &Generator, now: i64) -> Option<Duration> {
    let next = generator.next_time()?;
    let full = generator.time_ahead(LINES as u64);
    let wake = full.min(now.saturating_add(DELAY)).max(next);
    Some(Duration::from_micros(u64::try_from(wake.saturating_sub(now)).unwrap_or(0)))
}
