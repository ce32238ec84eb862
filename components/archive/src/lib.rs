//! What the API remembers: logs with full-text search, anomalies and incidents, series, counters. No HTTP here.
//!
//! ```text
//!                  ┌ counting ─► counters, budget ──────────┐ staged in memory,
//! sink ─► Feed ────┼ point, score, anomaly ─────────────────┤ seen by readers ──── seal ─► bytes ─── apply ─► redb
//!                  └ log ──┬─► indexer's thread ─► tantivy, a folder for each part ─► seal commits
//!                          └─► live, recent
//! ```
//!
//! # How an event goes through
//!
//! A sink has a [`Feed`], made by [`Archive::feed`], which touches nothing. For each batch it awaits [`Feed::ready`], the
//! only wait, before anything has changed; all that follows is synchronous and can't fail, so that a batch is taken whole
//! or not at all, even if the attempt is cancelled:
//!
//! 1. [`Feed::counting`] is a guard for the batch. [`Counting::count`] counts every log: totals and a history of
//!    their service. [`Counting::admits`] says whether the budget has room to index it; what it has not is counted.
//! 2. [`Feed::log`] hands an admitted log to the indexer and to whoever watches ([`Archive::live`]).
//! 3. [`Feed::point`] takes a figure of a window, [`Feed::score`] what a detector expected, [`Feed::anomaly`] the
//!    event of an incident.
//!
//! # Epochs
//!
//! At a barrier [`Feed::seal`] makes the logs durable, marked with feed and epoch, and returns all else as bytes, which
//! become part of the epoch. When that is complete, [`Feed::apply`] writes them in one transaction, unless it has
//! happened. After a crash [`Feed::restore`] does the same with what the last complete epoch kept, and takes the logs of
//! later epochs out of the index. So what an epoch brought is there once and whole, or not at all.
//!
//! # What is bounded
//!
//! Disk by [`Options::max_bytes`] and [`Options::max_age`], indexing by [`Options::max_rate`], services by
//! [`MAX_SERVICES`], series by [`MAX_SERIES`], anomalies and incidents by [`MAX_ANOMALIES`]. What finds no room is
//! counted with its reason: [`Archive::stats`].

mod archive;
mod board;
mod counting;
mod cursor;
mod error;
mod events;
mod feed;
mod filters;
mod incident;
mod live;
mod logs;
mod options;
mod page;
mod questions;
mod records;
mod related;
mod scope;
mod sealed;
mod series;
mod store;

#[cfg(test)]
mod tests;

pub use archive::Archive;
pub use board::{LeftOut, MAX_SERVICES, OTHER, Service, Totals};
pub use counting::{Counting, Tally};
pub use error::Error;
pub use events::{Anomaly, Change, MAX_ANOMALIES, Malformed, Severity, WholeAnomaly};
pub use feed::Feed;
pub use filters::{AnomalyFilter, HistogramQuery, IncidentFilter, LogFilter, SeriesQuery};
pub use incident::{Acted, Incident, IncidentState, WholeIncident};
pub use live::{Live, LiveKind};
pub use logs::{Fragment, Histogram, Hit};
pub use options::Options;
pub use page::{MAX_LIMIT, Page, PageRequest};
pub use records::{Counted, ERROR_LEVELS, LogRecord, Point, Score, is_error};
pub use related::Related;
pub use scope::Scope;
pub use series::{MAX_SERIES, Metric, Series, SeriesPoint};
pub use store::Stats;
