//! Slower answers: the mean of ln latency over each scale, against a level that follows slowly and the time of day.
//!
//! In logarithms a change is a multiple, whatever the unit, and a few slow answers do not carry the mean away. A window's
//! mean is measured by its standard deviation: that of so many answers, and that between windows of its length. Over half
//! an hour and more this finds what comes little by little, for the level takes hours to follow.

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use super::bucket::Bucket;
use super::dispersion::learn_between;
use super::latency_figures::{Confirmed, LatencyFigures};
use super::now::{Found, Now};
use super::ring::Window;
use super::scale::{HALF_HOUR, SCALES};
use super::season::{self, Season};
use super::settings::Limit;

/// With fewer latencies there is nothing to be learned of a window either.
const FEWEST_LEARNED: f64 = 3.0;

/// The least variance between windows: 2 %.
const LEAST_BETWEEN: f64 = 0.0004;

/// An answer counts as at most this times slower or faster than is usual.
const LARGEST_RATIO: f64 = 20.0;

/// The level begins with so many latencies.
const FIRST: u64 = 20;

/// Over half an hour answers have become faster for good if they are this many times as fast,
const FASTER: f64 = 1.25;

/// and so many standard deviations below the level.
const FASTER_SCORE: f64 = 5.5;

/// Half of the level is forgotten in so many hours.
pub(super) const HALF_LIFE_HOURS: u64 = 4;

/// What is known of a key's latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Latency {
    /// The level of ln latency without the time of day; none before the first.
    level: Option<f64>,
    /// The first latencies, until there is a level.
    first: Option<Box<Bucket>>,
    /// By the time of day.
    pub(super) season: Season,
    /// The variance of ln latency within a bucket.
    variance: f64,
    /// The variance between windows of each scale.
    between: [f64; SCALES],
    /// Since when the level is what it is.
    rebased: u64,
    /// Since when it is learned anew, and until when no level is trusted.
    settling: Option<(u64, u64)>,
    /// The last bucket that exceeded the limit of the shortest scale.
    exceeded: Option<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            level: None,
            first: None,
            season: Season::default(),
            variance: 0.3,
            between: [0.01; SCALES],
            rebased: 0,
            settling: None,
            exceeded: None,
        }
    }
}

impl Latency {
    /// The usual ln latency in a slot; none before the first latencies.
    pub(super) fn usual(&self, slot: usize) -> Option<f64> {
        self.level.map(|level| level + self.season.usual(slot))
    }

    /// The usual latency over the day; none before the first.
    pub(super) fn mean(&self) -> Option<f64> {
        self.level.map(f64::exp)
    }

    /// Collects a key's first latencies, for of a single one nobody knows whether it is a strange one. The level begins
    /// with the mean of some, cut around their median, which is returned then.
    pub(super) fn begin(&mut self, bucket: &Bucket) -> Option<f64> {
        let first = self.first.get_or_insert_default();
        first.merge(bucket);
        let median = first.histogram().median().filter(|_| first.latencies() >= FIRST)?;
        self.level = Some(Self::sums(first, median).0 / first.latencies() as f64);
        self.first = None;
        Some(median)
    }

    /// Σ ln x and Σ ln² x of a bucket, cut at what is many times the usual.
    pub(super) fn sums(bucket: &Bucket, usual: f64) -> (f64, f64) {
        bucket.sums(usual - LARGEST_RATIO.ln(), usual + LARGEST_RATIO.ln())
    }

    /// Tests all scales, and learns how much windows differ while no alarm is open.
    pub(super) fn test(
        &mut self,
        now: &Now<'_>,
        limits: &[Option<Limit>; SCALES],
        usual: Option<f64>,
        alarm: &Alarm,
        weight: f64,
    ) -> Found<LatencyFigures> {
        let mut found = Found::new(alarm.held_by());
        let Some(usual) = usual else { return found };
        for (scale, limit) in limits.iter().enumerate() {
            let Some(window) = now.window(scale, self.rebased).filter(|window| window.latencies >= FEWEST_LEARNED)
            else {
                continue;
            };
            let log_ratio = window.residual / window.latencies;
            let within = self.variance / window.latencies;
            if let Some(limit) = *limit {
                let mut figures = LatencyFigures {
                    seconds: now.scales.seconds(scale),
                    latencies: window.latencies,
                    value: (usual + log_ratio).exp(),
                    usual: usual.exp(),
                    log_ratio,
                    variance: self.variance,
                    between: self.between[scale],
                    confirmed: Confirmed::Long,
                    limit,
                };
                if figures.exceeds() {
                    figures.confirmed = self.confirm(scale, &window, now);
                }
                // A single bucket keeps no alarm open.
                let holds = scale > 0 && figures.holds();
                found.take(scale, figures, figures.fires(), holds, |figures| figures.score() / figures.limit.threshold);
            }
            if !alarm.is_open() {
                learn_between(&mut self.between[scale], log_ratio * log_ratio, within, weight, LEAST_BETWEEN);
            }
        }
        found
    }

    /// Whether answers have become faster: nobody needs to be told, and the level follows at once.
    pub(super) fn is_faster(&self, now: &Now<'_>) -> bool {
        let window = now.window(HALF_HOUR, self.rebased).filter(|window| window.latencies >= FEWEST_LEARNED);
        window.is_some_and(|window| {
            let log_ratio = window.residual / window.latencies;
            let deviation = (self.variance / window.latencies + self.between[HALF_HOUR]).sqrt();
            log_ratio < -FASTER.ln() && log_ratio / deviation < -FASTER_SCORE
        })
    }

    /// What is asked beside the figures of a window that exceeds its limit.
    fn confirm(&mut self, scale: usize, window: &Window, now: &Now<'_>) -> Confirmed {
        match scale {
            0 => {
                let before = now.tick.checked_sub(1);
                let twice = before.is_some() && self.exceeded == before;
                self.exceeded = Some(now.tick);
                Confirmed::Twice(twice)
            }
            1 | 2 => {
                let worst =
                    now.ring.latest(window.width).max_by(|one, other| one.residual().total_cmp(&other.residual()));
                let rest = worst.map(|worst| {
                    let latencies = window.latencies - f64::from(worst.latencies);
                    (window.residual - worst.residual().max(0.0), latencies)
                });
                let enough = rest.filter(|(_, latencies)| *latencies >= 2.0);
                Confirmed::WithoutWorst(enough.map(|(residual, latencies)| residual / latencies))
            }
            _ => Confirmed::Long,
        }
    }

    /// Learns from a bucket that has latencies: the time of day in any case, the level while no alarm is open.
    pub(super) fn learn(&mut self, bucket: &Learned, now: &Now<'_>, is_open: bool, weight: f64) {
        let Some(level) = &mut self.level else { return };
        let Learned { latencies, sum, squares, usual, slot } = *bucket;
        let off = sum / latencies - usual;
        let within = self.variance / latencies;
        // A bucket of few answers says less: by its own variance, against that between buckets and 2 % more.
        let trust = (self.between[0] + 0.02) / (within + self.between[0] + 0.02);
        self.season.add(slot, trust * (off + self.season.usual(slot)), trust);
        if is_open {
            return;
        }
        let most = 3.0 * (within + self.between[0]).sqrt();
        // At first it is the mean of all.
        let early = 1.0 / (now.tick as f64 + 2.0);
        *level += weight.max(early) * trust * off.clamp(-most, most);
        if latencies > 1.0 {
            // What was cut is known to a bin's width only, which can bring it below nothing.
            let variance = ((squares - sum * sum / latencies) / (latencies - 1.0)).max(0.0);
            let cut = variance.min(4.0 * self.variance);
            self.variance += early.max(0.0005) * (latencies / 10.0).min(1.0) * (cut - self.variance);
        }
    }

    /// Makes the last `width` buckets the level.
    pub(super) fn rebase(&mut self, now: &Now<'_>, width: usize) {
        let window = now.ring.last(width);
        if let Some(level) = self.level.as_mut().filter(|_| window.latencies > 0.0) {
            *level += window.residual / window.latencies;
        }
        self.rebased = now.tick;
    }

    /// An alarm has closed: windows begin anew, so that none looks back on it.
    pub(super) fn close(&mut self, tick: u64) {
        self.rebased = tick;
    }

    /// Learns the level anew from bucket `tick` on, of which bucket `until` makes it, and judges what comes after that.
    pub(super) fn start_anew(&mut self, tick: u64, until: u64) {
        (self.settling, self.rebased) = (Some((tick, until)), until);
    }

    /// Makes the new level, once it is time.
    pub(super) fn settle(&mut self, now: &Now<'_>) {
        if let Some((from, until)) = self.settling.filter(|(_, until)| now.tick >= *until) {
            self.settling = None;
            self.rebase(now, usize::try_from(until - from).unwrap_or(usize::MAX));
        }
    }

    /// Ends a day that had events for a smoothing of this half-width.
    pub(super) fn end_day(&mut self, half_width: usize) {
        self.season.end_day(half_width, |sum, trust| (trust > 0.0).then(|| sum / (trust + 1.0)));
        self.season.center(season::mean);
        if self.season.days() <= 2 {
            // Without the time of day windows seemed to differ more than they do.
            self.between.iter_mut().for_each(|between| *between = between.min(0.01));
        }
    }
}

/// What is learned of a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learned {
    /// How many latencies it has, more than 0.
    pub(super) latencies: f64,
    /// Σ ln x.
    pub(super) sum: f64,
    /// Σ ln² x.
    pub(super) squares: f64,
    /// The usual ln latency.
    pub(super) usual: f64,
    /// Its slot of the day.
    pub(super) slot: usize,
}
