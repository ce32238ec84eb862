//! Levels of the classic workload: how often each occurs, and how long a request of that level took.

use crate::draw::below;

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// 70 % of the lines.
    Info,
    /// 15 % of the lines.
    Warn,
    /// 10 % of the lines; anomalous ones took three times as long.
    Error,
    /// 4 % of the lines.
    Debug,
    /// 1 % of the lines.
    Critical,
}

impl Level {
    /// All levels, in the order of the classic workload.
    pub const ALL: [Self; 5] = [Self::Info, Self::Warn, Self::Error, Self::Debug, Self::Critical];

    /// The share of lines, between 0 and 1, that are failures: ERROR or CRITICAL.
    pub const FAILURE_SHARE: f64 = 0.11;

    /// The name in a line's `level` field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Debug => "DEBUG",
            Self::Critical => "CRITICAL",
        }
    }

    /// The share of lines that have this level, in percent.
    pub const fn percent(self) -> u32 {
        match self {
            Self::Info => 70,
            Self::Warn => 15,
            Self::Error => 10,
            Self::Debug => 4,
            Self::Critical => 1,
        }
    }

    /// The least and the greatest response time, both possible, in milliseconds, before any multiplier.
    pub const fn response_time_ms(self) -> (u32, u32) {
        match self {
            Self::Info => (10, 200),
            Self::Warn => (200, 500),
            Self::Error => (500, 2000),
            Self::Debug => (5, 50),
            Self::Critical => (1000, 5000),
        }
    }

    /// Whether a line of this level counts into an error rate.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Critical)
    }

    /// The level that a random word stands for.
    pub(crate) fn drawn(word: u32) -> Self {
        match below(word, 100) {
            0..70 => Self::Info,
            70..85 => Self::Warn,
            85..95 => Self::Error,
            95..99 => Self::Debug,
            _ => Self::Critical,
        }
    }

    /// The failure that a random word stands for: ten ERROR to one CRITICAL, as in the classic mix.
    pub(crate) fn drawn_failure(word: u32) -> Self {
        if below(word, 11) < 10 { Self::Error } else { Self::Critical }
    }
}
