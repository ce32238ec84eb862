//! Sources: where events come from.

use std::future::Future;

use crate::event::Batch;

/// What a source has next.
#[derive(Debug)]
pub enum Next {
    /// Events, or a notice of how far a partition is.
    Batch(Batch),
    /// There is nothing more, and there never will be.
    End,
}

/// A source that runs. The daemon asks it for one batch after the other, and puts barriers between them.
///
/// When [`next`](Self::next) is called, the batch before has been taken by all that stands downstream: a source that
/// owes somebody an answer gives it then.
pub trait Source: Send + 'static {
    /// The next batch; waits until there is one. Must be safe to cancel: what a dropped call had read, the next call
    /// returns.
    ///
    /// A source that knows of a partition before its first event announces it with a [notice](Batch::notice), so that
    /// no window closes over it, and ends it with one when nothing more can come.
    ///
    /// # Errors
    /// What can't be mended by trying again within the source: the daemon shows it, and starts the connected part of
    /// the graph again from the last epoch, with back-off.
    fn next(&mut self) -> impl Future<Output = anyhow::Result<Next>> + Send;

    /// Where the source stands behind the last batch that `next` returned, in a form of its own (see
    /// [`snapshot`](crate::snapshot)); `None` where it can't come back to a position.
    fn position(&self) -> Option<Vec<u8>>;

    /// Goes to a position that an earlier run has left. Called once at most, before the first `next`.
    ///
    /// # Errors
    /// The position can't be read, or does not exist any more.
    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()>;

    /// All that came before `position` is durable downstream: a source that keeps or acknowledges events at its
    /// origin may let them go.
    ///
    /// # Errors
    /// The origin did not take it; it is told the next position all the same.
    fn commit(&mut self, position: &[u8]) -> impl Future<Output = anyhow::Result<()>> + Send {
        let _ = position;
        async { Ok(()) }
    }
}
