//! How many different values there are: exactly while they are few, then estimated.

use std::collections::HashSet;

use foldhash::fast::FixedState;
use hyperloglockless::HyperLogLog;
use serde::{Deserialize, Serialize};

/// Up to so many different values are counted exactly (4 KiB of hashes).
pub(super) const EXACT: usize = 512;

/// The sketch has 2^12 registers (4 KiB), for a standard error of 1.04 / √4096 = 1.6 %.
const PRECISION: u8 = 12;

/// The hashes of the values, or a HyperLogLog of them. Which of the two it is depends on the values alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Distinct {
    /// All of them.
    Few(HashSet<u64, FixedState>),
    /// Too many to keep.
    Many(Box<HyperLogLog>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(HashSet::default())
    }
}

impl Distinct {
    /// Adds the hash of a value.
    pub(super) fn insert(&mut self, hash: u64) {
        match self {
            Self::Few(hashes) => {
                hashes.insert(hash);
                if hashes.len() > EXACT {
                    *self = Self::Many(Box::new(sketch(hashes.iter().copied())));
                }
            }
            Self::Many(sketch) => sketch.insert_hash(hash),
        }
    }

    /// Adds what another has seen.
    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (_, Self::Few(hashes)) => hashes.into_iter().for_each(|hash| self.insert(hash)),
            (Self::Few(hashes), Self::Many(mut sketch)) => {
                hashes.iter().for_each(|&hash| sketch.insert_hash(hash));
                *self = Self::Many(sketch);
            }
            // All sketches here have one precision, the only thing that could be wrong.
            (Self::Many(mine), Self::Many(sketch)) => drop(mine.union(&sketch)),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> i64 {
        match self {
            Self::Few(hashes) => hashes.len() as i64,
            Self::Many(seen) => {
                // The crate adds up floats as values come; from the registers alone it is the same in any order.
                let mut fresh = sketch([]);
                drop(fresh.union(seen));
                fresh.raw_count().round() as i64
            }
        }
    }
}

fn sketch(hashes: impl IntoIterator<Item = u64>) -> HyperLogLog {
    // The seed is for values that the sketch hashes itself: it is given hashes only.
    let mut sketch = HyperLogLog::seeded(PRECISION, 0);
    hashes.into_iter().for_each(|hash| sketch.insert_hash(hash));
    sketch
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn of(values: impl Iterator<Item = u64>) -> Distinct {
        let mut distinct = Distinct::default();
        values.for_each(|value| distinct.insert(xxh3_64(&value.to_le_bytes())));
        distinct
    }

    #[test]
    fn exact_while_few_and_near_when_many() {
        assert_eq!(of((0..EXACT as u64).chain(0..100)).count(), EXACT as i64);
        for count in [600_u64, 3_000, 20_000, 200_000] {
            let error = of(0..count).count() as f64 / count as f64 - 1.0;
            assert!(error.abs() < 3.0 * 0.01625, "{count}: {error}");
        }
    }

    #[test]
    fn merging_does_not_depend_on_order() {
        for (left, right) in [(0..300, 200..400), (0..300, 200..700), (0..300, 200..5000), (0..4000, 100..9000)] {
            let mut forth = of(left.clone());
            forth.merge(of(right.clone()));
            let mut back = of(right.clone());
            back.merge(of(left.clone()));
            let whole = of((left.start..right.end).rev());
            assert_eq!(forth.count(), whole.count());
            assert_eq!(back.count(), whole.count());
        }
    }

    #[test]
    fn survives_a_snapshot() {
        for count in [3, 3000] {
            let distinct = of(0..count);
            let bytes = postcard::to_stdvec(&distinct).expect("encoded");
            let restored: Distinct = postcard::from_bytes(&bytes).expect("decoded");
            assert_eq!(restored.count(), distinct.count());
        }
    }
}
