//! The sentence of an anomaly: its figures as an engineer on call wants to read them at night.
//!
//! `mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3)`
//!
//! Values, means and spreads share their decimals, as many as give the spread two digits: more would be noise, fewer
//! would hide the difference. The sentence starts after what the reader knows from the line around it: state, key,
//! detector, and since when.

mod account;
mod figures;
mod measure;

use std::time::Duration;

pub use self::account::{Account, Disagreement, Step, verify};
pub use self::measure::Measure;
use crate::baseline::Summary;
use crate::explain::figures::{decimals_of, fixed, short, span, two_digits};
use crate::incident::{Peak, Reason};
use crate::rule::{Criterion, Rule, Side};

/// What a sentence is made of.
pub(crate) struct Sentence<'a> {
    pub(crate) measure: &'a Measure,
    pub(crate) rule: &'a Rule,
    pub(crate) side: Side,
    /// The value at hand, its score, and what it was judged by.
    pub(crate) value: f64,
    pub(crate) score: f64,
    pub(crate) baseline: &'a Summary,
}

/// How an incident ended.
pub(crate) struct Ending<'a> {
    pub(crate) reason: Reason,
    /// How long it was open.
    pub(crate) lasted: Duration,
    pub(crate) peak: &'a Peak,
    /// The baseline from now on.
    pub(crate) baseline: &'a Summary,
}

impl Sentence<'_> {
    /// What is out of the usual, and by which rule.
    pub(crate) fn anomalous(&self) -> String {
        let Self { measure, .. } = self;
        format!("{} {}, usually {} ({})", measure.label, self.amount(self.value), self.usual(self.baseline), self.by())
    }

    /// How it ended.
    pub(crate) fn resolved(&self, ending: &Ending<'_>) -> String {
        let (label, value) = (&self.measure.label, self.amount(self.value));
        let (usual, lasted) = (self.usual(self.baseline), span(ending.lasted));
        let peak = self.peak(ending.peak);
        match ending.reason {
            Reason::BackToNormal => {
                format!("{label} {value}, usually {usual}, back to normal after {lasted}, {peak}")
            }
            Reason::NewNormal => {
                let new = self.usual(ending.baseline);
                format!("{label} {value}, new normal {new} instead of {usual} after {lasted}, {peak}")
            }
            Reason::NoData => format!("{label} {value} at last, usually {usual}, then no data, {peak}"),
            Reason::NoLongerWatched => {
                format!("{label} {value} at last, usually {usual}, no longer watched after {lasted}, {peak}")
            }
        }
    }

    /// The verdict in figures, as it stands in the brackets.
    fn by(&self) -> String {
        let threshold = short(self.rule.threshold());
        match self.rule.criterion {
            Criterion::Zscore { min_std, .. } if self.baseline.std < min_std => {
                let least = self.amount(min_std);
                format!("z {} at ± {least}, the least, threshold {threshold}", two_digits(self.score))
            }
            Criterion::Zscore { .. } => format!("z {}, threshold {threshold}", two_digits(self.score)),
            Criterion::Spike { min_value, .. } => {
                let least = short(min_value * self.measure.scale);
                let and = if min_value > 0.0 { format!(" and {least}{}", self.unit()) } else { String::new() };
                let limit = format!("threshold {threshold} ×{and}");
                // How many times nothing it is, nobody asks.
                let (from, to) = match self.side {
                    Side::Up => (self.baseline.mean, self.value),
                    Side::Down => (self.value, self.baseline.mean),
                };
                let less = if self.side == Side::Down { " less" } else { "" };
                if from > 0.0 { format!("{} ×{less}, {limit}", two_digits(to / from)) } else { limit }
            }
        }
    }

    /// The worst point: `1,480 ms (z 31)`; for a spike, whose line has told the multiple, `61 %`.
    fn peak(&self, peak: &Peak) -> String {
        match self.rule.criterion {
            Criterion::Zscore { .. } => format!("peak {} (z {})", self.amount(peak.value), two_digits(peak.score)),
            Criterion::Spike { .. } => format!("peak {}", self.amount(peak.value)),
        }
    }

    /// A baseline: `295 ± 38 ms`; for a spike, whose rule knows no spread, `11 %`.
    fn usual(&self, baseline: &Summary) -> String {
        match self.rule.criterion {
            Criterion::Zscore { .. } => {
                let (mean, std) = (baseline.mean * self.measure.scale, baseline.std * self.measure.scale);
                let decimals = decimals_of(std);
                format!("{} ± {}{}", fixed(mean, decimals), fixed(std, decimals), self.unit())
            }
            Criterion::Spike { .. } => self.amount(baseline.mean),
        }
    }

    /// A value with its unit.
    fn amount(&self, value: f64) -> String {
        let value = value * self.measure.scale;
        let figure = match self.rule.criterion {
            Criterion::Zscore { .. } if self.baseline.std > 0.0 => {
                fixed(value, decimals_of(self.baseline.std * self.measure.scale))
            }
            _ => two_digits(value),
        };
        format!("{figure}{}", self.unit())
    }

    /// The unit with the space before it, or nothing.
    fn unit(&self) -> String {
        if self.measure.unit.is_empty() { String::new() } else { format!(" {}", self.measure.unit) }
    }
}

#[cfg(test)]
mod tests;
