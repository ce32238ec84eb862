//! How the daemon is, for `logd status` and `logd top`.

use serde::{Deserialize, Serialize};

use super::reload::Fleet;
use crate::telemetry::Account;
use crate::topology::Status;

/// How the daemon is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Overview {
    /// Its version.
    pub(crate) version: String,
    /// Its process.
    pub(crate) pid: u32,
    /// The number of the version of the pipeline files that is in use.
    pub(crate) generation: u64,
    /// The last reload: when, and what came of it.
    pub(crate) last_reload: Option<LastReload>,
    /// Files that are not in use as they are.
    pub(crate) broken: Vec<Broken>,
    /// Parts that do not run: their pipelines, and why.
    pub(crate) failures: Vec<(String, String)>,
    /// The components, in the order of the graph.
    pub(crate) components: Vec<Component>,
}

/// The last reload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LastReload {
    /// When it was over, as RFC 3339 has it.
    pub(crate) at: String,
    /// Whether all that the files say runs since.
    pub(crate) ok: bool,
    /// What came of it.
    pub(crate) said: String,
}

/// A file that is not in use as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Broken {
    /// The pipeline that it is.
    pub(crate) pipeline: String,
    /// Since when, as RFC 3339 has it.
    pub(crate) since: String,
    /// What is wrong, with file and line.
    pub(crate) mistakes: Vec<String>,
}

/// A component that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Component {
    /// `PIPELINE/NAME`.
    pub(crate) name: String,
    /// Its kind: source, transform, or sink.
    pub(crate) kind: String,
    /// Events that it received, or as a source made.
    pub(crate) received: u64,
    /// Events that left it.
    pub(crate) sent: u64,
    /// Events that it could not handle.
    pub(crate) dead: u64,
    /// Events that came too late.
    pub(crate) late: u64,
    /// Events that ended in it, as its settings want it or because they could not be kept.
    pub(crate) discarded: u64,
    /// Events that it is busy with.
    pub(crate) in_flight: i64,
    /// How far event time is behind the clock, in seconds, if it waits for event time.
    pub(crate) lag: Option<f64>,
    /// Why it can't do its work, if it can't.
    pub(crate) trouble: Option<String>,
}

impl Component {
    fn of(account: &Account) -> Self {
        let tally = account.tally();
        Self {
            name: account.component().to_string(),
            kind: account.kind().name().to_owned(),
            received: tally.received,
            sent: tally.forwarded,
            dead: tally.dead,
            late: tally.late,
            discarded: tally.discarded,
            in_flight: tally.in_flight,
            lag: account.lag().map(|lag| lag.as_secs_f64()),
            trouble: account.health().reason(),
        }
    }
}

impl Overview {
    /// Of what runs now.
    pub(crate) fn of(fleet: &Fleet, generation: u64) -> Self {
        let (statuses, names) = (fleet.statuses(), fleet.components());
        // What is removed is shown for as long as it has something to hand on.
        let shown = |account: &Account| names.contains(account.component()) || account.tally().in_flight > 0;
        let failed = |status: &Status| Some((status.pipelines().to_owned(), status.failure()?));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            generation,
            last_reload: fleet.last_reload().cloned(),
            broken: fleet.broken(),
            failures: statuses.iter().filter_map(failed).collect(),
            components: statuses
                .iter()
                .flat_map(Status::accounts)
                .filter(|account| shown(account))
                .map(|account| Component::of(&account))
                .collect(),
        }
    }
}
