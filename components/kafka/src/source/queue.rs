//! What was read and waits to be handed on: bounded in bytes, between a thread that blocks and a task that must not.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logd_sdk::Batch;
use tokio::sync::Notify;

use super::ledger::Lease;

/// What is handed on.
#[derive(Debug)]
pub(crate) enum Item {
    /// Events of one partition, up to the offset `next`, if the lease still holds.
    Events {
        /// Under which they were read.
        lease: Lease,
        /// The offset behind the last of them.
        next: i64,
        /// The events.
        batch: Batch,
    },
    /// How far partitions are.
    Notice(Batch),
    /// There is nothing more.
    End,
    /// There is nothing more, for this reason.
    Failed(anyhow::Error),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Events { batch, .. } | Self::Notice(batch) => batch.size(),
            Self::End | Self::Failed(_) => 0,
        }
    }
}

/// The items that wait, in order.
#[derive(Debug)]
pub(crate) struct Queue {
    items: Mutex<Items>,
    filled: Notify,
    room: Condvar,
    closed: AtomicBool,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Items {
    waiting: VecDeque<Item>,
    size: usize,
}

impl Queue {
    /// A queue of up to `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            items: Mutex::default(),
            filled: Notify::new(),
            room: Condvar::new(),
            closed: AtomicBool::new(false),
            capacity,
        }
    }

    /// Moves items from `ready` to the end, as far as there is room. One that is larger than the queue may have it for
    /// itself, and one without bytes always finds room.
    pub(crate) fn fill(&self, ready: &mut VecDeque<Item>) {
        let mut items = self.items();
        while let Some(item) = ready.pop_front() {
            let size = item.size();
            if !items.waiting.is_empty() && size > 0 && items.size + size > self.capacity {
                ready.push_front(item);
                break;
            }
            items.size += size;
            items.waiting.push_back(item);
            self.filled.notify_one();
        }
    }

    /// Waits until something is taken out, or for this long.
    pub(crate) fn wait_for_room(&self, longest: Duration) {
        let items = self.items();
        if !items.waiting.is_empty() && !self.is_closed() {
            drop(self.room.wait_timeout(items, longest).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The next item.
    pub(crate) fn pop(&self) -> Option<Item> {
        let mut items = self.items();
        let item = items.waiting.pop_front()?;
        items.size -= item.size();
        drop(items);
        self.room.notify_one();
        Some(item)
    }

    /// Waits until there may be something to pop. Safe to cancel.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Nobody takes anything out any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.room.notify_one();
    }

    /// Whether nobody takes anything out any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use logd_sdk::{Block, Partition};

    use super::*;

    fn notices(bytes: &[usize]) -> VecDeque<Item> {
        let block = |bytes: &usize| Block::new(vec![b'x'; *bytes].into(), Partition::new("test/kafka", ""));
        bytes.iter().map(|bytes| Item::Notice(Batch::notice(block(bytes)))).collect()
    }

    /// How many of these do not fit.
    fn left(queue: &Queue, bytes: &[usize]) -> usize {
        let mut ready = notices(bytes);
        queue.fill(&mut ready);
        ready.len()
    }

    #[tokio::test]
    async fn is_bounded_in_bytes() {
        let queue = Queue::new(1000);
        assert_eq!(left(&queue, &[5000, 1]), 1, "the large one is alone");
        queue.filled().await;
        assert!(matches!(queue.pop(), Some(Item::Notice(_))));
        assert_eq!(left(&queue, &[600, 500]), 1);
        assert_eq!(left(&queue, &[400, 0]), 0);
        queue.fill(&mut VecDeque::from([Item::End]));
        let items = queue.items();
        assert_eq!((items.waiting.len(), items.size), (4, 1000));
    }

    #[test]
    fn who_waits_for_room_is_told() {
        let queue = Queue::new(10);
        assert_eq!(left(&queue, &[10]), 0);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut ready = notices(&[10]);
                while !ready.is_empty() {
                    queue.wait_for_room(Duration::from_secs(60));
                    queue.fill(&mut ready);
                }
            });
            queue.pop().expect("what was first");
            waiting.join().unwrap();
        });
        queue.close();
        queue.wait_for_room(Duration::from_secs(60));
        assert!(queue.is_closed());
    }
}
