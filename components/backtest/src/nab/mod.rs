//! The Numenta Anomaly Benchmark: its data as it lies in folders, and its rules of scoring.
//!
//! The rules are those of Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly
//! Benchmark" (2015), where the paper leaves something open those of NAB's own scorer:
//!
//! - a [`Corpus`] is some series, each with windows of time in which something is wrong;
//! - the [`Worth`] of an alarm depends on where it is: the earlier in a window the better, and false alarms cost less
//!   shortly after a window; the first 15 % of a series, 750 points at most, don't count;
//! - a [`Profile`] says what a find, a false alarm and a missed window weigh;
//! - a [`Tally`] adds up over series, and gives 0 to a detector that never alarms and 100 to a perfect one;
//! - [`best_threshold`] is what NAB optimizes for each detector: one threshold for all series;
//! - an [`Outcome`] is what a pipeline gets, as it is or with a setting chosen on other series.
//!
//! A clock that alarms every 600 points, whatever the data, gets about 25: no other figure should be read without that.

mod corpus;
mod outcome;
mod profile;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;
mod worth;

pub use self::corpus::{Corpus, Series};
pub use self::outcome::{Outcome, Run, Scored, best_values};
pub use self::profile::Profile;
pub use self::sweep::{Best, best_threshold};
pub use self::tally::Tally;
pub use self::worth::{Worth, sigmoid};
