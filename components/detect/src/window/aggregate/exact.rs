//! Sums that do not depend on order: no digit is lost until the end.
//!
//! A sum of floats depends on the order in which they are added, and with batches and shards that order is chance. So
//! the sum is kept exactly, as a fixed-point number wide enough for every float and its square; only its result is
//! rounded. This is the small superaccumulator of Neal (2015, arxiv.org/abs/1505.05571), with just those of its
//! digits kept that are in use: three or four for most data. Whole numbers, the most common ones in logs, have a
//! faster way.

use num_bigint::{BigInt, Sign};
use serde::{Deserialize, Serialize};

use super::number::Number;

/// An exact sum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExactSum {
    /// The whole numbers below 2^63 in it: it would take 2^64 of them to run over.
    whole: i128,
    /// All others.
    rest: Digits,
}

impl ExactSum {
    /// Adds a number.
    pub(super) fn add(&mut self, number: Number) {
        match number.whole() {
            Some(whole) => self.whole += i128::from(whole),
            None => {
                let (mantissa, exponent, negative) = number.parts();
                self.rest.add(mantissa, exponent, negative);
            }
        }
    }

    /// Adds a number's square.
    pub(super) fn add_square(&mut self, number: Number) {
        match number.whole().map(i64::unsigned_abs) {
            Some(whole) if whole <= u64::from(u32::MAX) => self.whole += i128::from(whole * whole),
            _ => {
                let (mantissa, exponent, _) = number.parts();
                let square = u128::from(mantissa) * u128::from(mantissa);
                self.rest.add(square as u64, 2 * exponent, false);
                self.rest.add((square >> 64) as u64, 2 * exponent + 64, false);
            }
        }
    }

    /// Adds another sum.
    pub(super) fn merge(&mut self, other: &Self) {
        self.whole += other.whole;
        self.rest.merge(&other.rest);
    }

    /// The sum, if every number in it was whole and it fits.
    pub(super) fn whole(&self) -> Option<i64> {
        if self.rest.digits.is_empty() { i64::try_from(self.whole).ok() } else { None }
    }

    /// The sum as one number, all of it.
    pub(super) fn exact(&self) -> Exact {
        let (rest, whole) = (self.rest.exact(), BigInt::from(self.whole));
        rest.plus(&Exact { digits: whole, exponent: 0 })
    }
}

/// How many additions may go by before carries must be settled: each adds less than 2^32 to a digit of 63 bits, and two
/// sums are merged unsettled.
const UNSETTLED: u32 = 1 << 29;

/// Signed digits to the base 2^32, `digits[i]` worth 2^(32 (lowest + i)).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Digits {
    lowest: i32,
    digits: Vec<i64>,
    /// Additions since carries were settled.
    additions: u32,
}

impl Digits {
    /// Adds `mantissa` × 2^`exponent`, or takes it away.
    fn add(&mut self, mantissa: u64, exponent: i32, negative: bool) {
        let wide = u128::from(mantissa) << exponent.rem_euclid(32);
        let place = self.reach(exponent.div_euclid(32), 3);
        for (digit, shift) in self.digits[place..].iter_mut().zip([0, 32, 64]) {
            let part = i64::from((wide >> shift) as u32);
            *digit += if negative { -part } else { part };
        }
        self.count(1);
    }

    fn merge(&mut self, other: &Self) {
        if other.digits.is_empty() {
            return;
        }
        let place = self.reach(other.lowest, other.digits.len());
        for (digit, part) in self.digits[place..].iter_mut().zip(&other.digits) {
            *digit += part;
        }
        self.count(other.additions);
    }

    /// Makes room for `count` digits from `lowest` on; returns the place of the first.
    fn reach(&mut self, lowest: i32, count: usize) -> usize {
        if self.digits.is_empty() {
            self.lowest = lowest;
        }
        let missing = usize::try_from(self.lowest - lowest).unwrap_or(0);
        if missing > 0 {
            self.digits.splice(0..0, std::iter::repeat_n(0, missing));
            self.lowest = lowest;
        }
        let place = usize::try_from(lowest - self.lowest).unwrap_or(0);
        if self.digits.len() < place + count {
            self.digits.resize(place + count, 0);
        }
        place
    }

    fn count(&mut self, additions: u32) {
        self.additions += additions;
        if self.additions < UNSETTLED {
            return;
        }
        let mut carry = 0;
        for digit in &mut self.digits {
            let sum = *digit + carry;
            *digit = sum & i64::from(u32::MAX);
            carry = sum >> 32;
        }
        if carry != 0 {
            self.digits.push(carry);
        }
        self.additions = 1;
    }

    fn exact(&self) -> Exact {
        let digits = self.digits.iter().rev().fold(BigInt::ZERO, |sum, digit| (sum << 32) + digit);
        Exact { digits, exponent: 32 * self.lowest }
    }
}

/// The number `digits` × 2^`exponent`.
#[derive(Clone, Debug)]
pub(super) struct Exact {
    digits: BigInt,
    exponent: i32,
}

impl Exact {
    fn plus(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.at(exponent) + other.at(exponent), exponent }
    }

    /// `n` × `squares` − `sum`²: n² times the variance of n numbers, not below zero (Cauchy and Schwarz).
    pub(super) fn spread(n: u64, sum: &Self, squares: &Self) -> Self {
        let scaled = Self { digits: &squares.digits * n, exponent: squares.exponent };
        scaled.plus(&Self { digits: -(&sum.digits * &sum.digits), exponent: 2 * sum.exponent })
    }

    /// The digits for a lower exponent.
    fn at(&self, exponent: i32) -> BigInt {
        &self.digits << self.exponent.abs_diff(exponent)
    }

    /// The nearest float; infinite beyond the greatest.
    pub(super) fn to_f64(&self) -> f64 {
        let (mantissa, exponent) = self.rounded();
        scale(mantissa, exponent)
    }

    /// The square root of a number that is not below zero.
    pub(super) fn sqrt(&self) -> f64 {
        let (mantissa, exponent) = self.rounded();
        let odd = exponent.rem_euclid(2);
        scale(scale(mantissa, odd).sqrt(), (exponent - odd) / 2)
    }

    /// A float and a power of two whose product is the number, rounded to 53 bits.
    fn rounded(&self) -> (f64, i32) {
        let magnitude = self.digits.magnitude();
        let excess = magnitude.bits().saturating_sub(64);
        // What is cut off still decides a tie: it makes the last of the 64 bits odd.
        let cut = magnitude.trailing_zeros().is_some_and(|zeros| zeros < excess);
        let top = u64::try_from(magnitude >> excess).unwrap_or(u64::MAX) | u64::from(cut);
        let sign = if self.digits.sign() == Sign::Minus { -1.0 } else { 1.0 };
        (sign * top as f64, self.exponent + i32::try_from(excess).unwrap_or(i32::MAX / 2))
    }
}

/// `value` × 2^`exponent`, without running over on the way.
fn scale(mut value: f64, mut exponent: i32) -> f64 {
    let power = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
    while exponent.abs() > 1000 {
        value *= power(exponent.signum() * 1000);
        exponent -= exponent.signum() * 1000;
    }
    value * power(exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        numbers.iter().filter_map(|&float| Number::float(float)).for_each(|number| sum.add(number));
        sum
    }

    #[test]
    fn loses_nothing() {
        for (numbers, expected) in [
            (vec![], 0.0),
            (vec![0.1; 10], 1.0),
            (vec![1e100, 1.0, -1e100], 1.0),
            (vec![1e308, 1e308, -1e308], 1e308),
            (vec![5e-324, -1.0, 1.0], 5e-324),
            (vec![f64::MAX, f64::MAX], f64::INFINITY),
            (vec![-0.5, -0.25], -0.75),
            // Half a unit in the last place is a tie; the least more is not.
            (vec![1.0, f64::EPSILON / 2.0], 1.0),
            (vec![1.0, f64::EPSILON / 2.0, 1e-300], 1.0 + f64::EPSILON),
            (vec![9_223_372_036_854_775_808.0, 0.5], 9_223_372_036_854_775_808.0),
        ] {
            assert_eq!(sum(&numbers).exact().to_f64(), expected, "{numbers:?}");
        }
    }

    #[test]
    fn squares_are_exact() {
        for number in [3.0, 0.1, 1e9 + 1.0, 1e200, 3e-200, -(2.0_f64.powi(62)), 5e-324] {
            let (mut one, mut squares) = (ExactSum::default(), ExactSum::default());
            let number = Number::float(number).expect("finite");
            for _ in 0..3 {
                one.add(number);
                squares.add_square(number);
            }
            let spread = Exact::spread(3, &one.exact(), &squares.exact());
            assert_eq!(spread.digits, BigInt::ZERO, "{number:?}: equal numbers have no variance at all");
        }
    }

    #[test]
    fn settles_carries() {
        let mut digits = Digits::default();
        for turn in 0..5 {
            digits.add(1, 0, turn == 0);
            digits.count(UNSETTLED);
        }
        assert_eq!(digits.exact().to_f64(), 3.0);
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(
            floats in prop::collection::vec(any::<f64>().prop_filter("finite", |float| float.is_finite()), 0..20),
            cut in 0..20_usize,
        ) {
            let cut = cut.min(floats.len());
            let mut backwards: Vec<f64> = floats.clone();
            backwards.reverse();
            let mut merged = sum(&floats[cut..]);
            merged.merge(&sum(&floats[..cut]));
            let expected = sum(&floats).exact().to_f64();
            prop_assert_eq!(sum(&backwards).exact().to_f64().to_bits(), expected.to_bits());
            prop_assert_eq!(merged.exact().to_f64().to_bits(), expected.to_bits());
        }

        #[test]
        fn whole_numbers_agree_with_integers(integers in prop::collection::vec(any::<i64>(), 1..20)) {
            let (mut one, mut squares) = (ExactSum::default(), ExactSum::default());
            for &integer in &integers {
                one.add(Number::Integer(integer));
                squares.add_square(Number::Integer(integer));
            }
            let expected: i128 = integers.iter().map(|&integer| i128::from(integer)).sum();
            prop_assert_eq!(one.exact().to_f64(), expected as f64);
            let mean = expected as f64 / integers.len() as f64;
            let variance = integers.iter().map(|&integer| (integer as f64 - mean).powi(2)).sum::<f64>();
            let exact = Exact::spread(integers.len() as u64, &one.exact(), &squares.exact()).to_f64();
            let naive = variance * integers.len() as f64;
            prop_assert!((exact - naive).abs() <= 1e-9 * naive, "{} {}", exact, naive);
        }
    }
}
