//! A labelled workload: what a dozen services answer over two weeks, with all that goes wrong and all that only looks so.
//!
//! Detectors are judged by it. Each request is a time, a response time, and whether it failed; [`Label`]s say what was
//! done to which service, and when. Everything is a figure in a [`Scenario`], and all chance follows from a seed, so a
//! [`Simulation`] is the same whenever it is made, and so is each service in it, whatever the others are:
//!
//! ```text
//! Scenario ─┬► season (day, week) ────────┐
//!   + seed  ├► noise (rate, latency, errors) ├─► figures of ten seconds (traffic) ──► requests
//!           └► changes (course) ──────────┘
//!                 └──► labels
//! ```
//!
//! The noises are chains, from one bucket of ten seconds to the next; the requests of a bucket have chance of their
//! own. So a stream is taken up at any place by going over the buckets before it, without their requests.

mod chance;
mod change;
mod course;
mod drawn;
mod incident;
mod kind;
mod label;
mod lines;
mod noise;
mod requests;
mod season;
mod service;
mod settings;
mod simulation;
mod table;
mod traffic;
mod wording;

#[cfg(test)]
mod tests;

pub use kind::Kind;
pub use label::Label;
pub use lines::{Place, ScenarioLines};
pub use requests::{Request, Requests};
pub use service::Service;
pub use settings::{Planned, Scenario};
pub use simulation::Simulation;

/// Seconds in a bucket, in which all figures of a service stay the same.
pub const BUCKET_SECONDS: u64 = 10;

/// Microseconds in a bucket.
pub(crate) const BUCKET: i64 = 1_000_000 * BUCKET_SECONDS as i64;

/// Buckets in an hour.
const HOUR: u64 = 3600 / BUCKET_SECONDS;

/// Buckets in a day.
const DAY: u64 = 24 * HOUR;

/// The buckets that so many seconds are, rounded to the nearest.
const fn buckets(seconds: u64) -> u64 {
    (seconds + BUCKET_SECONDS / 2) / BUCKET_SECONDS
}
