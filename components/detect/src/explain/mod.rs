//! The sentence of an anomaly: its figures as an engineer on call wants to read them at night.
//!
//! `mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3)`
//!
//! Values, means and spreads share their decimals, as many as give the spread two digits: more would be noise, fewer
//! would hide the difference. The sentence starts after what the reader knows from the line around it: state, key,
//! detector, and since when.

mod account;
pub(crate) mod figures;
mod measure;
pub(crate) mod pattern;

use std::f64::consts::SQRT_2;
use std::time::Duration;

pub use self::account::{Account, Disagreement, Step, verify};
pub use self::measure::Measure;
use crate::baseline::{Method, Summary};
use crate::explain::figures::{decimals_of, fixed, short, span, two_digits};
use crate::incident::{Peak, Reason};
use crate::rule::{BaselineSettings, Criterion, Direction, Rule, Side};
use crate::season::Period;

/// What a sentence is made of.
pub(crate) struct Sentence<'a> {
    pub(crate) measure: &'a Measure,
    pub(crate) rule: &'a Rule,
    /// How the usual is made of values.
    pub(crate) usual: &'a BaselineSettings,
    /// The season that the usual belongs to.
    pub(crate) period: Option<Period>,
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
        format!("{}, usually {}{} ({})", self.judged(), self.usual(self.baseline), self.time(), self.by())
    }

    /// What is usual at the time of the baseline.
    pub(crate) fn known(&self) -> String {
        format!("{} usually {}{}", self.measure.label, self.usual(self.baseline), self.time())
    }

    /// The value.
    pub(crate) fn told(&self) -> String {
        self.amount(self.value)
    }

    /// How it ended.
    pub(crate) fn resolved(&self, ending: &Ending<'_>) -> String {
        let judged = self.judged();
        let (usual, lasted) = (self.usual(self.baseline) + self.time(), span(ending.lasted));
        let peak = self.peak(ending.peak);
        match ending.reason {
            Reason::BackToNormal => {
                format!("{judged}, usually {usual}, back to normal after {lasted}, {peak}")
            }
            Reason::NewNormal => {
                let new = self.usual(ending.baseline);
                format!("{judged}, new normal {new} instead of {usual} after {lasted}, {peak}")
            }
            Reason::NoData => format!("{judged} at last, usually {usual}, then no data, {peak}"),
            Reason::NoLongerWatched => {
                format!("{judged} at last, usually {usual}, no longer watched after {lasted}, {peak}")
            }
        }
    }

    /// When it is usual: ` at this time of day`; nothing if at all times.
    fn time(&self) -> &'static str {
        match self.period {
            None => "",
            Some(Period::Day) => " at this time of day",
            Some(Period::Week) => " at this time of the week",
        }
    }

    /// What was judged: `mean 1,180 ms`.
    fn judged(&self) -> String {
        let last = match self.usual.method {
            Method::Gaussian => format!(" over the last {}", self.usual.recent),
            _ => String::new(),
        };
        format!("{} {}{last}", self.measure.label, self.amount(self.value))
    }

    /// The verdict in figures, as it stands in the brackets.
    fn by(&self) -> String {
        let threshold = short(self.rule.threshold());
        match self.rule.criterion {
            Criterion::Zscore { .. } => {
                let least = self.rule.least_std(self.baseline.mean);
                let at = match self.baseline.std < least {
                    true => format!(" at ± {}, the least", self.amount(least)),
                    false => String::new(),
                };
                let (spread, tail) = match self.usual.method {
                    Method::Robust => ("median ± 1.48 MAD, ", String::new()),
                    Method::Gaussian => ("", format!(", p {}", tail(self.score, self.rule.direction))),
                    _ => ("", String::new()),
                };
                format!("{spread}z {}{at}{tail}, threshold {threshold}", two_digits(self.score))
            }
            Criterion::Deviance { min_value, .. } => {
                format!("z {}, threshold {threshold} by deviance{}", two_digits(self.score), self.and(min_value))
            }
            Criterion::Spike { min_value, .. } => {
                let limit = format!("threshold {threshold} ×{}", self.and(min_value));
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

    /// A least value that is asked for too: ` and 10 %`.
    fn and(&self, min_value: f64) -> String {
        let least = short(min_value * self.measure.scale);
        if min_value > 0.0 { format!(" and {least}{}", self.unit()) } else { String::new() }
    }

    /// The worst point: `1,480 ms (z 31)`; for a spike, whose line has told the multiple, `61 %`.
    fn peak(&self, peak: &Peak) -> String {
        match self.rule.criterion {
            Criterion::Zscore { .. } | Criterion::Deviance { .. } => {
                format!("peak {} (z {})", self.amount(peak.value), two_digits(peak.score))
            }
            Criterion::Spike { .. } => format!("peak {}", self.amount(peak.value)),
        }
    }

    /// A baseline: `295 ± 38 ms`; for a spike, whose rule knows no spread, and for a share, of which it is each time another,
    /// `11 %`.
    fn usual(&self, baseline: &Summary) -> String {
        match self.rule.criterion {
            Criterion::Zscore { .. } => {
                let (mean, std) = (baseline.mean * self.measure.scale, baseline.std * self.measure.scale);
                let decimals = decimals_of(std);
                format!("{} ± {}{}", fixed(mean, decimals), fixed(std, decimals), self.unit())
            }
            Criterion::Spike { .. } | Criterion::Deviance { .. } => self.amount(baseline.mean),
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

/// How probable it is that a normal variable is at least so many standard deviations out, on the sides that are looked
/// at: `1.3e-5`.
fn tail(score: f64, direction: Direction) -> String {
    let sides = if direction == Direction::Both { 2.0 } else { 1.0 };
    match libm::erfc(score / SQRT_2) / 2.0 * sides {
        probability if probability < f64::MIN_POSITIVE => "< 1e-300".to_owned(),
        probability => format!("{probability:.1e}"),
    }
}

#[cfg(test)]
mod tests;
