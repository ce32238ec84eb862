//! The first part of a stateful component's work on a batch, done by whoever makes the batch: on the same core while
//! the batch is in its cache, and without one more hand-over between threads.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use logd_sdk::erased::{AnyKeyed, AnyPart};
use logd_sdk::keyed::{Floor, Split};
use logd_sdk::{Batch, Columns, Time};
use tokio::time::Instant;

use super::suspects::Suspects;
use crate::telemetry::Account;

/// Splits batches for the component that will receive them, as if none of their events were late.
#[derive(Clone)]
pub(crate) struct Splitter {
    /// The component's own work.
    pub(crate) keyed: Arc<dyn AnyKeyed>,
    /// How many shards it has.
    pub(crate) shards: usize,
    /// What it reads.
    pub(crate) reads: Arc<Columns>,
    /// What it could not survive before.
    pub(crate) suspects: Suspects,
    /// Where the time that it takes is entered.
    pub(crate) account: Arc<Account>,
    /// For how many batches it rests.
    pub(crate) rest: Arc<AtomicU32>,
}

/// After a batch that had to be split again, so many are left to the component, which knows what is late.
const REST: u32 = 64;

impl Splitter {
    /// Where no event is late, and none too far ahead.
    pub(crate) fn open_floors(batch: &Batch) -> Vec<Floor> {
        vec![Floor { closed: Time::MIN, ahead: Time::MAX }; batch.blocks().len()]
    }

    /// Splits a batch, if that is worth trying.
    pub(crate) fn split(&self, batch: &Batch) -> Option<Split<AnyPart>> {
        let rest = |left: u32| left.checked_sub(1);
        if self.rest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
            || !batch.columns().contains(&self.reads)
            || !self.suspects.is_empty()
        {
            return None;
        }
        let start = Instant::now();
        // What the component panics at it panics at again when the batch has come, and is blamed for it then.
        let split = AssertUnwindSafe(|| self.keyed.split(batch, &Self::open_floors(batch), self.shards));
        let split = catch_unwind(split).ok();
        self.account.busy(start.elapsed());
        split
    }

    /// A split was of no use.
    pub(crate) fn rest(&self) {
        self.rest.store(REST, Ordering::Relaxed);
    }
}

impl fmt::Debug for Splitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Splitter").field("component", self.account.component()).finish_non_exhaustive()
    }
}
