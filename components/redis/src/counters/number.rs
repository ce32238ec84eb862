//! Amounts that are added up: whole for as long as all are whole.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Number {
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
}

impl Number {
    /// Nothing yet.
    pub(crate) const ZERO: Self = Self::Integer(0);

    /// The sum of both. What 64 bits do not hold goes on as a floating-point number, which stays finite.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        if let (Self::Integer(one), Self::Integer(two)) = (self, other)
            && let Some(sum) = one.checked_add(two)
        {
            return Self::Integer(sum);
        }
        Self::Float((self.float() + other.float()).clamp(f64::MIN, f64::MAX))
    }

    #[allow(clippy::cast_precision_loss)]
    fn float(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// In digits, without an exponent, as Redis reads it.
impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(formatter),
            Self::Float(number) => number.fmt(formatter),
        }
    }
}

/// Whether Redis' text of a field is one that an amount can be added to; the script that adds it asks the same.
pub(crate) fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = digits[whole..].strip_prefix(b".").unwrap_or(&digits[whole..]);
    whole > 0 && rest.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_whole_and_nothing_overflows() {
        use Number::{Float, Integer};
        assert_eq!(Integer(2).plus(Integer(-5)), Integer(-3));
        assert_eq!(Integer(2).plus(Float(0.5)), Float(2.5));
        assert_eq!(Integer(i64::MAX).plus(Integer(1)), Float(9_223_372_036_854_775_808.0));
        assert_eq!(Float(f64::MAX).plus(Float(f64::MAX)), Float(f64::MAX));
        assert_eq!(Float(1e300).to_string().len(), 301);
    }

    #[test]
    fn redis_numbers_are_digits() {
        for number in ["0", "-12", "1.5", "12345678901234567890.25", "7."] {
            assert!(is_number(number.as_bytes()), "{number}");
        }
        for text in ["", "-", ".5", "1e5", "0x10", "inf", "nan", "1.2.3", " 1"] {
            assert!(!is_number(text.as_bytes()), "{text}");
        }
    }
}
