//! How a component asks for an epoch before its time: a source that owes an answer once what it read is delivered, or one
//! that has to hand a partition over.

use std::sync::Arc;

use tokio::sync::Notify;

/// Asks for epochs of the connected part that a component stands in. Its clones ask for the same.
#[derive(Clone, Debug, Default)]
pub struct Epochs(Arc<Notify>);

impl Epochs {
    /// Asks for an epoch. Those who ask while one is open share the next; when it is complete, sources are told by
    /// [`Source::commit`](crate::source::Source::commit).
    pub fn ask(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody asks; for the coordinator.
    pub async fn asked(&self) {
        self.0.notified().await;
    }
}
