//! How strange is strange? The rank of a value's strangeness among the last ones, as in conformal prediction.
//!
//! A strangeness has the unit of what measures it, and says nothing alone: a noisy series has strange moments all the
//! time. Its rank among the last ones of the same series has a meaning: of values that follow one another as they always
//! did, one in forty has a rank above 0.975, whatever the series. (Vovk, Gammerman and Shafer, "Algorithmic Learning in a
//! Random World", 2005; for series with nearest neighbours: Laxhammar and Falkman 2014, Burnaev and Ishimtsev 2016.)

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The highest score: twice as strange as anything before, or more.
pub const HIGHEST: f64 = 2.0;

/// The last values' strangeness, oldest first: 8 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Calibration(VecDeque<f64>);

/// Where one strangeness stands among those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    /// The strangeness: 0 or more, in the unit of what measured it.
    pub strangeness: f64,
    /// How many there were before it,
    pub of: usize,
    /// how many of them were as strange or more,
    pub at_least: usize,
    /// and the greatest of them; 0 if there were none.
    pub greatest: f64,
}

impl Rank {
    /// From 0 to 1 the share of those before that were less strange; beyond all of them 1 and how much it exceeds the
    /// greatest, up to [`HIGHEST`]. What is not strange at all has 0.
    #[must_use]
    pub fn score(&self) -> f64 {
        if self.strangeness > self.greatest {
            (self.strangeness / self.greatest).min(HIGHEST)
        } else {
            share(self.at_least, self.of)
        }
    }
}

/// The share of `of` that were less strange, the one at hand counted among those that were not.
fn share(at_least: usize, of: usize) -> f64 {
    1.0 - (at_least + 1) as f64 / (of + 1) as f64
}

impl Calibration {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Ranks a strangeness among those before it.
    pub(super) fn rank(&self, strangeness: f64) -> Rank {
        let (mut at_least, mut greatest) = (0, 0.0);
        let (older, newer) = self.0.as_slices();
        for past in [older, newer] {
            at_least += past.iter().filter(|&&past| past >= strangeness).count();
            greatest = past.iter().copied().fold(greatest, f64::max);
        }
        Rank { strangeness, of: self.len(), at_least, greatest }
    }

    /// Takes a strangeness in, so that at most `capacity` remain.
    pub(super) fn push(&mut self, strangeness: f64, capacity: usize) {
        while self.0.len() >= capacity.max(1) {
            self.0.pop_front();
        }
        self.0.push_back(strangeness);
    }

    /// What a strangeness must exceed for a score of `threshold`, which is 1 at most.
    pub(super) fn limit(&self, threshold: f64) -> f64 {
        let mut sorted: Vec<f64> = self.0.iter().copied().collect();
        sorted.sort_unstable_by(|one, other| other.total_cmp(one));
        let allowed = (0..sorted.len()).take_while(|&at_least| share(at_least, sorted.len()) >= threshold).count();
        sorted.get(allowed.saturating_sub(1)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(past: &[f64]) -> Calibration {
        Calibration(past.iter().copied().collect())
    }

    #[test]
    fn scores_are_shares_and_beyond_all_multiples() {
        let past = of(&(1..=39).map(f64::from).collect::<Vec<_>>());
        let score = |strangeness| past.rank(strangeness).score();
        assert_eq!([score(0.5), score(38.5), score(39.0)], [0.0, 1.0 - 2.0 / 40.0, 1.0 - 2.0 / 40.0]);
        assert_eq!([score(39.0 * 1.25), score(1e9)], [1.25, HIGHEST]);
    }

    #[test]
    fn where_nothing_ever_was_strange_nothing_is_until_something_is() {
        assert_eq!(of(&[0.0; 100]).rank(0.0).score(), 0.0);
        assert_eq!(of(&[0.0; 100]).rank(1e-9).score(), HIGHEST);
        assert_eq!(of(&[]).rank(0.0).score(), 0.0);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut past = of(&[9.0, 1.0, 2.0]);
        past.push(3.0, 3);
        assert_eq!(past, of(&[1.0, 2.0, 3.0]));
        past.push(4.0, 2);
        assert_eq!(past, of(&[3.0, 4.0]));
    }

    proptest! {
        /// The limit is where the score passes the threshold, as counting shows.
        #[test]
        fn the_limit_parts_scores(past in prop::collection::vec(0..20_u32, 1..200), threshold in 0.5..=1.0_f64) {
            let past = of(&past.into_iter().map(f64::from).collect::<Vec<_>>());
            let limit = past.limit(threshold);
            for twice in 1..50_u32 {
                let strangeness = f64::from(twice) / 2.0;
                prop_assert_eq!(past.rank(strangeness).score() >= threshold, strangeness > limit, "{} {}", strangeness, limit);
            }
        }
    }
}
