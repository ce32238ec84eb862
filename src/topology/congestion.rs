//! Who waits for room downstream, and so for how long others may have heard nothing only because of that.
//!
//! Where one of several readers of a component takes nothing, the others get nothing either. For them that is no silence of
//! the source: an event time that went on with the clock meanwhile would make all that waits late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Whether a component waits for room on an edge.
#[derive(Debug, Default)]
pub(crate) struct Congestion(AtomicUsize);

/// Sends, and so may wait for room, until this is dropped.
#[derive(Debug)]
pub(crate) struct Sending<'c>(&'c Congestion);

impl Congestion {
    /// The component begins to send.
    pub(crate) fn sending(&self) -> Sending<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Sending(self)
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Measures for how long a component could have heard something, if there had been anything.
pub(crate) struct Activity {
    active: Duration,
    /// When that was looked at last.
    looked: Instant,
    /// Of those that its events come through.
    upstream: Vec<Arc<Congestion>>,
}

impl Activity {
    /// Begins now, behind these.
    pub(crate) fn new(upstream: Vec<Arc<Congestion>>) -> Self {
        Self { active: Duration::ZERO, looked: Instant::now(), upstream }
    }

    /// Goes on behind others: what has passed since it was looked at last does not count.
    pub(crate) fn join(&mut self, upstream: Vec<Arc<Congestion>>) {
        self.upstream = upstream;
        self.skip();
    }

    /// For how long something could have been heard: what a partition's silence is measured by. It is exact to the time
    /// between two calls, which tell what was between them by what is now.
    pub(crate) fn active(&mut self) -> Duration {
        let since = self.looked.elapsed();
        self.skip();
        if !self.upstream.iter().any(|congestion| congestion.is_there()) {
            self.active += since;
        }
        self.active
    }

    /// What has passed since it was looked at last does not count.
    pub(crate) fn skip(&mut self) {
        self.looked = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_could_come_does_not_count() {
        let [first, second] = [(); 2].map(|()| Arc::new(Congestion::default()));
        let mut activity = Activity::new(vec![Arc::clone(&first), Arc::clone(&second)]);
        advance(SECOND).await;
        assert_eq!(activity.active(), SECOND);
        let both = (first.sending(), second.sending(), second.sending());
        advance(SECOND).await;
        assert_eq!(activity.active(), SECOND);
        drop((both.0, both.1));
        advance(SECOND).await;
        assert_eq!(activity.active(), SECOND, "one still waits");
        drop(both.2);
        advance(SECOND).await;
        assert_eq!(activity.active(), 2 * SECOND);
        advance(SECOND).await;
        activity.skip();
        assert_eq!(activity.active(), 2 * SECOND);
    }
}
