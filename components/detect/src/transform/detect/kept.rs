//! What is kept of a key: what is usual, and the buckets that are still open.

use std::collections::BTreeMap;
use std::time::Duration;

use super::samples::Sampled;
use crate::signals::{Bucket, Watch, Watched};
use crate::time::Micros;

/// A key that has been silent for so long is forgotten: no day that its baseline is of remembers it.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// What is kept of a key.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) watched: Watched,
    /// Buckets that are still open, by their start.
    pub(super) pending: BTreeMap<Micros, Bucket>,
    /// The latest time of its events.
    pub(super) newest: Micros,
    pub(super) sampled: Sampled,
    /// Whether a snapshot has its open buckets, what is known, and its samples, and must be told when it is gone.
    pub(super) saved: [bool; 3],
}

impl Kept {
    /// The next bucket to close, of those that begin before `until`; `is_end` of all input.
    pub(super) fn next(&mut self, watch: &Watch, until: Micros, is_end: bool) -> Option<(Micros, Option<Bucket>)> {
        let pending = self.pending.first_key_value().map(|(&start, _)| start);
        let state = &self.watched.state;
        let start = match state.last_closed() {
            // A key begins with its first event; one that sleeps goes on with the next.
            Some(last) if !state.is_asleep() => {
                let next = watch.monitor().next(last);
                if is_end { pending.map(|_| next)? } else { next }
            }
            _ => pending?,
        };
        (start < until).then(|| (start, self.pending.remove(&start)))
    }

    /// Whether nothing is lost if it is forgotten.
    pub(super) fn is_gone(&self, until: Micros) -> bool {
        let state = &self.watched.state;
        let is_silent = state.is_asleep() && until.since(self.newest) > REMEMBERED;
        self.pending.is_empty() && !self.watched.is_open() && (state.is_spent() || is_silent)
    }
}
