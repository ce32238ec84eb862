//! Series: what is known of a figure over time.
//!
//! A series is made of cells, one a second at most: what came in that second, in a form that adds up, so that a replayed
//! or late point, a coarser tier, and the answer to a question are all made by the same sum.

mod cell;
mod names;
mod reduce;

use std::time::Duration;

use logd_sdk::Time;

pub(crate) use cell::{Band, Cell, Count, Stat, usable};
pub(crate) use names::{Kind, Known, Names, SeriesName};
pub use names::{MAX_SERIES, Metric};
pub(crate) use reduce::{Grid, Reduced};

/// A metric that is counted of every service: logs a second.
pub(crate) const LOGS: &str = "logs";
/// A metric that is counted of every service: the errors among its logs, in percent.
pub(crate) const ERROR_RATE: &str = "error_rate";
/// A metric that is counted of every service: the mean response time, in milliseconds.
pub(crate) const RESPONSE_TIME: &str = "avg_response_time";
/// Counts are kept by stretches of so many seconds.
pub(crate) const COUNTED: i64 = 10;

/// A figure over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What each point stands for: a stretch of this length.
    pub step: Duration,
    /// The component that made it; `None` for what is counted.
    pub source: Option<String>,
    /// The detector whose expectation it carries.
    pub detector: Option<String>,
    /// The stretches of which something is known, in order.
    pub points: Vec<SeriesPoint>,
}

/// What is known of a stretch of time. Of several values that came in it, these are means, weighted by their number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    /// Where the stretch begins: a multiple of the step.
    pub time: Time,
    /// The mean value.
    pub value: Option<f64>,
    /// The least value.
    pub min: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
    /// What the detector expected.
    pub expected: Option<f64>,
    /// The least that it found usual.
    pub lower: Option<f64>,
    /// The most that it found usual.
    pub upper: Option<f64>,
    /// The highest score.
    pub score: Option<f64>,
}
