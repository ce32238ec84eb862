//! No events where some should have come.
//!
//! What counts is how many were expected since the last one. That expectation is uncertain itself, so that the number of
//! events follows a negative binomial distribution, whose probability of none is (1 + Λ / a)^−a. Services that pause by
//! their nature have shown it: the silence must be far longer than the longest usual one.

use serde::{Deserialize, Serialize};

use super::settings::Limit;

/// What a day of hardly any traffic may show: a silence over which so many events were expected is nothing.
const FIRST_LONGEST: f64 = 3.0;

/// What is left of the longest silence after each bucket with events.
const FADING: f64 = 0.9995;

/// The longest silence grows by at most this factor at once.
const GROWTH: f64 = 3.0;

/// An alarm stays open while more than this was expected.
const HELD: f64 = 1.0;

/// Figures of a silence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SilenceFigures {
    /// How long it lasts, in seconds.
    pub seconds: u32,
    /// How many events were expected in it.
    pub expected: f64,
    /// The relative variance of that expectation.
    pub uncertainty: f64,
    /// In the longest usual silence, so many were expected.
    pub longest: f64,
    /// What has to be exceeded.
    pub limit: Limit,
}

impl SilenceFigures {
    /// −ln of the probability of such a silence.
    #[must_use]
    pub fn score(&self) -> f64 {
        (1.0 + self.expected * self.uncertainty).ln() / self.uncertainty
    }

    /// Whether this is an alarm.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.expected > self.limit.min_effect * self.longest && self.score() > self.limit.threshold
    }

    /// Whether an alarm that is open goes on.
    pub(super) fn holds(&self) -> bool {
        self.expected > HELD
    }
}

/// What is known of a key's silences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Silence {
    /// How many events were expected since the last one.
    expected: f64,
    /// How many buckets ago that was.
    buckets: u64,
    /// In the longest usual silence, so many were expected.
    longest: f64,
    /// Whether this silence has been made the usual: then it alarms no more.
    accepted: bool,
}

impl Default for Silence {
    fn default() -> Self {
        Self { expected: 0.0, buckets: 0, longest: FIRST_LONGEST, accepted: false }
    }
}

impl Silence {
    /// Takes a bucket in, in which so many events were expected and so many came.
    pub(super) fn take(&mut self, events: u64, expected: f64, is_open: bool) {
        if events == 0 {
            self.expected += expected;
            self.buckets += 1;
            return;
        }
        if !is_open {
            self.longest = (self.longest * FADING).max(self.expected.min(GROWTH * self.longest));
        }
        (self.expected, self.buckets, self.accepted) = (0.0, 0, false);
    }

    /// How many buckets ago the last event was.
    pub(super) fn buckets(&self) -> u64 {
        self.buckets
    }

    /// Whether it is so short that traffic is learned from.
    pub(super) fn is_usual(&self, limit: Option<Limit>) -> bool {
        limit.is_none_or(|limit| self.expected < 0.5 * limit.threshold)
    }

    /// The silence in figures, if it is one; with buckets of so many seconds.
    pub(super) fn figures(
        &self,
        limit: Option<Limit>,
        uncertainty: f64,
        bucket_seconds: u32,
    ) -> Option<SilenceFigures> {
        let limit = limit.filter(|_| self.expected > 0.0 && !self.accepted)?;
        let seconds = u32::try_from(self.buckets).unwrap_or(u32::MAX).saturating_mul(bucket_seconds);
        Some(SilenceFigures { seconds, expected: self.expected, uncertainty, longest: self.longest, limit })
    }

    /// Whether this silence has been made the usual.
    pub(super) fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// Makes this silence the usual.
    pub(super) fn accept(&mut self) {
        self.accepted = true;
    }
}
