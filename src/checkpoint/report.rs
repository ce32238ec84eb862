//! How components report to the coordinator, and what it tells the sources.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use logd_sdk::ComponentId;
use tokio::sync::mpsc::UnboundedSender;

use super::Epoch;

/// Keys of a component's state that changed, with their new values; `None` where the key is gone.
pub(crate) type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What a component hands in for an epoch.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Where a source stands, or what a sink keeps; `None` where there is nothing to keep.
    pub(crate) position: Option<Vec<u8>>,
    /// What changed in a state since the last snapshot.
    pub(crate) changes: Changes,
}

impl Snapshot {
    /// Of a source or a sink.
    pub(crate) fn position(position: Option<Vec<u8>>) -> Self {
        Self { position, changes: Changes::new() }
    }

    /// Adds what was handed in later.
    pub(crate) fn add(&mut self, later: Self) {
        self.position = later.position.or(self.position.take());
        self.changes.extend(later.changes);
    }

    /// Of a transform with state.
    pub(crate) fn changes(changes: Changes) -> Self {
        Self { position: None, changes }
    }
}

/// What a component that is gone has handed in last.
#[derive(Debug)]
pub(crate) struct LastWord {
    /// What type of component it was.
    pub(crate) component_type: &'static str,
    pub(crate) snapshot: Snapshot,
    /// Those who may still have what it sent to them: it becomes durable with what they hand in, and not before.
    pub(crate) readers: BTreeSet<ComponentId>,
}

/// What a source is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    /// Put the barrier of this epoch into the stream.
    Barrier(Epoch),
    /// Put a last barrier into the stream, and stop.
    Close(Epoch),
    /// An epoch has become durable: [`Reporter::durable`] says up to where.
    Durable,
}

/// What the coordinator hears.
#[derive(Debug)]
pub(crate) struct Report {
    /// The component's place in the part.
    pub(crate) component: usize,
    /// For which epoch; `None` when the component has ended, and this is the last it hands in.
    pub(crate) epoch: Option<Epoch>,
    /// What it hands in.
    pub(crate) snapshot: Snapshot,
}

/// A component's line to the coordinator.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    component: usize,
    reports: UnboundedSender<Report>,
    durable: Durable,
}

/// The position of a source that became durable last.
pub(crate) type Durable = Arc<Mutex<Option<Vec<u8>>>>;

impl Reporter {
    /// The line of the component at this place of the part.
    pub(crate) fn new(component: usize, reports: UnboundedSender<Report>, durable: Durable) -> Self {
        Self { component, reports, durable }
    }

    /// The slot for the position that becomes durable next.
    pub(crate) fn slot(&self) -> Durable {
        Arc::clone(&self.durable)
    }

    /// Hands in a snapshot for an epoch.
    pub(crate) fn snapshot(&self, epoch: Epoch, snapshot: Snapshot) {
        self.send(Some(epoch), snapshot);
    }

    /// The component has ended: its last snapshot holds for all epochs from now on.
    pub(crate) fn ended(&self, snapshot: Snapshot) {
        self.send(None, snapshot);
    }

    /// The position that has become durable, if it was not asked for yet.
    pub(crate) fn durable(&self) -> Option<Vec<u8>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn send(&self, epoch: Option<Epoch>, snapshot: Snapshot) {
        // Without a coordinator the part is being torn down, and nobody waits for the snapshot.
        let _ = self.reports.send(Report { component: self.component, epoch, snapshot });
    }
}
