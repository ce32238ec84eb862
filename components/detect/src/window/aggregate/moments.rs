//! Sum, mean and standard deviation.

use logd_sdk::Field;
use serde::{Deserialize, Serialize};

use super::exact::{Exact, ExactSum};
use super::number::Number;

/// How many numbers there are, and their sum.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Total {
    count: u64,
    sum: ExactSum,
}

impl Total {
    /// Adds a number.
    pub(super) fn add(&mut self, number: Number) {
        self.count += 1;
        self.sum.add(number);
    }

    /// Adds other numbers.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
    }

    /// The sum: a whole number where all are whole and it fits.
    pub(super) fn sum(&self) -> Field<'static> {
        self.sum.whole().map_or_else(|| Field::Float(self.sum.exact().to_f64()), Field::Integer)
    }

    /// The mean; not a number without any.
    pub(super) fn mean(&self) -> f64 {
        self.sum.exact().to_f64() / self.count as f64
    }
}

/// The same, and the sum of the squares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    total: Total,
    squares: ExactSum,
}

impl Spread {
    /// Adds a number.
    pub(super) fn add(&mut self, number: Number) {
        self.total.add(number);
        self.squares.add_square(number);
    }

    /// Adds other numbers.
    pub(super) fn merge(&mut self, other: &Self) {
        self.total.merge(&other.total);
        self.squares.merge(&other.squares);
    }

    /// The population standard deviation; not a number without any. Sums of squares lose their digits where the mean is
    /// large and the spread small: these are exact, and only the result is rounded.
    pub(super) fn stddev(&self) -> f64 {
        let Total { count, sum } = &self.total;
        Exact::spread(*count, &sum.exact(), &self.squares.exact()).sqrt() / *count as f64
    }
}
