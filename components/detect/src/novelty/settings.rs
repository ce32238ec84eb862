//! What a user can say about `novelty`, and what may be wrong with it.

use std::time::Duration;

use super::shingle::Shingling;
use crate::rule::Problem;

/// Everything that can be set about verdicts and incidents. Counts are of a key's values that could be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What is compared with what.
    pub method: Method,
    /// A score of this or more is novel, from 0.5 to 1. Default 0.975, one value in forty.
    pub threshold: f64,
    /// After an incident has opened, the same key opens no other for so many values. Default 120.
    pub refractory: usize,
    /// How many values are compared with, from [`Settings::MIN_HISTORY`] to [`Settings::MAX_HISTORY`]. Default 3000.
    pub history: usize,
    /// An incident whose key sends nothing for this long is resolved. Event time; default 1 day.
    pub silent_after: Duration,
}

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The last values of one field, in their order, with all such stretches before them: the nearest neighbours of
    /// shingles.
    Knn {
        /// Values in a shingle. Default 32.
        shingle: usize,
        /// How many of the nearest count. Default 20.
        neighbors: usize,
    },
    /// The values of one or several fields at one moment with those before: half-space trees.
    Trees,
}

impl Settings {
    /// With fewer values to rank among, there is no verdict.
    pub const MIN_HISTORY: usize = 200;

    /// A value costs as many multiplications as its history and shingle have values: a limit to both.
    pub const MAX_HISTORY: usize = 100_000;

    /// The most values in a shingle, and the most neighbours.
    pub const MAX_SHINGLE: usize = 1000;

    /// Nearest neighbours, with the figures that the Numenta Anomaly Benchmark was found to like best; much the same
    /// comes of thresholds from 0.973 to 0.978, and of 60 to 120 for `refractory`.
    #[must_use]
    pub fn knn() -> Self {
        Self {
            method: Method::Knn { shingle: 32, neighbors: 20 },
            threshold: 0.975,
            refractory: 120,
            history: 3000,
            silent_after: Duration::from_secs(86_400),
        }
    }

    /// Half-space trees, with the same figures.
    #[must_use]
    pub fn trees() -> Self {
        Self { method: Method::Trees, ..Self::knn() }
    }

    /// All that makes no sense for so many fields; empty if all is sound.
    #[must_use]
    pub fn problems(&self, fields: usize) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut expect = |holds: bool, setting, expected: String| {
            if !holds {
                problems.push(Problem { setting, expected });
            }
        };
        if let Method::Knn { shingle, neighbors } = self.method {
            let most = Self::MAX_SHINGLE;
            expect((1..=most).contains(&shingle), "shingle", format!("a number from 1 to {most}"));
            expect((1..=most).contains(&neighbors), "neighbors", format!("a number from 1 to {most}"));
            expect(fields == 1, "fields", "one field, or `method` be \"trees\"".to_owned());
        } else {
            expect(fields > 0, "fields", "one field or more".to_owned());
        }
        expect((0.5..=1.0).contains(&self.threshold), "threshold", "a number from 0.5 to 1".to_owned());
        let (least, most) = (Self::MIN_HISTORY, Self::MAX_HISTORY);
        expect((least..=most).contains(&self.history), "history", format!("a number from {least} to {most}"));
        problems
    }

    /// Half as strict: twice as many values are beyond it. An incident is over when values have come back within it.
    pub(super) fn half(&self) -> f64 {
        1.0 - 2.0 * (1.0 - self.threshold)
    }

    /// So many values in a row must be within [`Self::half`] before an incident is over: a whole shingle without what
    /// was strange in it.
    pub(super) fn calm(&self) -> usize {
        match self.method {
            Method::Knn { shingle, .. } => shingle,
            Method::Trees => CALM,
        }
    }

    /// How shingles are made and compared; none for trees.
    pub(super) fn shingling(&self) -> Option<Shingling> {
        match self.method {
            Method::Knn { shingle, neighbors } => Some(Shingling { length: shingle, neighbors, history: self.history }),
            Method::Trees => None,
        }
    }
}

/// For trees, as many as a shingle has by default.
const CALM: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_sound() {
        assert_eq!(Settings::knn().problems(1), []);
        assert_eq!(Settings::trees().problems(3), []);
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let found = |settings: Settings, fields| {
            settings.problems(fields).into_iter().map(|problem| problem.setting).collect::<Vec<_>>()
        };
        let method = Method::Knn { shingle: 0, neighbors: 1001 };
        let wrong = Settings { method, threshold: f64::NAN, history: 199, ..Settings::knn() };
        assert_eq!(found(wrong, 2), ["shingle", "neighbors", "fields", "threshold", "history"]);
        assert_eq!(
            found(Settings { threshold: 1.01, history: 100_001, ..Settings::trees() }, 2),
            ["threshold", "history"]
        );
    }
}
