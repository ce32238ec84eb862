//! What the daemon hands to a component when it is built.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::condition::Conditions;
use crate::epochs::Epochs;
use crate::event::{Columns, Partition};
use crate::health::Health;
use crate::http::{Extensions, Listeners};
use crate::meters::Meters;

/// Names a component of a pipeline: `pipeline/id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    pipeline: Arc<str>,
    id: Arc<str>,
}

impl ComponentId {
    /// The component `id` of the pipeline `pipeline`.
    #[must_use]
    pub fn new(pipeline: &str, id: &str) -> Self {
        Self { pipeline: pipeline.into(), id: id.into() }
    }

    /// The pipeline: its file's name without `.toml`.
    #[must_use]
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// The component's name within the pipeline.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pipeline, self.id)
    }
}

/// What a component is built with.
#[derive(Clone)]
pub struct Context {
    /// Its name.
    pub id: ComponentId,
    /// The time of day.
    pub clock: Clock,
    /// The fields that are read downstream of it: whoever parses takes these out.
    pub columns: Arc<Columns>,
    /// Its own metrics.
    pub meters: Meters,
    /// Compiles conditions.
    pub conditions: Arc<dyn Conditions>,
    /// Where it may keep files: a folder of its own below the daemon's `data_dir`, not made yet.
    pub data_dir: PathBuf,
    /// Whether the run ends with its input: a source reads what there is, and then ends.
    pub once: bool,
    /// Whether it is built only to see whether it can be: no file, folder or name in a service may be left behind.
    pub dry_run: bool,
    /// Names the daemon's state, made at random with `data_dir`: what a service keeps for us under it is ours, and of
    /// no state that was thrown away.
    pub lineage: Arc<str>,
    /// What it can do right now, for all to see.
    pub health: Health,
    /// Asks for an epoch before its time.
    pub epochs: Epochs,
    /// Where it binds the address that it listens on.
    pub listeners: Listeners,
    /// What the daemon has for several components together, by its type: the API, for all who show something there.
    pub shared: Extensions,
}

impl Context {
    /// A partition of this component; `part` is empty where it has one only.
    #[must_use]
    pub fn partition(&self, part: &str) -> Arc<Partition> {
        Partition::new(&self.id.to_string(), part)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).finish_non_exhaustive()
    }
}
