//! `confirm = "2 of 3"`: how many of the last points must exceed a rule before they are believed.
//!
//! One window in some hundred exceeds any threshold by chance; two of three do so together some hundred times more
//! seldom still, at the price of one window's delay.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// M of N: the value at hand exceeds the rule, and so do, on the same side, at least M of the key's last N values that
/// could be used, itself included. Each was judged against the baseline of its own time.
///
/// It decides when an incident opens and what keeps it open. It does not decide what enters the baseline: with
/// `exclude_anomalies` a value that exceeds the rule stays out, confirmed or not, so that one wild value can't widen
/// the baseline for a thousand more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Confirm {
    needed: u8,
    of: u8,
}

/// Text that is not "M of N" with 1 ≤ M ≤ N ≤ 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected \"M of N\" with 1 ≤ M ≤ N ≤ 64, such as \"2 of 3\"")]
pub struct InvalidConfirm;

impl Confirm {
    /// The largest N.
    pub const MAX: u8 = 64;

    /// `needed` of the last `of` points.
    ///
    /// # Errors
    /// If not 1 ≤ `needed` ≤ `of` ≤ [`Self::MAX`].
    pub fn new(needed: u8, of: u8) -> Result<Self, InvalidConfirm> {
        if 1 <= needed && needed <= of && of <= Self::MAX { Ok(Self { needed, of }) } else { Err(InvalidConfirm) }
    }

    /// How many must exceed the rule.
    #[must_use]
    pub fn needed(self) -> usize {
        self.needed.into()
    }

    /// Of how many points.
    #[must_use]
    pub fn of(self) -> usize {
        self.of.into()
    }
}

/// "1 of 1": every point is believed, as in the classic rules.
impl Default for Confirm {
    fn default() -> Self {
        Self { needed: 1, of: 1 }
    }
}

impl fmt::Display for Confirm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.needed, self.of)
    }
}

impl FromStr for Confirm {
    type Err = InvalidConfirm;

    fn from_str(text: &str) -> Result<Self, InvalidConfirm> {
        let (needed, of) = text.split_once(" of ").ok_or(InvalidConfirm)?;
        let number = |text: &str| text.trim().parse().map_err(|_| InvalidConfirm);
        Self::new(number(needed)?, number(of)?)
    }
}

impl TryFrom<String> for Confirm {
    type Error = InvalidConfirm;

    fn try_from(text: String) -> Result<Self, InvalidConfirm> {
        text.parse()
    }
}

impl From<Confirm> for String {
    fn from(confirm: Confirm) -> Self {
        confirm.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["1 of 1", "2 of 3", "64 of 64"] {
            assert_eq!(text.parse::<Confirm>().unwrap().to_string(), text);
        }
        assert_eq!(serde_json::to_string(&Confirm::default()).unwrap(), "\"1 of 1\"");
    }

    #[test]
    fn rejects_what_makes_no_sense() {
        for text in ["", "2", "2/3", "0 of 3", "4 of 3", "1 of 65", "-1 of 3", "two of three", "2 of 3 of 4"] {
            assert_eq!(text.parse::<Confirm>(), Err(InvalidConfirm), "{text}");
        }
    }
}
