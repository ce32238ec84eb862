//! What a feed is given.

use logd_sdk::{ComponentId, Time};

/// A log to be indexed.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// The event's identity, as text: the same after a replay.
    pub id: String,
    /// When it happened.
    pub time: Time,
    /// Who says it; empty where nobody knows.
    pub service: String,
    /// How bad it is, as the log says: `ERROR`, `info`; empty where it does not. Searched without regard to case.
    pub level: String,
    /// What it says: searched by words.
    pub message: String,
    /// The pipeline that it came by.
    pub pipeline: String,
    /// The whole event, as one JSON object. Its members are searched as `member:value`; what is no JSON object is kept,
    /// but not searched.
    pub event: String,
}

impl LogRecord {
    /// Whether its level is that of an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        is_error(&self.level)
    }

    /// What it costs in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.id, &self.service, &self.level, &self.message, &self.pipeline, &self.event];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }
}

/// The levels of errors, in any case.
pub const ERROR_LEVELS: [&str; 10] =
    ["ERROR", "CRITICAL", "FATAL", "ERR", "SEVERE", "CRIT", "ALERT", "EMERGENCY", "EMERG", "PANIC"];

/// Whether a level is one of [`ERROR_LEVELS`].
#[must_use]
pub fn is_error(level: &str) -> bool {
    ERROR_LEVELS.iter().any(|error| error.eq_ignore_ascii_case(level))
}

/// A log to be counted, whether it is indexed or not.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'l> {
    /// Who says it.
    pub service: &'l str,
    /// Whether it tells of an error: see [`is_error`].
    pub is_error: bool,
    /// How long its request took, in milliseconds. Not counted where it is not finite.
    pub response_time: Option<f64>,
    /// When it happened.
    pub time: Time,
}

/// A figure of a window.
#[derive(Clone, Copy, Debug)]
pub struct Point<'p> {
    /// The component that made it.
    pub source: &'p ComponentId,
    /// Whom it is about.
    pub service: &'p str,
    /// What it is, such as `p95`.
    pub metric: &'p str,
    /// The window's end.
    pub time: Time,
    /// Left out where it is not finite.
    pub value: f64,
}

/// What a detector made of a figure. Members that are not finite count as missing, and without `value` there is no score.
#[derive(Clone, Copy, Debug)]
pub struct Score<'s> {
    /// The detector.
    pub detector: &'s ComponentId,
    /// Whom it is about.
    pub service: &'s str,
    /// The field that the detector judges: the name of the metric.
    pub metric: &'s str,
    /// When.
    pub time: Time,
    /// The figure.
    pub value: f64,
    /// What was usual.
    pub expected: Option<f64>,
    /// The least that is not an anomaly.
    pub lower: Option<f64>,
    /// The most that is not an anomaly.
    pub upper: Option<f64>,
    /// How far out the figure is.
    pub score: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_known_in_any_case() {
        for level in ["ERROR", "error", "Fatal", "CRITICAL", "emerg"] {
            assert!(is_error(level), "{level}");
        }
        for level in ["", "WARN", "INFO", "ERRORS", "debug"] {
            assert!(!is_error(level), "{level}");
        }
    }
}
