//! The figures of slower answers, and the verdict on them.

use serde::{Deserialize, Serialize};

use super::settings::{Limit, RELAXED};

/// So many answers a window must have.
const FEWEST: f64 = 5.0;

/// Without its worst bucket a window's effect must be this part of the least one: one slow bucket is no incident.
const REST: f64 = 0.6;

/// Figures of a window's latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyFigures {
    /// How long the window is, in seconds.
    pub seconds: u32,
    /// How many latencies there are.
    pub latencies: f64,
    /// Their geometric mean, in the unit of the field.
    pub value: f64,
    /// What is usual at this time.
    pub usual: f64,
    /// The mean of ln (latency / usual).
    pub log_ratio: f64,
    /// The variance of ln latency.
    pub variance: f64,
    /// The variance between windows of this length.
    pub between: f64,
    /// What else is asked.
    pub confirmed: Confirmed,
    /// What has to be exceeded.
    pub limit: Limit,
}

/// What is asked beside the figures, so that a single bucket is no incident.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmed {
    /// Nothing: the window is long.
    Long,
    /// Whether the bucket before exceeded the limit too.
    Twice(bool),
    /// The mean of ln (latency / usual) without the worst bucket, where enough is left.
    WithoutWorst(Option<f64>),
}

impl LatencyFigures {
    /// How many standard deviations the mean is above the usual.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.log_ratio / (self.variance / self.latencies + self.between).sqrt()
    }

    /// Whether this is an alarm.
    #[must_use]
    pub fn fires(&self) -> bool {
        let least = self.limit.min_effect.ln();
        self.exceeds()
            && match self.confirmed {
                Confirmed::Long => true,
                Confirmed::Twice(before) => before,
                Confirmed::WithoutWorst(rest) => rest.is_some_and(|rest| rest > REST * least),
            }
    }

    /// Whether the limits are exceeded, confirmed or not.
    pub(super) fn exceeds(&self) -> bool {
        self.latencies >= FEWEST && self.log_ratio > self.limit.min_effect.ln() && self.score() > self.limit.threshold
    }

    /// Whether an alarm that is open goes on.
    pub(super) fn holds(&self) -> bool {
        self.log_ratio > RELAXED * self.limit.min_effect.ln() && self.score() > RELAXED * self.limit.threshold
    }
}
