//! A share of events, such as an error rate: counts that fade, and how far the share strays by itself.
//!
//! What is usual is the mean of a Beta distribution: what has been counted, with a half-life of a day, and 1 of 100 that
//! nobody has. A share of so many events strays by √(p (1 − p) / events), if events are independent; they seldom are, so
//! Pearson's χ² of each value says by how much more it does (McCullagh and Nelder 1989, section 4.5: over-dispersion),
//! with a half-life of twelve hours. 56 bytes, whatever the number of values.

use serde::{Deserialize, Serialize};

use super::Summary;
use crate::time::Micros;

/// After so long a count weighs half, in microseconds,
const HALF_LIFE: f64 = 24.0 * 3600e6;

/// and what a value says of the straying.
const STRAY_HALF_LIFE: f64 = 12.0 * 3600e6;

/// The prior: one hit in a hundred events,
const PRIOR: (f64, f64) = (1.0, 100.0);

/// and twenty values that stray as chance has it.
const STRAY_PRIOR: f64 = 20.0;

/// Neither hits nor the rest are taken to be rarer than this: of a share of 0, the first hit would be infinitely odd.
const RAREST: f64 = 2e-4;

/// The first values count in full; later ones for no more hits than so many times the usual, or two: a burst that is not
/// kept out, because it is not confirmed or not large enough, is not to become usual at once.
const LEARNING: usize = 10;
const MOST_HITS: f64 = 10.0;

/// A value counts for no more χ² than so many times the usual: (2.5 standard deviations)².
const MOST_STRAY: f64 = 6.25;

/// What is known of the share of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// How many values there were.
    n: usize,
    /// Of so many events
    events: f64,
    /// so many were hits.
    hits: f64,
    /// The sum of χ²,
    stray: f64,
    /// over so many values.
    values: f64,
    /// When the last was learned from.
    at: Micros,
}

impl Rate {
    /// Learns that of so many `events` (at least 1) this `share` (0 to 1) were hits. Times are to rise.
    pub fn push(&mut self, share: f64, events: f64, at: Micros) {
        let latest = if self.n == 0 { at } else { self.at.max(at) };
        let passed = if self.n == 0 { 0.0 } else { latest.since(self.at).as_micros() as f64 };
        let (fade, stray_fade) = (libm::exp2(-passed / HALF_LIFE), libm::exp2(-passed / STRAY_HALF_LIFE));
        let (usual, hits) = (self.usual(), share * events);
        let expected = events * usual;
        // Half a hit more in the variance, so that a hit where hardly one was expected does not count for too much.
        let stray = (hits - expected).powi(2) / (expected * (1.0 - usual) + 0.5);
        let most_stray = MOST_STRAY * self.dispersion();
        let most = if self.n < LEARNING { hits } else { (MOST_HITS * expected).max(2.0) };
        self.n += 1;
        self.at = latest;
        self.events = self.events * fade + events;
        self.hits = self.hits * fade + hits.min(most);
        self.stray = self.stray * stray_fade + stray.min(most_stray);
        self.values = self.values * stray_fade + 1.0;
    }

    /// Number of values, the usual share, and by how much that of so many `events` strays.
    #[must_use]
    pub fn summary(&self, events: f64) -> Summary {
        let usual = self.usual();
        let std = (self.dispersion() * usual * (1.0 - usual) / events).sqrt();
        Summary { n: self.n, mean: usual, std, seasonal: 0.0 }
    }

    fn usual(&self) -> f64 {
        ((self.hits + PRIOR.0) / (self.events + PRIOR.1)).clamp(RAREST, 1.0 - RAREST)
    }

    /// How many times the variance of independent events there is; at least 1.
    fn dispersion(&self) -> f64 {
        ((self.stray + STRAY_PRIOR) / (self.values + STRAY_PRIOR)).max(1.0)
    }
}
