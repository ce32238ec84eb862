//! A time on the command line.

use std::str::FromStr;

use logd_sdk::settings::Duration;
use logd_sdk::{Clock, Time};

/// A time, or how long ago.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// That time.
    At(Time),
    /// So long before now.
    Ago(Duration),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (Time::parse_rfc3339(text.as_bytes()), text.parse()) {
            (Some(time), _) => Ok(Self::At(time)),
            (None, Ok(ago)) => Ok(Self::Ago(ago)),
            _ => Err("write a time as 2026-01-31T12:00:00Z, or how long ago, as 2h".to_owned()),
        }
    }
}

impl Moment {
    /// The time that it is.
    pub(super) fn time(self) -> Time {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => Clock::system().now().before(*ago),
        }
    }
}
