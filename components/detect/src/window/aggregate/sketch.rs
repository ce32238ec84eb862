//! Quantiles, from a sketch whose size does not grow with the number of events.

use std::fmt;

use serde::{Deserialize, Serialize};
use sketches_ddsketch::{Config, DDSketch};

/// How far a quantile may be off, as a part of the value.
const ERROR: f64 = 0.01;

/// Numbers nearer to 0 than this count as 0.
const LEAST: f64 = 1e-9;

/// More bins (of 2 % width each) than there are from [`LEAST`] to the greatest float. A sketch that runs out of bins
/// folds its lowest ones together, and then its error is not bounded, and depends on the order of the values.
const BINS: u32 = 37_000;

/// A sketch takes a kibibyte and more: while there are fewer numbers than this, they are kept themselves.
const FEW: usize = 32;

/// A DDSketch (Masson, Rim and Lee 2019, arxiv.org/abs/1908.10693): 8 bytes for each 2 % between its least and its
/// greatest number. Its answers are those of the sketch from the first number on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Sketch {
    /// The numbers.
    Few(Vec<f64>),
    /// What is left of them when they are too many.
    Many(Box<DDSketch>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Few(floats) => f.debug_tuple("Few").field(floats).finish(),
            Self::Many(sketch) => f.debug_tuple("Many").field(&sketch.count()).finish(),
        }
    }
}

impl Sketch {
    /// Adds a number.
    pub(super) fn add(&mut self, float: f64) {
        match self {
            Self::Many(sketch) => sketch.add(float),
            Self::Few(floats) if floats.len() < FEW => floats.push(float),
            Self::Few(floats) => {
                let mut sketch = sketch(floats);
                sketch.add(float);
                *self = Self::Many(Box::new(sketch));
            }
        }
    }

    /// Adds what another has seen.
    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (_, Self::Few(floats)) => floats.into_iter().for_each(|float| self.add(float)),
            (Self::Few(floats), Self::Many(mut sketch)) => {
                floats.iter().for_each(|&float| sketch.add(float));
                *self = Self::Many(sketch);
            }
            // All sketches here have one configuration, the only thing that could be wrong.
            (Self::Many(mine), Self::Many(sketch)) => drop(mine.merge(&sketch)),
        }
    }

    /// The quantile `q`, 0 to 1: the value of rank ⌊q (n − 1)⌋, within [`ERROR`]; the least and greatest are exact.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        match self {
            Self::Few(floats) => sketch(floats).quantile(q),
            Self::Many(sketch) => sketch.quantile(q),
        }
        .ok()
        .flatten()
    }
}

fn sketch(floats: &[f64]) -> DDSketch {
    let mut sketch = DDSketch::new(Config::new(ERROR, BINS, LEAST));
    floats.iter().for_each(|&float| sketch.add(float));
    sketch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(floats: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        floats.iter().for_each(|&float| sketch.add(float));
        sketch
    }

    fn float() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>().prop_filter("finite", |float| float.is_finite()),
            (-40.0..40.0_f64).prop_map(f64::exp),
            (0..5000_u32).prop_map(f64::from),
            Just(f64::MAX),
            Just(1.1e-9),
        ]
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(floats in prop::collection::vec(float(), 1..90), cut in 0..90_usize, q in 0.0..=1.0) {
            let cut = cut.min(floats.len());
            let mut backwards = floats.clone();
            backwards.reverse();
            let mut merged = of(&floats[cut..]);
            merged.merge(of(&floats[..cut]));
            let quantile = of(&floats).quantile(q);
            prop_assert_eq!(of(&backwards).quantile(q), quantile);
            prop_assert_eq!(merged.quantile(q), quantile);
        }

        #[test]
        fn the_error_is_bounded(mut floats in prop::collection::vec(float(), 1..40), q in 0.0..=1.0) {
            let quantile = of(&floats).quantile(q).expect("not empty");
            floats.sort_by(f64::total_cmp);
            let exact = floats[(q * (floats.len() - 1) as f64) as usize];
            let allowed = if exact.abs() <= LEAST { LEAST } else { exact.abs() * ERROR * 1.0001 };
            prop_assert!((quantile - exact).abs() <= allowed, "{} {}", quantile, exact);
        }
    }
}
