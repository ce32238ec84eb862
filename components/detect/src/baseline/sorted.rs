//! The last values of one key in order of size, for their median and the median of their deviations from it.
//!
//! Half of the values may be anything without moving either far (Hampel 1974). The window is kept twice: by age, and
//! sorted. A value finds its place in O(log n) comparisons, and half of the values move up or down by 8 bytes each to
//! make room: a tenth of a microsecond for 1000 values, a quarter of a millisecond for a million. Of sorted values the
//! median stands in the middle, and the deviations from it are two sorted runs, so that their median is found in
//! O(log n) as well.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Summary;

/// The standard deviation of normal values is this many times the median of their absolute deviations: 1 / Φ⁻¹(¾).
const NORMAL: f64 = 1.482_602_218_505_602;

/// The last values of one key. A snapshot has them once, by age.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "VecDeque<f64>", into = "VecDeque<f64>")]
pub struct Sorted {
    by_age: VecDeque<f64>,
    by_size: Vec<f64>,
}

impl Sorted {
    /// Adds a value, which must be finite, and lets go of the oldest ones, so that at most `capacity` (at least one)
    /// remain.
    pub fn push(&mut self, value: f64, capacity: usize) {
        while self.by_age.len() >= capacity.max(1) {
            if let Some(place) = self.by_age.pop_front().map(|oldest| self.place(oldest)) {
                self.by_size.remove(place);
            }
        }
        let place = self.place(value);
        self.by_size.insert(place, value);
        self.by_age.push_back(value);
    }

    /// Number, median, and scaled median absolute deviation of the values.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let n = self.by_size.len();
        let Some(mean) = middle(n, |rank| self.by_size.get(rank).copied()) else { return Summary::default() };
        let (below, above) = self.by_size.split_at(self.by_size.partition_point(|&value| value < mean));
        let deviation = |rank| nth_deviation(below, above, mean, rank);
        Summary { n, mean, std: NORMAL * middle(n, deviation).unwrap_or(0.0), seasonal: 0.0 }
    }

    /// Before how many values there are smaller ones; its own place, if it is one of them.
    fn place(&self, value: f64) -> usize {
        // In the total order -0 and 0 are two values, and each is found again.
        self.by_size.partition_point(|other| other.total_cmp(&value).is_lt())
    }
}

impl From<VecDeque<f64>> for Sorted {
    fn from(by_age: VecDeque<f64>) -> Self {
        let mut by_size: Vec<f64> = by_age.iter().copied().collect();
        by_size.sort_unstable_by(f64::total_cmp);
        Self { by_age, by_size }
    }
}

impl From<Sorted> for VecDeque<f64> {
    fn from(sorted: Sorted) -> Self {
        sorted.by_age
    }
}

/// The median of `n` figures, of which `nth` knows each by its rank: the middle one, or the mean of the two in the middle.
fn middle(n: usize, nth: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let upper = nth(n / 2)?;
    if n % 2 == 1 { Some(upper) } else { Some(f64::midpoint(nth(n / 2 - 1)?, upper)) }
}

/// The deviation of this rank, of values `below` a centre and not below it (`above`), both sorted.
fn nth_deviation(below: &[f64], above: &[f64], centre: f64, rank: usize) -> Option<f64> {
    // The smallest deviations below are those of the last values.
    let from_below = |place: usize| below.len().checked_sub(place + 1).and_then(|at| below.get(at)).map(|v| centre - v);
    let from_above = |place: usize| above.get(place).map(|value| value - centre);
    // Of the `rank` smallest deviations, so many are below: the least number after which the next below is no smaller
    // than the last taken above.
    let (mut least, mut most) = (rank.saturating_sub(above.len()), rank.min(below.len()));
    while least < most {
        let taken = least.midpoint(most);
        match (from_below(taken), from_above(rank - taken - 1)) {
            (Some(next), Some(last)) if next < last => least = taken + 1,
            _ => most = taken,
        }
    }
    match (from_below(least), from_above(rank - least)) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
