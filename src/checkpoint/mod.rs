//! Checkpoints: what makes a crash a pause.
//!
//! Once every interval the [coordinator](coordinator::Coordinator) of a connected part of the graph begins an *epoch*:
//! each source notes its position and puts a barrier into its stream. Every component that the barrier passes hands in a
//! snapshot of its state; a sink does so when everything before the barrier has been delivered. When all have reported,
//! the [store](store::Store) makes positions and states durable in one atomic step, and the sources are told.

mod coordinator;
mod report;
mod store;

pub(crate) use coordinator::{Coordinator, Gone, Member, Memory, Outcome};
pub(crate) use report::{Changes, Command, Durable, LastWord, Reporter, Snapshot};
pub(crate) use store::{Entry, Position, Store};

/// The number of an epoch: from 1 on, within the life of a checkpoint store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(pub(crate) u64);
