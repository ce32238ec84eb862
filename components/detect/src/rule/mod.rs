//! Is one value out of the usual? The rules of `zscore` and `spike`, as pure functions of value and baseline.
//!
//! A rule keeps nothing: the same value and the same [`Summary`] always give the same [`Verdict`]. So an anomaly that
//! carries both can be judged again, years later, and a changed threshold judges against the old baseline.

mod confirm;
mod deviance;
mod evidence;
mod settings;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::confirm::{Confirm, InvalidConfirm};
use self::deviance::{root_deviance, share_at};
pub use self::evidence::{Point, RuleEvidence};
pub use self::settings::{BaselineSettings, Problem, Settings};
use crate::baseline::Summary;

/// Scores end here, so that a value against a spread of nearly nothing has a number that JSON and charts can bear.
pub const SCORE_LIMIT: f64 = 1e6;

/// Values beyond this are not used, as infinite ones: their squares would overflow in the baseline.
pub const VALUE_LIMIT: f64 = 1e150;

/// A share of events is nothing to speak of unless there are more hits: three are chance, four are enough.
const LEAST_HITS: f64 = 3.5;

/// What has to hold for a value to be out of the usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The test itself, with its figures.
    pub criterion: Criterion,
    /// On which side of the mean a value may be out of the usual.
    pub direction: Direction,
    /// The value must also be at least this many times the mean (`up`), or at most the mean divided by it (`down`);
    /// mirrored for a mean below 0. At least 1; 1 asks for nothing.
    pub min_effect: f64,
    /// With fewer values in the baseline there is no verdict.
    pub min_samples: usize,
}

/// The two classic tests, and one for shares of events.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// |value − mean| / std > threshold. A standard deviation of 0 never alerts, unless a least one lifts it.
    Zscore {
        /// Standard deviations, above 0.
        threshold: f64,
        /// The standard deviation is taken to be at least this, in the value's unit. 0 is the classic rule.
        min_std: f64,
        /// It is also taken to be at least this part of the mean's absolute value. 0 is the classic rule.
        #[serde(default)]
        min_std_ratio: f64,
    },
    /// Up: value > factor × mean, and value > `min_value`.
    /// Down, which the classic rule does not have: value < mean ÷ factor, and mean > `min_value`.
    Spike {
        /// Times the mean, above 1.
        factor: f64,
        /// Smaller values (down: means) are nothing to speak of; in the value's unit.
        min_value: f64,
    },
    /// |D| > threshold, where D is the signed root of the deviance of a share of events, divided by that of its variance
    /// in multiples of a binomial one; it is as z is. Up: value > `min_value`; down: mean > `min_value`. And of the events
    /// at least four (up: were, down: were expected to be) hits, each counted for as much less as the variance is larger.
    Deviance {
        /// In standard deviations, above 0.
        threshold: f64,
        /// Smaller values (down: means) are nothing to speak of; from 0 to below 1.
        min_value: f64,
    },
}

/// On which side of the mean a rule looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above and below.
    Both,
    /// Above only.
    Up,
    /// Below only.
    Down,
}

impl Direction {
    /// Whether a rule with this direction looks at `side`.
    #[must_use]
    pub fn allows(self, side: Side) -> bool {
        matches!((self, side), (Self::Both, _) | (Self::Up, Side::Up) | (Self::Down, Side::Down))
    }
}

/// On which side of the mean a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Above the mean.
    Up,
    /// Below the mean.
    Down,
}

/// What a rule says of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// On which side the value exceeds the rule; none if it does not.
    pub exceeds: Option<Side>,
    /// How far out it is, in the threshold's unit, from 0 to [`SCORE_LIMIT`]: |z|, |D|, or for `spike` the value in
    /// multiples of the mean (of `min_value / factor`, if that is more, so that scores above `factor` are those of the
    /// classic rule). It counts on both sides, whatever `direction` and `min_effect` say. None if there is no verdict:
    /// too few values, or a spread of 0.
    pub score: Option<f64>,
    /// The value expected: the mean. None if there are too few values.
    pub expected: Option<f64>,
    /// Values below are out of the usual. None if no value can be.
    pub lower: Option<f64>,
    /// Values above are out of the usual. None if no value can be.
    pub upper: Option<f64>,
}

impl Rule {
    /// Judges a value by the values before it. `value` must be finite.
    #[must_use]
    pub fn judge(&self, value: f64, baseline: &Summary) -> Verdict {
        if baseline.n < self.min_samples.max(1) {
            return Verdict::default();
        }
        match self.criterion {
            Criterion::Zscore { threshold, .. } => self.zscore(value, baseline, threshold),
            Criterion::Spike { factor, min_value } => self.spike(value, baseline.mean, factor, min_value),
            Criterion::Deviance { threshold, min_value } => self.deviance(value, baseline, threshold, min_value),
        }
    }

    /// The rule with half its strictness (half the threshold, half the way to factor and effect). An incident is
    /// over when values have come back within this one, so that it does not flicker at the edge of the full rule.
    #[must_use]
    pub fn relaxed(&self) -> Self {
        let half_way = |factor: f64| 1.0 + (factor - 1.0) / 2.0;
        let criterion = match self.criterion {
            Criterion::Zscore { threshold, min_std, min_std_ratio } => {
                Criterion::Zscore { threshold: threshold / 2.0, min_std, min_std_ratio }
            }
            Criterion::Spike { factor, min_value } => {
                Criterion::Spike { factor: half_way(factor), min_value: min_value / 2.0 }
            }
            Criterion::Deviance { threshold, min_value } => {
                Criterion::Deviance { threshold: threshold / 2.0, min_value: min_value / 2.0 }
            }
        };
        Self { criterion, min_effect: half_way(self.min_effect), ..*self }
    }

    /// What a score has to exceed: `threshold` or `factor`.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        match self.criterion {
            Criterion::Zscore { threshold, .. } | Criterion::Deviance { threshold, .. } => threshold,
            Criterion::Spike { factor, .. } => factor,
        }
    }

    /// The standard deviation is taken to be at least this around a mean.
    pub(crate) fn least_std(&self, mean: f64) -> f64 {
        match self.criterion {
            Criterion::Zscore { min_std, min_std_ratio, .. } => min_std.max(min_std_ratio * mean.abs()),
            Criterion::Spike { .. } | Criterion::Deviance { .. } => 0.0,
        }
    }

    fn zscore(&self, value: f64, baseline: &Summary, threshold: f64) -> Verdict {
        let Summary { mean, std, .. } = *baseline;
        let std = std.max(self.least_std(mean));
        if std <= 0.0 {
            return Verdict { expected: Some(mean), ..Verdict::default() };
        }
        let side = if value < mean { Side::Down } else { Side::Up };
        let score = (value - mean).abs() / std;
        let reach = threshold * std;
        self.verdict(value, mean, side, score, score > threshold, (mean - reach, mean + reach))
    }

    fn spike(&self, value: f64, mean: f64, factor: f64, min_value: f64) -> Verdict {
        let down = value < mean && self.direction.allows(Side::Down);
        let (score, exceeds) = if down {
            (times(mean, value), value < mean / factor && mean > min_value)
        } else {
            (times(value, mean.max(min_value / factor)), value > factor * mean && value > min_value)
        };
        let lower = if mean > min_value { mean / factor } else { f64::NEG_INFINITY };
        let side = if down { Side::Down } else { Side::Up };
        self.verdict(value, mean, side, score, exceeds, (lower, min_value.max(factor * mean)))
    }

    fn deviance(&self, value: f64, baseline: &Summary, threshold: f64, min_value: f64) -> Verdict {
        let Summary { mean, std, .. } = *baseline;
        // So many independent events would stray as far: fewer than there are, if they depend on one another.
        let events = mean * (1.0 - mean) / (std * std);
        let down = value < mean;
        let (side, hits, large) = if down { (Side::Down, mean, mean) } else { (Side::Up, value, value) };
        let score = root_deviance(value, mean, events);
        let exceeds = score > threshold && large > min_value && hits * events > LEAST_HITS;
        let reach = |side, end| {
            let looks = self.direction.allows(side);
            looks.then(|| share_at(threshold, mean, end, events)).flatten()
        };
        let is_large = mean > min_value && mean * events > LEAST_HITS;
        let lower = reach(Side::Down, 0.0).filter(|_| is_large).unwrap_or(f64::NEG_INFINITY);
        let upper = reach(Side::Up, 1.0).unwrap_or(f64::INFINITY).max(min_value).max(LEAST_HITS / events);
        let verdict = self.verdict(value, mean, side, score, exceeds, (lower, upper));
        // No share is more than all.
        Verdict { upper: verdict.upper.filter(|&upper| upper < 1.0), ..verdict }
    }

    /// Applies what all tests share: direction, minimum effect, and the band.
    fn verdict(&self, value: f64, mean: f64, side: Side, score: f64, exceeds: bool, band: (f64, f64)) -> Verdict {
        let (shrunk, grown) = (mean / self.min_effect, mean * self.min_effect);
        // Below 0 a value grows towards 0: the two change places.
        let (low, high) = if mean < 0.0 { (grown, shrunk) } else { (shrunk, grown) };
        let large_enough = match side {
            Side::Up => value >= high,
            Side::Down => value <= low,
        };
        let bound = |side, bound: f64| (self.direction.allows(side) && bound.is_finite()).then_some(bound);
        Verdict {
            exceeds: (exceeds && large_enough && self.direction.allows(side)).then_some(side),
            score: Some(score.min(SCORE_LIMIT)),
            expected: Some(mean),
            lower: bound(Side::Down, band.0.min(low)),
            upper: bound(Side::Up, band.1.max(high)),
        }
    }
}

/// How many times `base` goes into `value`, at most [`SCORE_LIMIT`], also where `base` is nothing.
fn times(value: f64, base: f64) -> f64 {
    match (value > 0.0, base > 0.0) {
        (false, _) => 0.0,
        (true, true) => (value / base).min(SCORE_LIMIT),
        (true, false) => SCORE_LIMIT,
    }
}

#[cfg(test)]
mod tests;
