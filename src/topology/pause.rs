//! How a part that runs is asked to stand still: each component stops between two batches, as it is.
//!
//! Nobody waits for room on an edge while a part pauses, or those before a sink that is away would never stop: what a
//! component has in hand goes into the queue behind it, over its bound, and takes no room.

use tokio::sync::watch;

/// Tells a component of a part that it shall pause. Clones tell the same.
#[derive(Clone, Debug)]
pub(crate) struct Pause(watch::Receiver<bool>);

impl Pause {
    /// One that is asked for by sending `true`.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns when it is asked for; never, once nobody can ask for it any more. Safe to cancel.
    pub(crate) async fn asked(&self) {
        if self.0.clone().wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
