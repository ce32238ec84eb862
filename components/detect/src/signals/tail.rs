//! More slow answers: the share of those beyond what one in a hundred takes longer than.
//!
//! A mean hardly moves when one answer in twenty takes ten times as long; this share does. What "slow" is follows the
//! running median and a histogram that forgets; how many are slow by that is measured, for the histogram's limit is a
//! bin's border.

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use super::bucket::{Bucket, bin_below};
use super::deviance::binomial;
use super::dispersion::learn_ratio;
use super::now::{Found, Now};
use super::offsets::Offsets;
use super::ring::Window;
use super::scale::{HALF_HOUR, SCALES};
use super::settings::{Limit, RELAXED};

/// So many slow answers there must be, and so many without the worst bucket.
const FEWEST_SLOW: f64 = 5.0;
const FEWEST_WITHOUT_WORST: f64 = 4.0;

/// With fewer answers nothing is judged.
const FEWEST: f64 = 3.0;

/// Without its worst bucket a window must have this part of the threshold: one pause is no incident.
const REST: f64 = 0.75;

/// Where answers begin to be slow: so many take longer.
const SLOW: f64 = 0.01;

/// The usual share of slow answers lies between these.
const SHARES: (f64, f64) = (0.003, 0.2);

/// The share follows the last so many answers.
const MEMORY: f64 = 50_000.0;

/// What is left of the histogram after an hour.
const HOURLY: f64 = 0.94;

/// Over which scales it is judged: one minute to half an hour.
const JUDGED: std::ops::RangeInclusive<usize> = 1..=HALF_HOUR;

/// Figures of a window's slow answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TailFigures {
    /// How long the window is, in seconds.
    pub seconds: u32,
    /// How many latencies there are.
    pub latencies: f64,
    /// How many of them are slow.
    pub slow: f64,
    /// From where an answer is slow, in the unit of the field.
    pub slow_from: f64,
    /// The usual share of slow answers.
    pub usual: f64,
    /// The variance of the share between windows, as a multiple of that of chance.
    pub dispersion: f64,
    /// Latencies and slow ones without the worst bucket.
    pub without_worst: Option<(f64, f64)>,
    /// What has to be exceeded.
    pub limit: Limit,
}

impl TailFigures {
    /// How many standard deviations the share is above the usual.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.score_of(self.latencies, self.slow)
    }

    fn score_of(&self, latencies: f64, slow: f64) -> f64 {
        binomial(slow, latencies, self.usual) / self.dispersion.max(1.0).sqrt()
    }

    /// Whether this is an alarm.
    #[must_use]
    pub fn fires(&self) -> bool {
        let confirms = |(latencies, slow): (f64, f64)| {
            latencies >= FEWEST
                && slow >= FEWEST_WITHOUT_WORST
                && slow > self.limit.min_effect * self.usual * latencies
                && self.score_of(latencies, slow) > REST * self.limit.threshold
        };
        self.exceeds() && self.without_worst.is_some_and(confirms)
    }

    fn exceeds(&self) -> bool {
        self.slow >= FEWEST_SLOW
            && self.slow > self.limit.min_effect * self.usual * self.latencies
            && self.score() > self.limit.threshold
    }

    /// Whether an alarm that is open goes on.
    fn holds(&self) -> bool {
        let effect = 1.0 + RELAXED * (self.limit.min_effect - 1.0);
        self.slow > effect * self.usual * self.latencies && self.score() > RELAXED * self.limit.threshold
    }
}

/// What is known of a key's slow answers: up to 1.4 kB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    /// The running median of ln latency.
    median: f64,
    /// How far above it answers are slow.
    offset: f64,
    /// The usual share of slow answers.
    share: f64,
    /// How many answers the share is of.
    seen: f64,
    /// The share's dispersion, for each scale.
    dispersion: [f64; SCALES],
    /// How far answers lie from the median.
    offsets: Offsets,
    /// Since when the share is what it is.
    rebased: u64,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            median: 0.0,
            // Nothing is slow before the first hour has shown what is usual.
            offset: 10.0,
            share: SLOW,
            seen: 0.0,
            dispersion: [1.0; SCALES],
            offsets: Offsets::default(),
            rebased: 0,
        }
    }
}

impl Tail {
    /// Begins with the median of a key's first latencies.
    pub(super) fn begin(&mut self, median: f64) {
        self.median = median;
    }

    /// How many of the bucket's answers are slow.
    pub(super) fn count(&self, bucket: &Bucket) -> u64 {
        bucket.histogram().above(self.median + self.offset)
    }

    /// Tests all scales, and learns how much windows differ while no alarm of latencies is open.
    pub(super) fn test(
        &mut self,
        now: &Now<'_>,
        limit: Option<Limit>,
        alarm: &Alarm,
        learns: bool,
        weight: f64,
    ) -> Found<TailFigures> {
        let mut found = Found::new(alarm.held_by());
        for scale in JUDGED {
            let Some(window) = now.window(scale, self.rebased).filter(|window| window.latencies >= FEWEST) else {
                continue;
            };
            if let Some(limit) = limit {
                let mut figures = TailFigures {
                    seconds: now.scales.seconds(scale),
                    latencies: window.latencies,
                    slow: window.tail,
                    slow_from: (self.median + self.offset).exp(),
                    usual: self.share,
                    dispersion: self.dispersion[scale],
                    without_worst: None,
                    limit,
                };
                if figures.exceeds() {
                    figures.without_worst = Some(without_worst(&window, now));
                }
                found.take(scale, figures, figures.fires(), figures.holds(), |figures| {
                    figures.score() / figures.limit.threshold
                });
            }
            if learns {
                learn_ratio(&mut self.dispersion[scale], window.tail, window.latencies, self.share, weight);
            }
        }
        found
    }

    /// Learns from a bucket with latencies, `slow` of which were slow: the median in any case.
    pub(super) fn learn(&mut self, bucket: &Bucket, slow: u64, learns: bool) {
        let Some(median) = bucket.histogram().median() else { return };
        let latencies = bucket.latencies() as f64;
        self.median += 0.3 * (latencies / 20.0).min(1.0) * (median - self.median);
        if !learns {
            return;
        }
        let middle = bin_below(self.median);
        for (bin, count) in bucket.histogram().bins() {
            self.offsets.add(bin.saturating_sub(middle), count);
        }
        self.seen += latencies;
        let weight = latencies / (self.seen.min(MEMORY) + latencies);
        let seen = (slow as f64 / latencies).min((10.0 * self.share).max(3.0 / latencies));
        self.share = (self.share + weight * (seen - self.share)).clamp(SHARES.0, SHARES.1);
    }

    /// Ends an hour: sets anew what is slow.
    pub(super) fn end_hour(&mut self) {
        if let Some(offset) = self.offsets.above(SLOW) {
            self.offset = offset;
        }
        self.offsets.fade(HOURLY);
    }

    /// An alarm has closed: windows begin anew, so that none looks back on it.
    pub(super) fn close(&mut self, tick: u64) {
        self.rebased = tick;
    }

    /// Judges what comes after bucket `from` only.
    pub(super) fn start_anew(&mut self, from: u64) {
        self.rebased = from;
    }

    /// Makes the share of the last `width` buckets the usual one.
    pub(super) fn rebase(&mut self, now: &Now<'_>, width: usize) {
        let window = now.ring.last(width);
        if window.latencies > 0.0 {
            self.share = self.share.max(window.tail / window.latencies).min(SHARES.1);
        }
        self.rebased = now.tick;
    }
}

/// Latencies and slow ones of a window without the bucket that has the most slow ones.
fn without_worst(window: &Window, now: &Now<'_>) -> (f64, f64) {
    let worst = now.ring.latest(window.width).max_by_key(|cell| cell.tail).copied().unwrap_or_default();
    (window.latencies - f64::from(worst.latencies), window.tail - f64::from(worst.tail))
}
