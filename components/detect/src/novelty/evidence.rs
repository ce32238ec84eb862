//! What a verdict of `novelty` rests on, so that it can be come to again.

use serde::{Deserialize, Serialize};

use super::conformal::Rank;
use super::shingle::{RELATIVE_FLOOR, Shingling};
use super::{HIGHEST, trees};

/// A value this part of the range beyond all values before it was never there, whatever its neighbours say. (The range's
/// tolerance in the detector of Numenta, which Ahmad et al. 2017 describe, is half of that.)
const BEYOND: f64 = 0.1;

/// All that is needed to come to the same verdict again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoveltyEvidence {
    /// A score of this or more is novel.
    pub threshold: f64,
    /// What a strangeness had to exceed for that.
    pub limit: f64,
    /// Where the value's strangeness stands among those before it.
    pub rank: Rank,
    /// What was compared with what.
    pub compared: Compared,
}

/// What was compared with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The last values with all such stretches before them.
    Shingle {
        /// How they were compared.
        shingling: Shingling,
        /// The last values, oldest first.
        values: Vec<f64>,
        /// The stretch that is most like them,
        nearest: Vec<f64>,
        /// how many values before them it ends,
        ago: usize,
        /// and the squared distances to the nearest ones, its own first.
        squares: Vec<f64>,
        /// Least and greatest value before the last.
        range: (f64, f64),
    },
    /// The values of several fields with those before.
    Place {
        /// The values, in the order of the fields.
        values: Vec<f64>,
        /// Least and greatest value of each field in the window that was counted.
        ranges: Vec<(f64, f64)>,
        /// For each tree how many points there would be, were all its space as full as the part that they fall into.
        masses: Vec<u32>,
    },
}

impl Compared {
    /// The strangeness that follows.
    #[must_use]
    pub fn strangeness(&self) -> f64 {
        match self {
            Self::Shingle { shingling, values, squares, .. } => shingling.strangeness(values, squares),
            Self::Place { masses, .. } => trees::strangeness(masses),
        }
    }

    /// How far the last value is beyond all before it, in units of their range, where that counts alone; 0 where not.
    #[must_use]
    pub fn beyond(&self) -> f64 {
        match self {
            Self::Shingle { values, range: (low, high), .. } => {
                let (value, width) = (values.last().copied().unwrap_or(*low), high - low);
                let beyond = (value - high).max(low - value);
                let is_wide = width > low.abs().max(high.abs()) * RELATIVE_FLOOR;
                if is_wide && beyond > width * BEYOND { beyond / width } else { 0.0 }
            }
            Self::Place { .. } => 0.0,
        }
    }

    /// The score with such a rank.
    pub(super) fn score(&self, rank: &Rank) -> f64 {
        let beyond = self.beyond();
        if beyond > 0.0 { rank.score().max((1.0 + beyond).min(HIGHEST)) } else { rank.score() }
    }
}

impl NoveltyEvidence {
    /// Computes the score again. None if the evidence does not fit together: the strangeness is not what follows from
    /// what was compared.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        let (told, found) = (self.rank.strangeness, self.compared.strangeness());
        // What has been through text may have lost a last digit.
        let fits = (told - found).abs() <= 1e-9 * told.abs().max(found.abs());
        fits.then(|| self.compared.score(&self.rank))
    }

    /// Judges again: whether the value was novel. False if the evidence does not fit together.
    #[must_use]
    pub fn is_novel(&self) -> bool {
        self.score().is_some_and(|score| score >= self.threshold)
    }
}
