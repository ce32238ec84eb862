//! What several daemons write to together, read back: logs and figures of all of them, so that the API of each shows one
//! picture.
//!
//! The API knows no such service, and the family that does knows no API: between them is what is asked and answered here.
//! A service knows nothing of pipelines. What somebody may see of it is a set of services.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;

use crate::Time;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum Error {
    /// The query of a search can't be read. The text is for whoever wrote it.
    #[error("{0}")]
    Query(String),
    /// The cursor was made by somebody else, or has been damaged on the way.
    #[error("the cursor is not one that a page came with")]
    Cursor,
    /// The service can't be reached, is too slow, or refuses us.
    #[error("{reason}")]
    Away {
        /// Why, in one line and without a secret.
        reason: String,
        /// When it wants to be asked again, if it says so.
        after: Option<Duration>,
    },
    /// What it answers is not understood, or is not what it should be.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// Which logs. What is `None` does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogQuery<'q> {
    /// Those that a search with this text finds.
    pub text: Option<&'q str>,
    /// Of this service.
    pub service: Option<&'q str>,
    /// At this level, in any case.
    pub level: Option<&'q str>,
    /// At this time or later.
    pub from: Option<Time>,
    /// Before this time.
    pub to: Option<Time>,
    /// Of these services: what the one who asks may see, whatever else is asked for.
    pub allowed: Option<&'q BTreeSet<String>>,
}

/// A log.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Names it.
    pub id: String,
    /// When it happened.
    pub time: Time,
    /// Who says it; empty where nobody knows.
    pub service: String,
    /// How bad it is; empty where it does not say.
    pub level: String,
    /// What it says.
    pub message: String,
    /// All of it.
    pub event: Value,
    /// The message in pieces, in order; empty where there was no search, or what was found is not in the message.
    pub highlights: Vec<Fragment>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The piece.
    pub text: String,
    /// Whether it is what was searched for.
    pub marked: bool,
}

/// A page of logs, the newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPage {
    /// The logs.
    pub logs: Vec<Log>,
    /// What to ask with for those behind these; `None` at the end. Safe in a URL.
    pub next: Option<String>,
}

/// Counts of logs, by stretches of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCounts {
    /// The length of a stretch.
    pub step: Duration,
    /// Where each begins: a multiple of the step. All of the range are there, those with no log too.
    pub times: Vec<Time>,
    /// How many logs each has.
    pub total: Vec<u64>,
    /// How many of them are errors.
    pub errors: Vec<u64>,
}

/// The logs of several daemons.
pub trait SharedLogs: Debug + Send + Sync {
    /// A page of logs, of at most `limit`; behind those that `cursor` came with, for the same query.
    ///
    /// # Errors
    /// The service can't say.
    fn page<'q>(
        &'q self,
        query: LogQuery<'q>,
        limit: usize,
        cursor: Option<&'q str>,
    ) -> BoxFuture<'q, Result<LogPage, Error>>;

    /// How many logs there were when, in a `range` that takes the place of the query's own, and how many of them at one of
    /// these levels of `errors`, in any case. The step is whole seconds, and longer where there would be more than a
    /// thousand stretches.
    ///
    /// # Errors
    /// The service can't say.
    fn counts<'q>(
        &'q self,
        query: LogQuery<'q>,
        range: (Time, Time),
        step: Duration,
        errors: &'q [&'q str],
    ) -> BoxFuture<'q, Result<LogCounts, Error>>;
}

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Logs.
    pub logs: u64,
    /// Those of them that tell of an error.
    pub errors: u64,
    /// Anomalies; `None` where they are not told apart by service.
    pub anomalies: Option<u64>,
    /// The time of the newest log; `None` where nobody knows.
    pub last_update: Option<Time>,
}

/// What has been counted of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Logs.
    pub logs: u64,
    /// Those of them that tell of an error.
    pub errors: u64,
    /// How long it took to answer, in milliseconds; `None` where nobody knows.
    pub avg_response_time: Option<f64>,
}

/// The figures of several daemons.
pub trait SharedFigures: Debug + Send + Sync {
    /// The sums over all services, or over those that are `allowed`.
    ///
    /// # Errors
    /// The service can't say.
    fn totals<'q>(&'q self, allowed: Option<&'q BTreeSet<String>>) -> BoxFuture<'q, Result<Totals, Error>>;

    /// The services by name: all there are, or those that are `allowed` and there. At most some thousand.
    ///
    /// # Errors
    /// The service can't say.
    fn services<'q>(&'q self, allowed: Option<&'q BTreeSet<String>>) -> BoxFuture<'q, Result<Vec<Service>, Error>>;
}
