//! Which values can be used, and why others can not.

use crate::rule::VALUE_LIMIT;

/// Why a value was not used. It changes nothing, and is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There was none, or it was no number.
    Missing,
    /// It was NaN.
    NotANumber,
    /// It was to be a share of events, and was not between 0 and 1, or of fewer than one.
    NotAShare,
    /// It was infinite, or too large for its square to be a number (beyond [`VALUE_LIMIT`]).
    Infinite,
}

impl Unusable {
    /// The reason's name in metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotANumber => "not_a_number",
            Self::Infinite => "infinite",
            Self::NotAShare => "not_a_share",
        }
    }
}

/// Of how many events the value is a share, if it is one.
pub(super) fn share(value: f64, events: Option<f64>) -> Result<f64, Unusable> {
    match usable(events)? {
        events if events >= 1.0 && (0.0..=1.0).contains(&value) => Ok(events),
        _ => Err(Unusable::NotAShare),
    }
}

/// The value, if it can be used.
pub(crate) fn usable(value: Option<f64>) -> Result<f64, Unusable> {
    match value {
        None => Err(Unusable::Missing),
        Some(value) if value.is_nan() => Err(Unusable::NotANumber),
        Some(value) if value.abs() > VALUE_LIMIT => Err(Unusable::Infinite),
        Some(value) => Ok(value),
    }
}
