//! Exponentially weighted mean and standard deviation: 40 bytes, whatever the number of values.
//!
//! The sums are updated in place as by West (1979), "Updating mean and variance estimates: an improved method", with
//! weights that fall by a constant part from value to value. The weights are summed up as well, so that the first values
//! are weighted as what they are, and not as if there had been others before.

use serde::{Deserialize, Serialize};

use super::Summary;

/// The values of one key, older ones for less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decayed {
    /// How many values there were.
    n: usize,
    /// The sum of their weights; 1 for the last, up to 1 / alpha in all.
    weight: f64,
    mean: f64,
    /// The weighted sum of the squared deviations from the mean.
    squares: f64,
}

impl Decayed {
    /// Adds a value; `alpha` is how much of their weight those before it lose, above 0 and below 1.
    pub fn push(&mut self, value: f64, alpha: f64) {
        let before = self.weight * (1.0 - alpha);
        let difference = value - self.mean;
        self.n += 1;
        self.weight = before + 1.0;
        self.mean += difference / self.weight;
        self.squares = self.squares * (1.0 - alpha) + difference * difference * (before / self.weight);
    }

    /// Number of values, weighted mean and standard deviation.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let variance = if self.n == 0 { 0.0 } else { self.squares / self.weight };
        Summary { n: self.n, mean: self.mean, std: variance.sqrt(), seasonal: 0.0 }
    }
}
