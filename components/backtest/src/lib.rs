//! How good the alarms of a pipeline are: scored against labels of what really went wrong.
//!
//! ```text
//!  anomaly events ──► alarms ──┐
//!  labels (JSON lines) ────────┼──► scoring ──► figures ──► text, JSON, report
//!  population (who, how much) ─┘        ├──► gates (good enough?)
//!                                       └──► compare, sweep (better than another?)
//! ```
//!
//! All of this is pure: no clock, no file, no task, and integers wherever something is added up, so that the same alarms
//! and labels give the same bytes. Running a pipeline over recorded input is the daemon's business.

pub mod alarms;
pub mod compare;
pub mod gates;
pub mod kinds;
pub mod labels;
pub mod outcome;
pub mod population;
pub mod report;
pub mod scoring;
pub mod sweep;
pub mod text;
