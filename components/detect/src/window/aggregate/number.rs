//! A number as events have it.

use std::cmp::Ordering;

use logd_sdk::Field;
use serde::{Deserialize, Serialize};

/// A whole number, or a finite one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Number {
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Float(f64),
}

impl Number {
    /// The number that a field is, if it is one that can be reckoned with.
    pub(super) fn of(field: Field<'_>) -> Option<Self> {
        match field {
            Field::Integer(integer) => Some(Self::Integer(integer)),
            Field::Float(float) => Self::float(float),
            _ => None,
        }
    }

    /// A float, unless it is infinite or not a number.
    pub(super) fn float(float: f64) -> Option<Self> {
        float.is_finite().then_some(Self::Float(float))
    }

    /// As a float, rounded where an integer has more than 53 bits.
    pub(super) fn to_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// As an integer, where it is whole.
    pub(super) fn whole(self) -> Option<i64> {
        /// 2^63, the first float above all integers.
        const BEYOND: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Integer(integer) => Some(integer),
            Self::Float(float) => {
                let integer = float as i64;
                (integer as f64 == float && float.abs() < BEYOND).then_some(integer)
            }
        }
    }

    /// Mantissa, exponent and whether it is negative: ± mantissa × 2^exponent, exactly.
    pub(super) fn parts(self) -> (u64, i32, bool) {
        let float = match self {
            Self::Integer(integer) => return (integer.unsigned_abs(), 0, integer < 0),
            Self::Float(float) => float,
        };
        let (biased, fraction) = ((float.to_bits() >> 52) as i32 & 0x7ff, float.to_bits() & ((1 << 52) - 1));
        // IEEE 754: the leading bit is not stored, save that the smallest numbers have none.
        let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        if mantissa == 0 {
            return (0, 0, false);
        }
        let zeros = mantissa.trailing_zeros();
        (mantissa >> zeros, exponent + zeros as i32, float.is_sign_negative())
    }

    /// A total order by size; of two that are equal as floats the integer comes first.
    pub(super) fn order(self, other: Self) -> Ordering {
        let rank = |number| match number {
            Self::Integer(integer) => (0, integer),
            Self::Float(_) => (1, 0),
        };
        self.to_f64().total_cmp(&other.to_f64()).then_with(|| rank(self).cmp(&rank(other)))
    }

    /// As a field.
    pub(super) fn field(self) -> Field<'static> {
        match self {
            Self::Integer(integer) => Field::Integer(integer),
            Self::Float(float) => Field::Float(float),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_number() {
        for float in [0.0, 1.0, -0.1, 12.5, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e9 + 0.25] {
            let (mantissa, exponent, negative) = Number::Float(float).parts();
            let sign = if negative { -1.0 } else { 1.0 };
            // In two steps, for 2^-1074 alone is out of `powi`'s reach.
            let half = exponent / 2;
            let product = sign * mantissa as f64 * 2_f64.powi(half) * 2_f64.powi(exponent - half);
            assert_eq!(product, float);
        }
        assert_eq!(Number::Integer(i64::MIN).parts(), (1 << 63, 0, true));
    }

    #[test]
    fn whole_numbers_are_known() {
        assert_eq!(Number::Float(-3.0).whole(), Some(-3));
        assert_eq!(Number::Float(3.5).whole(), None);
        assert_eq!(Number::Float(2_f64.powi(63)).whole(), None);
        assert_eq!(Number::float(f64::NAN), None);
        assert_eq!(Number::of(Field::Text("3")), None);
    }

    #[test]
    fn the_order_is_total() {
        let ascending = [
            Number::Float(-1.5),
            Number::Float(-0.0),
            Number::Integer(0),
            Number::Float(0.0),
            Number::Integer(1),
            Number::Integer((1 << 53) + 1),
            Number::Integer(i64::MAX - 1),
            Number::Integer(i64::MAX),
        ];
        assert!(ascending.is_sorted_by(|left, right| left.order(*right) == Ordering::Less));
    }
}
