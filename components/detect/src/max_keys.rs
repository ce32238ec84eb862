//! How many keys a component remembers, and that it is said once when there are more.

use std::sync::atomic::{AtomicBool, Ordering};

use logd_sdk::ComponentId;

/// The setting `max_keys`.
#[derive(Debug)]
pub(crate) struct MaxKeys {
    /// Whose it is.
    component: ComponentId,
    limit: usize,
    /// Whether it has been said that there are more: it goes on for as long as there are, and is counted.
    is_said: AtomicBool,
}

impl MaxKeys {
    /// So many keys, over all shards.
    pub(crate) fn new(component: &ComponentId, limit: usize) -> Self {
        Self { component: component.clone(), limit, is_said: AtomicBool::new(false) }
    }

    /// How many of them each of `shards` may keep.
    pub(crate) fn of_shard(&self, shards: usize) -> usize {
        self.limit.div_ceil(shards.max(1))
    }

    /// Says that the oldest keys are `gone`, the first time that there are any.
    pub(crate) fn note(&self, evicted: u64, gone: &str) {
        if evicted > 0 && !self.is_said.swap(true, Ordering::Relaxed) {
            let Self { component, limit, .. } = self;
            tracing::warn!(%component, limit, "There are more keys than `max_keys`; the oldest are {gone} and counted.");
        }
    }
}
