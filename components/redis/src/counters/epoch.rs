//! What an epoch changes: as it is kept in the checkpoint, and as it is applied.

use logd_sdk::snapshot;
use redis::{Cmd, Script, cmd};
use serde::{Deserialize, Serialize};

use super::number::Number;

/// The version of what is kept.
const VERSION: u8 = 1;
/// Applies the changes of one hash.
const SCRIPT: &str = include_str!("apply.lua");

/// The changes of one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// Its number among those of this sink, from 1.
    pub(crate) sequence: u64,
    /// What it changes, by key.
    pub(crate) changes: Vec<(String, Change)>,
}

/// What an epoch changes in one hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Fields and what they are set to.
    pub(crate) set: Vec<(String, String)>,
    /// Fields and what is added to them.
    pub(crate) add: Vec<(String, Number)>,
}

/// Where a sink stands at an epoch: the number of its last one, and those that may not have been applied yet.
pub(crate) type Kept<Epochs> = (u64, Epochs);

/// What is kept in the checkpoint.
///
/// # Errors
/// Never, as it stands.
pub(crate) fn encode(kept: &Kept<&[Epoch]>) -> anyhow::Result<Vec<u8>> {
    snapshot::encode(VERSION, kept)
}

/// What was kept in the checkpoint.
///
/// # Errors
/// It is of another version, or damaged.
pub(crate) fn decode(kept: &[u8]) -> anyhow::Result<Kept<Vec<Epoch>>> {
    snapshot::decode(VERSION, kept)
}

/// Applies changes: a script that Redis runs whole, and that remembers in the hash itself which epoch it has applied.
pub(crate) struct Applier {
    script: Script,
    /// The field in which it remembers that.
    pub(crate) mark: String,
    /// How many milliseconds after the last change a hash vanishes; 0 if never.
    pub(crate) ttl: u64,
}

impl Applier {
    /// With this field to remember epochs in.
    pub(crate) fn new(mark: String, ttl: Option<u64>) -> Self {
        Self { script: Script::new(SCRIPT), mark, ttl: ttl.unwrap_or(0) }
    }

    /// Makes the script known: to be sent ahead of changes, since a Redis that was restarted has forgotten it.
    pub(crate) fn load(&self) -> Cmd {
        cmd("SCRIPT").arg("LOAD").arg(SCRIPT).take()
    }

    /// Applies the changes of the epoch `sequence` to the hash at `key`, unless they are applied.
    pub(crate) fn apply(&self, sequence: u64, key: &str, change: &Change) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(self.script.get_hash()).arg(1).arg(key);
        command.arg(&self.mark).arg(sequence).arg(self.ttl).arg(change.set.len());
        for (field, text) in &change.set {
            command.arg(field).arg(text);
        }
        for (field, amount) in &change.add {
            command.arg(field).arg(amount.to_string());
        }
        command
    }
}
