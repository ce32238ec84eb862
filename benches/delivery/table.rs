//! The table, in Markdown, row by row as the figures come.

use std::time::Duration;

use crate::support::measure::Measured;

/// A row of it.
#[derive(Default)]
pub(crate) struct Row {
    job: String,
    speed: String,
    cpu: String,
    p50: String,
    p99: String,
    share: String,
    must: String,
}

/// Prints what stands above it.
pub(crate) fn head() {
    println!("| job | speed | CPU s per million | p50 | p99 | share | must |");
    println!("|---|---:|---:|---:|---:|---:|---|");
}

impl Row {
    /// A row without figures.
    pub(crate) fn new(job: impl Into<String>) -> Self {
        Self { job: job.into(), ..Self::default() }
    }

    /// What `events` events took.
    pub(crate) fn events(mut self, events: u64, measured: Measured) -> Self {
        let Measured { wall, cpu, .. } = measured.per_million(events);
        self.speed = format!("{}/s", thousands(1e6 / wall));
        self.cpu = format!("{cpu:.2}");
        self
    }

    /// What a stream of bytes took.
    pub(crate) fn megabytes(mut self, bytes: u64, measured: &Measured) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let speed = bytes as f64 / 1e6 / measured.wall;
        self.speed = format!("{speed:.0} MB/s");
        self
    }

    /// The median and the 99th percentile of these.
    pub(crate) fn waits(mut self, waits: &[Duration]) -> Self {
        (self.p50, self.p99) = (milliseconds(quantile(waits, 50)), milliseconds(quantile(waits, 99)));
        self
    }

    /// The share of the bare loop's speed.
    pub(crate) fn share(mut self, share: f64) -> Self {
        self.share = format!("{share:.2}");
        self
    }

    /// The share, of which there must be so much.
    pub(crate) fn at_least(mut self, share: f64, least: f64) -> Self {
        self.must = format!("share at least {least:.2}{}", missed(share < least));
        self.share(share)
    }

    /// The waits, of which 99 in a hundred must be shorter than this.
    pub(crate) fn within(mut self, waits: &[Duration], most: Duration) -> Self {
        self.must = format!("p99 under {most:?}{}", missed(quantile(waits, 99) >= most));
        self.waits(waits)
    }

    /// Prints it.
    pub(crate) fn print(self) {
        let Self { job, speed, cpu, p50, p99, share, must } = self;
        println!("| {job} | {speed} | {cpu} | {p50} | {p99} | {share} | {must} |");
    }
}

fn missed(is_missed: bool) -> &'static str {
    if is_missed { ": missed" } else { "" }
}

/// Of these, so many of a hundred are not longer than what this returns.
fn quantile(waits: &[Duration], percent: usize) -> Duration {
    let mut waits = waits.to_vec();
    waits.sort_unstable();
    waits[(waits.len() * percent / 100).min(waits.len() - 1)]
}

fn milliseconds(wait: Duration) -> String {
    let milliseconds = wait.as_secs_f64() * 1e3;
    if milliseconds < 10.0 { format!("{milliseconds:.2} ms") } else { format!("{milliseconds:.0} ms") }
}

/// A number with commas between its thousands, rounded to three digits or so.
fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", (number / 1000.0).round() * 1000.0);
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}
