//! What is known of a second, or of more, in a form that adds up.

use serde::{Deserialize, Serialize};

/// Greater numbers are as little use as infinite ones, and sums of these stay finite.
const MOST: f64 = 1e150;

/// The value, if it can be kept.
pub(crate) fn usable(value: f64) -> Option<f64> {
    (value.abs() < MOST).then_some(value)
}

/// Values: how many, their sum, the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stat {
    pub(crate) n: u32,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Stat {
    pub(crate) fn of(value: f64) -> Self {
        Self { n: 1, sum: value, min: value, max: value }
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / f64::from(self.n)
    }

    fn add(&mut self, more: &Self) {
        self.n = self.n.saturating_add(more.n);
        self.sum += more.sum;
        self.min = self.min.min(more.min);
        self.max = self.max.max(more.max);
    }

    fn join(mine: &mut Option<Self>, more: Option<&Self>) {
        match (mine.as_mut(), more) {
            (Some(mine), Some(more)) => mine.add(more),
            (None, Some(more)) => *mine = Some(*more),
            (_, None) => {}
        }
    }
}

/// What a detector judged, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Band {
    pub(crate) value: Stat,
    pub(crate) expected: Option<Stat>,
    pub(crate) lower: Option<Stat>,
    pub(crate) upper: Option<Stat>,
    pub(crate) score: Option<f64>,
}

/// Logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) logs: u64,
    pub(crate) errors: u64,
    /// So many had a response time.
    pub(crate) timed: u64,
    /// The sum of the response times, in microseconds.
    pub(crate) time: u64,
}

impl Count {
    pub(crate) fn add(&mut self, more: &Self) {
        self.logs = self.logs.saturating_add(more.logs);
        self.errors = self.errors.saturating_add(more.errors);
        self.timed = self.timed.saturating_add(more.timed);
        self.time = self.time.saturating_add(more.time);
    }
}

/// One of these.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Cell {
    /// One value: the usual case, in a third of the bytes.
    Value(f64),
    /// Several.
    Stat(Stat),
    /// Of a detector; in a box it would cost an allocation a score.
    Band(Band),
    /// Of the counters.
    Count(Count),
}

impl Cell {
    pub(crate) fn stat(&self) -> Option<Stat> {
        match self {
            Self::Value(value) => Some(Stat::of(*value)),
            Self::Stat(stat) => Some(*stat),
            Self::Band(band) => Some(band.value),
            Self::Count(_) => None,
        }
    }

    /// Adds what is known of the same time. Cells of another sort, which one series never has, are left out.
    pub(crate) fn add(&mut self, more: &Self) {
        match (&mut *self, more) {
            (Self::Count(mine), Self::Count(more)) => mine.add(more),
            (Self::Band(mine), Self::Band(more)) => {
                mine.value.add(&more.value);
                Stat::join(&mut mine.expected, more.expected.as_ref());
                Stat::join(&mut mine.lower, more.lower.as_ref());
                Stat::join(&mut mine.upper, more.upper.as_ref());
                mine.score = match (mine.score, more.score) {
                    (Some(mine), Some(more)) => Some(mine.max(more)),
                    (mine, more) => mine.or(more),
                };
            }
            (Self::Value(_) | Self::Stat(_), Self::Value(_) | Self::Stat(_)) => {
                if let (Some(mut stat), Some(more)) = (self.stat(), more.stat()) {
                    stat.add(&more);
                    *self = Self::Stat(stat);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_add_up() {
        let mut cell = Cell::Value(1.0);
        cell.add(&Cell::Value(4.0));
        cell.add(&Cell::Value(-2.0));
        assert_eq!(cell, Cell::Stat(Stat { n: 3, sum: 3.0, min: -2.0, max: 4.0 }));
        assert_eq!(cell.stat().unwrap().mean(), 1.0);
    }

    #[test]
    fn what_is_not_finite_is_of_no_use() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e150] {
            assert_eq!(usable(value), None, "{value}");
        }
        assert_eq!(usable(-1e149), Some(-1e149));
    }

    #[test]
    fn a_band_keeps_what_one_of_them_knew() {
        let band = |value: f64, expected: Option<f64>, score| {
            Cell::Band(Band {
                value: Stat::of(value),
                expected: expected.map(Stat::of),
                lower: None,
                upper: None,
                score,
            })
        };
        let mut cell = band(1.0, None, Some(2.0));
        cell.add(&band(3.0, Some(5.0), Some(1.0)));
        let Cell::Band(sum) = cell else { panic!("{cell:?}") };
        assert_eq!((sum.value.mean(), sum.expected.unwrap().mean(), sum.score), (2.0, 5.0, Some(2.0)));
    }
}
