//! Sinks that are about to be replaced bring to its end what is under way, while all others go on: nobody stands still for
//! a service that is slow.

use std::collections::BTreeMap;
use std::time::Duration;

use logd_sdk::ComponentId;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long they may take: what is under way then is cut off, and counts as not delivered.
const PATIENCE: Duration = Duration::from_millis(200);

/// Which sinks are about to be replaced, each with whether it has come to rest. Clones know the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handoffs(watch::Sender<BTreeMap<ComponentId, bool>>);

impl Handoffs {
    /// Lets these sinks begin nothing more until what is returned is dropped, and waits until they have come to rest, as
    /// long as there is patience.
    pub(crate) async fn begin(&self, sinks: impl IntoIterator<Item = ComponentId>) -> Handoff {
        self.0.send_replace(sinks.into_iter().map(|sink| (sink, false)).collect());
        let handoff = Handoff(self.clone());
        let mut known = self.0.subscribe();
        let at_rest = known.wait_for(|known| known.values().all(|is_at_rest| *is_at_rest));
        // Who hangs is not waited for.
        let _ = timeout(PATIENCE, at_rest).await;
        handoff
    }

    /// What one sink knows of it.
    pub(crate) fn of(&self, sink: &ComponentId) -> Turn {
        Turn { sink: sink.clone(), handoffs: self.clone() }
    }
}

/// That sinks are about to be replaced.
#[derive(Debug)]
pub(crate) struct Handoff(Handoffs);

impl Drop for Handoff {
    fn drop(&mut self) {
        self.0.0.send_replace(BTreeMap::new());
    }
}

/// What a sink knows of its own replacement.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    sink: ComponentId,
    handoffs: Handoffs,
}

impl Turn {
    /// Whether it is near.
    pub(crate) fn is_near(&self) -> bool {
        self.handoffs.0.borrow().contains_key(&self.sink)
    }

    /// Waits until it is near, or no longer. Safe to cancel.
    pub(crate) async fn until(&self, near: bool) {
        // The sender is `self`'s own.
        let _ = self.handoffs.0.subscribe().wait_for(|known| known.contains_key(&self.sink) == near).await;
    }

    /// The sink has come to rest.
    pub(crate) fn rest(&self) {
        self.handoffs.0.send_if_modified(|known| match known.get_mut(&self.sink) {
            Some(is_at_rest) => !std::mem::replace(is_at_rest, true),
            None => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_are_waited_for_who_come_to_rest() {
        let (handoffs, name) = (Handoffs::default(), |name: &str| ComponentId::new("p", name));
        let [quick, hung, other] = ["quick", "hung", "other"].map(|sink| handoffs.of(&name(sink)));
        let start = Instant::now();
        let rests = async {
            quick.until(true).await;
            assert!(!other.is_near());
            tokio::time::sleep(PATIENCE / 2).await;
            other.rest();
            quick.rest();
        };
        let (handoff, ()) = tokio::join!(handoffs.begin([name("quick")]), rests);
        assert_eq!(start.elapsed(), PATIENCE / 2);
        drop(handoff);
        quick.until(false).await;
        let handoff = handoffs.begin([name("hung")]).await;
        assert_eq!(start.elapsed(), PATIENCE * 3 / 2);
        assert!(hung.is_near() && !quick.is_near());
        drop((handoff, handoffs.begin([]).await));
        assert_eq!(start.elapsed(), PATIENCE * 3 / 2, "there is nobody to wait for");
    }
}
