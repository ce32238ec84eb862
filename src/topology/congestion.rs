//! Who can hear nothing, however much there is: because somebody upstream waits for room, or no source can read.
//!
//! Where one of several readers of a component takes nothing, the others get nothing either, and while a broker is away its
//! clients keep what they have to say. For those who wait that is no silence: an event time that went on with the clock
//! meanwhile would make all that comes afterwards late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use logd_sdk::Health;
use tokio::time::Instant;

/// How many times a component waits for room on an edge, now: some send several batches at once.
#[derive(Debug, Default)]
pub(crate) struct Congestion(AtomicUsize);

/// Waits until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting<'c>(&'c Congestion);

impl Congestion {
    /// The component begins to wait.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All that the events of a component come through.
#[derive(Default)]
pub(crate) struct Upstream {
    congestions: Vec<Arc<Congestion>>,
    /// Of the sources.
    healths: Vec<Health>,
}

impl Upstream {
    /// Adds a component.
    pub(crate) fn add(&mut self, congestion: &Arc<Congestion>) {
        self.congestions.push(Arc::clone(congestion));
    }

    /// Adds the health of one that is a source.
    pub(crate) fn add_source(&mut self, health: &Health) {
        self.healths.push(health.clone());
    }

    /// Whether nothing can come now: a source that can't be read may be so for good, and holds back no others.
    fn is_stopped(&self) -> bool {
        self.congestions.iter().any(|congestion| congestion.is_there())
            || !self.healths.is_empty() && self.healths.iter().all(Health::is_away)
    }
}

/// Measures for how long a component could have heard something, if there had been anything.
pub(crate) struct Activity {
    active: Duration,
    /// When that was looked at last.
    looked: Instant,
    /// For how long nothing could come since something was heard.
    stopped: Duration,
    upstream: Upstream,
}

/// What is heard shows that something comes, whoever waits: so the time before it counts, up to this. Where that is the
/// component itself, which is slow, or another that is, time would not go on at all for as long as there is a backlog.
const FLOW: Duration = Duration::from_secs(1);

impl Activity {
    /// Begins now, behind nobody.
    pub(crate) fn new() -> Self {
        Self { active: Duration::ZERO, looked: Instant::now(), stopped: Duration::ZERO, upstream: Upstream::default() }
    }

    /// Goes on behind these: what has passed since it was looked at last does not count.
    pub(crate) fn join(&mut self, upstream: Upstream) {
        self.upstream = upstream;
        self.skip();
    }

    /// For how long something could have been heard, up to the last look: what a partition's silence is measured by.
    pub(crate) fn active(&self) -> Duration {
        self.active
    }

    /// Nothing is heard. What has passed since the last look is taken to have been as it is now.
    pub(crate) fn look(&mut self) {
        let since = self.skip();
        if self.upstream.is_stopped() {
            self.stopped += since;
        } else {
            self.active += since;
        }
    }

    /// Something is heard.
    pub(crate) fn hear(&mut self) {
        let since = self.skip();
        self.active += (std::mem::take(&mut self.stopped) + since).min(FLOW);
    }

    /// Since the last look it has worked: something could have come.
    pub(crate) fn work(&mut self) {
        let since = self.skip();
        self.active += since;
    }

    /// What has passed since the last look does not count. Returns how long that was.
    pub(crate) fn skip(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.looked, now)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_could_come_does_not_count() {
        let congestions = [(); 2].map(|()| Arc::new(Congestion::default()));
        let healths = [(); 2].map(|()| Health::default());
        let mut upstream = Upstream::default();
        congestions.iter().for_each(|congestion| upstream.add(congestion));
        healths.iter().for_each(|health| upstream.add_source(health));
        let (mut activity, [first, second], [one, other]) = (Activity::new(), congestions, healths);
        activity.join(upstream);
        let mut counts = async || {
            let before = activity.active();
            advance(SECOND).await;
            activity.look();
            activity.active() - before == SECOND
        };

        assert!(counts().await);
        let (room, more, most) = (first.waiting(), second.waiting(), second.waiting());
        assert!(!counts().await);
        drop((room, more));
        assert!(!counts().await, "one still waits");
        drop(most);
        assert!(counts().await);
        one.away("no broker");
        assert!(counts().await, "the other may speak");
        other.ill("a topic is missing");
        assert!(counts().await, "there may be others");
        other.away("no broker");
        assert!(!counts().await);
        one.well();
        assert!(counts().await);
    }

    /// Or a component that is slow, before which others wait, would never find that a partition is silent.
    #[tokio::test(start_paused = true)]
    async fn time_goes_on_with_what_is_heard() {
        let (mut upstream, congestion) = (Upstream::default(), Arc::default());
        upstream.add(&congestion);
        let mut activity = Activity::new();
        activity.join(upstream);
        let _waiting = congestion.waiting();
        for _ in 0..10 {
            advance(SECOND / 4).await;
            activity.look();
            advance(SECOND / 4).await;
            activity.hear();
        }
        assert_eq!(activity.active(), 5 * SECOND);
        for _ in 0..100 {
            advance(SECOND).await;
            activity.look();
        }
        activity.hear();
        assert_eq!(activity.active(), 6 * SECOND, "that it was stopped for long makes nobody silent");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_skipped_does_not_count() {
        let mut activity = Activity::new();
        advance(SECOND).await;
        assert_eq!(activity.skip(), SECOND);
        advance(SECOND).await;
        activity.look();
        advance(SECOND).await;
        activity.work();
        assert_eq!(activity.active(), 2 * SECOND);
    }
}
