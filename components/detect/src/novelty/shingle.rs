//! How far the last values are from all stretches before them: nearest neighbours of shingles.
//!
//! A *shingle* is a key's last values in their order, as a point in a space with so many dimensions. A stretch like
//! others before it has near neighbours, whatever its shape: no period, no distribution and no level has to be known.
//! The distance is Euclid's; a shingle's strangeness is the root of the sum of its squared distances to the nearest ones,
//! so that it takes that many repetitions before something is usual.
//!
//! All distances are computed anew for each value, in a fixed order of operations: sums that are kept and corrected would
//! drift, and depend on what was before the oldest value. It costs `length × history` multiplications, some 20 µs.

use serde::{Deserialize, Serialize};

use super::Compared;

/// Distances below this part of the values themselves are rounding, and none: a level series has no strange moments.
pub(super) const RELATIVE_FLOOR: f64 = 1e-6;

/// How shingles are made and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shingling {
    /// Values in a shingle.
    pub length: usize,
    /// How many of the nearest count.
    pub neighbors: usize,
    /// How many shingles before it are compared with one.
    pub history: usize,
}

/// A key's last values, oldest first: 8 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shingles(Vec<f64>);

impl Shingling {
    /// The strangeness of a shingle with these squared distances to its nearest ones, the least first.
    pub(super) fn strangeness(&self, shingle: &[f64], squares: &[f64]) -> f64 {
        if squares.is_empty() {
            return 0.0;
        }
        // Where there are few yet, as if there were enough.
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        let largest = shingle.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        if mean.sqrt() <= largest * RELATIVE_FLOOR { 0.0 } else { (mean * self.neighbors as f64).sqrt() }
    }
}

impl Shingles {
    /// Takes in a value, and compares the shingle that ends with it. None before there are two shingles.
    pub(super) fn push(&mut self, value: f64, shingling: &Shingling) -> Option<Compared> {
        let Shingling { length, neighbors, history } = *shingling;
        let excess = (self.0.len() + 1).saturating_sub(history + length);
        self.0.drain(..excess);
        self.0.push(value);

        let others = self.0.len().checked_sub(length).filter(|&others| others > 0)?;
        let (past, values) = (&self.0[..self.0.len() - 1], &self.0[others..]);
        let nearest = least(&squared_distances(&self.0, length), neighbors);
        let place = nearest.first()?.1;
        Some(Compared::Shingle {
            shingling: *shingling,
            values: values.to_vec(),
            nearest: self.0[place..place + length].to_vec(),
            ago: others - place,
            squares: nearest.into_iter().map(|(square, _)| square).collect(),
            range: past
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &past| (low.min(past), high.max(past))),
        })
    }

    /// Least and greatest value; none without any.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let least = self.0.iter().copied().reduce(f64::min)?;
        Some((least, self.0.iter().copied().reduce(f64::max)?))
    }

    /// The values before the last, oldest first.
    pub(super) fn before(&self) -> &[f64] {
        self.0.split_last().map_or(&[], |(_, before)| before)
    }
}

/// The least squares with their places, the least first, of equal ones the older.
fn least(squares: &[f64], count: usize) -> Vec<(f64, usize)> {
    let mut least: Vec<(f64, usize)> = Vec::with_capacity(count + 1);
    let mut bound = f64::INFINITY;
    for (place, &square) in squares.iter().enumerate() {
        if square < bound {
            let at = least.partition_point(|&(other, _)| other <= square);
            least.insert(at, (square, place));
            least.truncate(count);
            if least.len() == count {
                bound = least[count - 1].0;
            }
        }
    }
    least
}

/// The squared distances from the newest shingle to all others, the oldest first.
fn squared_distances(values: &[f64], length: usize) -> Vec<f64> {
    let others = values.len() - length;
    let mut squares = vec![0.0; others];
    // One value of the shingle after the other, against the same place in all others: neighbours in memory, which the
    // compiler takes several at once.
    for (offset, now) in values[others..].iter().enumerate() {
        for (square, past) in squares.iter_mut().zip(&values[offset..]) {
            let difference = now - past;
            *square += difference * difference;
        }
    }
    squares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// All distances, sorted: what the quick way has to come to, also when the oldest values are gone.
        #[test]
        fn the_nearest_are_the_nearest(
            values in prop::collection::vec(-5..5_i8, 1..80),
            length in 1..6_usize,
            neighbors in 1..8_usize,
            history in 1..60_usize,
        ) {
            let values: Vec<_> = values.into_iter().map(f64::from).collect();
            let (shingling, mut shingles) = (Shingling { length, neighbors, history }, Shingles::default());
            let compared = values.iter().map(|&value| shingles.push(value, &shingling)).last().flatten();
            let kept = &values[values.len().saturating_sub(history + length)..];
            let mut stretches: Vec<_> = kept.windows(length).collect();
            let Some(last) = stretches.pop().filter(|_| !stretches.is_empty()) else {
                prop_assert_eq!(compared, None);
                return Ok(());
            };
            let square = |stretch: &[f64]| stretch.iter().zip(last).map(|(one, other)| (one - other).powi(2)).sum::<f64>();
            let mut expected: Vec<_> = stretches.iter().map(|stretch| square(stretch)).collect();
            expected.sort_by(f64::total_cmp);
            expected.truncate(neighbors);
            let Some(Compared::Shingle { values, nearest, ago, squares, range, .. }) = compared else { panic!("there are some") };
            prop_assert_eq!((&values[..], &squares), (last, &expected));
            prop_assert_eq!((&nearest[..], square(&nearest)), (stretches[stretches.len() - ago], expected[0]));
            let past = &kept[..kept.len() - 1];
            prop_assert!(past.iter().all(|value| (range.0..=range.1).contains(value)));
            prop_assert!(past.contains(&range.0) && past.contains(&range.1));
        }
    }

    #[test]
    fn strangeness_is_rounded_to_nothing_by_the_size_of_the_values() {
        let shingling = Shingling { length: 2, neighbors: 4, history: 10 };
        assert_eq!(shingling.strangeness(&[3.0, 4.0], &[1.0, 3.0]), 8.0_f64.sqrt(), "as if there were four");
        assert_eq!(shingling.strangeness(&[3e9, 4e9], &[1.0, 3.0]), 0.0);
        assert_eq!(shingling.strangeness(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
        assert_eq!(shingling.strangeness(&[1.0, 1.0], &[]), 0.0);
    }
}
