//! What a component may ask of the daemon that it runs in: how all is, what an edit would change, and to follow it.

use std::fmt;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The daemon, for those who show and steer it over a network.
pub trait Control: fmt::Debug + Send + Sync + 'static {
    /// How all is.
    ///
    /// # Errors
    /// The daemon stops.
    fn overview(&self) -> BoxFuture<'_, anyhow::Result<Overview>>;

    /// What a reload would change, as `logd plan --format json` prints it.
    ///
    /// # Errors
    /// The files can't be read, or the daemon stops.
    fn plan(&self) -> BoxFuture<'_, anyhow::Result<Value>>;

    /// Brings what runs in line with the files.
    ///
    /// # Errors
    /// The daemon stops.
    fn reload(&self) -> BoxFuture<'_, anyhow::Result<Reloaded>>;

    /// Why the daemon is not ready, a line each; none if it is.
    fn unready(&self) -> Vec<String>;
}

/// What came of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// Whether all that the files say runs now.
    pub ok: bool,
    /// What came of it, for people.
    pub said: String,
}

/// How the daemon is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overview {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// The number of the version of the pipeline files that is in use.
    pub generation: u64,
    /// The last reload: when, and what came of it.
    pub last_reload: Option<LastReload>,
    /// Files that are not in use as they are.
    pub broken: Vec<Broken>,
    /// Parts that do not run: their pipelines, and why.
    pub failures: Vec<(String, String)>,
    /// The components, in the order of the graph.
    pub components: Vec<ComponentState>,
    /// Who reads from whom.
    pub edges: Vec<Edge>,
}

/// The last reload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastReload {
    /// When it was over, as RFC 3339 has it.
    pub at: String,
    /// Whether all that the files say runs since.
    pub ok: bool,
    /// What came of it.
    pub said: String,
}

/// A file that is not in use as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The pipeline that it is.
    pub pipeline: String,
    /// Since when, as RFC 3339 has it.
    pub since: String,
    /// What is wrong, with file and line.
    pub mistakes: Vec<String>,
}

/// A component that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComponentState {
    /// `PIPELINE/NAME`.
    pub name: String,
    /// Its kind: source, transform, or sink.
    pub kind: String,
    /// Its type, such as `window`.
    pub r#type: String,
    /// Events that it received, or as a source made.
    pub received: u64,
    /// Events that left it.
    pub sent: u64,
    /// Events that it could not handle.
    pub dead: u64,
    /// Events that came too late.
    pub late: u64,
    /// Events that ended in it, as its settings want it or because they could not be kept.
    pub discarded: u64,
    /// Events that it is busy with.
    pub in_flight: i64,
    /// How far event time is behind the clock, in seconds, if it waits for event time.
    pub lag: Option<f64>,
    /// Why it can't do its work, if it can't.
    pub trouble: Option<String>,
}

/// One component reads from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Who makes the events: `PIPELINE/NAME`.
    pub from: String,
    /// By which of its outputs, if not by the main one.
    pub port: Option<String>,
    /// Who reads them.
    pub to: String,
    /// Events that went by that output, since the component was made.
    pub sent: u64,
}
