//! The last values of one key, their mean and their standard deviation.
//!
//! The classic rule judges each value against the last 1000. Summing those anew for every value would cost two
//! thousand additions a point; running sums alone lose their digits on data such as 1e9 ± 1, or for good after one
//! huge value has passed through. So the moments are updated in place (Welford 1962) relative to an *origin* near the
//! data, and counted anew from the ring once in every turn of it, and at once whenever so much cancels that more than
//! two digits are lost. A point costs O(1) on average, and the figures stay within 1e-9 of an exact computation.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Summary;

/// The moments are counted anew when the sum of squares falls to this part of the largest since the last count:
/// about `n` roundings of 1e-16 of that largest are in it, which must stay below 1e-9 of what is left.
const CANCELLATION: f64 = 1e-2;

/// The last values of one key, oldest first, with their running moments.
///
/// The moments are part of the snapshot: a restored window answers bit for bit as the one that went on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    values: VecDeque<f64>,
    moments: Moments,
}

impl Window {
    /// Adds a value and lets go of the oldest ones, so that at most `capacity` (at least one) remain.
    ///
    /// The capacity is given each time and not kept, so that a changed setting holds from the next value on.
    /// `value` must be finite and its square must not overflow; anything else would spoil the moments.
    pub fn push(&mut self, value: f64, capacity: usize) {
        debug_assert!((value * value).is_finite(), "callers sort out what can't be used");
        while self.values.len() >= capacity.max(1) {
            if let Some(oldest) = self.values.pop_front() {
                self.moments.remove(oldest, self.values.len());
            }
        }
        self.values.push_back(value);
        self.moments.add(value, self.values.len());
        if self.moments.are_worn(self.values.len()) {
            self.moments = Moments::of(&self.values);
        }
    }

    /// Number, mean and standard deviation of the values.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let n = self.values.len();
        let variance = if n == 0 { 0.0 } else { self.moments.squares / n as f64 };
        Summary { n, mean: self.moments.origin + self.moments.mean, std: variance.max(0.0).sqrt(), seasonal: 0.0 }
    }

    /// The values, oldest first.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.values.iter().copied()
    }
}

impl From<VecDeque<f64>> for Window {
    /// All of the values, oldest first.
    fn from(values: VecDeque<f64>) -> Self {
        Self { moments: Moments::of(&values), values }
    }
}

/// Mean and squared deviations of the values, kept while values come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Moments {
    /// The mean at the last count. Differences to it are small, and exact for values of one magnitude.
    origin: f64,
    /// The mean of the differences to `origin`.
    mean: f64,
    /// The sum of the squared deviations from the mean.
    squares: f64,
    /// The largest `squares` since the last count: its rounding errors are still in the sums.
    peak: f64,
    /// Values added since the last count.
    added: usize,
}

impl Moments {
    /// Counts from the values: two passes with the correction of Chan, Golub and LeVeque (1983).
    fn of(values: &VecDeque<f64>) -> Self {
        let Some(&pivot) = values.front() else { return Self::default() };
        let n = values.len() as f64;
        // Equal values give differences of exactly 0, and so a standard deviation of exactly 0.
        let origin = pivot + values.iter().map(|value| value - pivot).sum::<f64>() / n;
        let sum: f64 = values.iter().map(|value| value - origin).sum();
        let raw: f64 = values.iter().map(|value| (value - origin).powi(2)).sum();
        let squares = (raw - sum * sum / n).max(0.0);
        Self { origin, mean: sum / n, squares, peak: squares, added: 0 }
    }

    /// Takes in a value that is the `n`-th now.
    fn add(&mut self, value: f64, n: usize) {
        let difference = value - self.origin;
        let before = difference - self.mean;
        self.mean += before / n as f64;
        self.squares += before * (difference - self.mean);
        self.peak = self.peak.max(self.squares);
        self.added += 1;
    }

    /// Takes out a value, after which `n` remain.
    fn remove(&mut self, value: f64, n: usize) {
        if n == 0 {
            *self = Self::default();
            return;
        }
        let difference = value - self.origin;
        let before = difference - self.mean;
        self.mean -= before / n as f64;
        self.squares -= before * (difference - self.mean);
    }

    /// Whether it is time to count anew.
    fn are_worn(&self, n: usize) -> bool {
        // Written so that NaN counts as worn too.
        let sound = self.squares >= self.peak * CANCELLATION;
        !sound || self.added >= n
    }
}
