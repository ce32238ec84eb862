//! The last points of a key, each with the baseline that it was judged by: what a verdict rests on.

use serde::{Deserialize, Serialize};

use super::{Confirm, Rule, Side};
use crate::baseline::Summary;
use crate::time::{Interval, Micros};

/// One value, and the baseline of its time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// What the value stands for.
    pub window: Interval,
    /// The value.
    pub value: f64,
    /// The values before it, in figures.
    pub baseline: Summary,
}

/// All that is needed to come to the same verdict again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleEvidence {
    /// The rule as it was set.
    pub rule: Rule,
    /// How many of how many points must exceed it.
    pub confirm: Confirm,
    /// The key's last values that could be used, oldest first: at least the N of `confirm`, if there were so many.
    pub points: Vec<Point>,
}

impl RuleEvidence {
    /// Judges again: the side on which the last point is a confirmed anomaly, and since when; none if it is not one.
    #[must_use]
    pub fn confirmed(&self) -> Option<(Side, Micros)> {
        self.rule.confirmed(self.confirm, self.points.iter().rev())
    }
}

impl Rule {
    /// Whether the newest of `points` (newest first) is a confirmed anomaly: its side, and the start of the earliest
    /// of the last N that exceed the rule on that side.
    pub(crate) fn confirmed<'a>(
        &self,
        confirm: Confirm,
        points: impl Iterator<Item = &'a Point> + Clone,
    ) -> Option<(Side, Micros)> {
        let side_of = |point: &Point| self.judge(point.value, &point.baseline).exceeds;
        let side = side_of(points.clone().next()?)?;
        let exceeding = points.take(confirm.of()).filter(|point| side_of(point) == Some(side));
        if exceeding.clone().count() < confirm.needed() {
            return None;
        }
        let since = exceeding.map(|point| point.window.start).min()?;
        Some((side, since))
    }
}
