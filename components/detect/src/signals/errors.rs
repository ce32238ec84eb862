//! More errors: the share of failed events over each scale, against a share that is remembered for a day.
//!
//! The shortest scales find a burst, the longest a slow burn. What is usual is a Beta distribution whose counts fade.

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use super::deviance::binomial;
use super::dispersion::learn_ratio;
use super::now::{Found, Now};
use super::scale::SCALES;
use super::settings::{Limit, Limits, RELAXED};

/// So many errors there must be,
const FEWEST_ERRORS: f64 = 4.0;

/// of so many events.
const FEWEST: f64 = 3.0;

/// What is known before the first event: one error in a hundred.
const PRIOR: (f64, f64) = (1.0, 100.0);

/// No share is less usual than this.
const LEAST: f64 = 2e-4;

/// Half of what is usual is forgotten in so many hours.
pub(super) const HALF_LIFE_HOURS: u64 = 24;

/// Figures of a window's errors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorFigures {
    /// How long the window is, in seconds.
    pub seconds: u32,
    /// How many events there are.
    pub events: f64,
    /// How many of them failed.
    pub errors: f64,
    /// The usual share.
    pub usual: f64,
    /// The variance of the share between windows, as a multiple of that of chance.
    pub dispersion: f64,
    /// What has to be exceeded.
    pub limit: Limit,
    /// By how much the share must exceed the usual one.
    pub min_increase: f64,
}

impl ErrorFigures {
    /// How many standard deviations the share is above the usual.
    #[must_use]
    pub fn score(&self) -> f64 {
        binomial(self.errors, self.events, self.usual) / self.dispersion.max(1.0).sqrt()
    }

    /// Whether this is an alarm.
    #[must_use]
    pub fn fires(&self) -> bool {
        let share = self.errors / self.events;
        self.errors >= FEWEST_ERRORS
            && share - self.usual > self.min_increase
            && share > self.limit.min_effect * self.usual
            && self.score() > self.limit.threshold
    }

    /// Whether an alarm that is open goes on.
    fn holds(&self) -> bool {
        self.errors / self.events - self.usual > RELAXED * self.min_increase
            && self.score() > RELAXED * self.limit.threshold
    }
}

/// What is known of a key's errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Errors {
    /// Errors,
    errors: f64,
    /// of so many events, both fading.
    events: f64,
    /// The share's dispersion, for each scale.
    dispersion: [f64; SCALES],
    /// Since when the share is what it is.
    rebased: u64,
}

impl Default for Errors {
    fn default() -> Self {
        Self { errors: PRIOR.0, events: PRIOR.1, dispersion: [1.0; SCALES], rebased: 0 }
    }
}

impl Errors {
    /// The usual share.
    pub(super) fn usual(&self) -> f64 {
        self.errors / self.events
    }

    /// Tests all scales, and learns how much windows differ while no alarm is open.
    pub(super) fn test(&mut self, now: &Now<'_>, limits: &Limits, alarm: &Alarm, weight: f64) -> Found<ErrorFigures> {
        let mut found = Found::new(alarm.held_by());
        let usual = self.usual();
        for scale in 0..SCALES {
            let Some(window) = now.window(scale, self.rebased).filter(|window| window.events >= FEWEST) else {
                continue;
            };
            if let Some(limit) = limits.error_rate[scale] {
                let figures = ErrorFigures {
                    seconds: now.scales.seconds(scale),
                    events: window.events,
                    errors: window.errors,
                    usual,
                    dispersion: self.dispersion[scale],
                    limit,
                    min_increase: limits.min_increase,
                };
                found.take(scale, figures, figures.fires(), figures.holds(), |figures| {
                    figures.score() / figures.limit.threshold
                });
            }
            if !alarm.is_open() {
                learn_ratio(&mut self.dispersion[scale], window.errors, window.events, usual, weight);
            }
        }
        found
    }

    /// Learns from a bucket with events, `usual` being the share before. `kept` of what is known is remembered.
    pub(super) fn learn(&mut self, events: f64, errors: f64, usual: f64, kept: f64) {
        // A burst that nobody saw moves it little.
        self.errors = self.errors * kept + errors.min((10.0 * usual * events).max(2.0));
        self.events = self.events * kept + events;
        if self.events < PRIOR.1 {
            self.errors += PRIOR.0 / PRIOR.1 * (PRIOR.1 - self.events);
            self.events = PRIOR.1;
        }
        self.errors = self.errors.max(LEAST * self.events);
    }

    /// An alarm has closed: windows begin anew, so that none looks back on it.
    pub(super) fn close(&mut self, tick: u64) {
        self.rebased = tick;
    }

    /// Trusts what is known no more than a few events, and judges what comes after bucket `from` only.
    pub(super) fn start_anew(&mut self, from: u64) {
        let trust = (PRIOR.1 / self.events).min(1.0);
        (self.errors, self.events) = (self.errors * trust, self.events * trust);
        self.rebased = from;
    }

    /// Makes the share of the last `width` buckets the usual one.
    pub(super) fn rebase(&mut self, now: &Now<'_>, width: usize) {
        let window = now.ring.last(width);
        if window.events > 0.0 {
            self.events = self.events.min(window.events);
            self.errors = LEAST.max(window.errors / window.events) * self.events;
        }
        self.rebased = now.tick;
    }
}
