//! Edges: the channels between components, bounded in bytes.
//!
//! A batch takes its size from the edge's budget when it is sent, and gives it back when its receiver has let it go,
//! not when it has been received: what is under way counts as in the channel. So a slow sink slows its sources, and
//! memory stays where it is.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use logd_sdk::Batch;
use logd_sdk::erased::AnyPart;
use logd_sdk::keyed::Split;
use tokio::sync::{Semaphore, mpsc};

use super::splitter::Splitter;
use crate::buffer::{BufferSettings, WhenFull};
use crate::checkpoint::Epoch;
use crate::telemetry::EdgeMeters;

/// What travels along an edge.
#[derive(Debug)]
pub(crate) enum Message {
    /// Events.
    Batch(Parcel),
    /// All that came before belongs to this epoch.
    Barrier(Epoch),
    /// The input has ended: what is open is to be closed and sent on.
    End,
    /// The daemon stops: nothing more comes now, and what is open stays in the snapshot.
    Close,
}

/// A batch on its way.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The events.
    pub(crate) batch: Arc<Batch>,
    /// The bytes of the events as they came in.
    pub(crate) event_bytes: u64,
    /// What the receiver's splitter has made of it, if it was asked.
    pub(crate) split: Option<Split<AnyPart>>,
    /// The room on the edge.
    pub(crate) room: Room,
}

/// Room that a batch takes on an edge, until this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: u32,
    budget: Arc<Budget>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.free.add_permits(self.bytes as usize);
        self.budget.tell();
    }
}

#[cfg(test)]
impl Room {
    /// Room on an edge that nobody uses.
    pub(crate) fn nowhere() -> Self {
        let (sender, _) = edge(&BufferSettings::default(), 0, EdgeMeters::default());
        Self { bytes: 0, budget: sender.budget }
    }
}

/// The bytes that an edge may hold.
#[derive(Debug)]
struct Budget {
    capacity: u32,
    free: Semaphore,
    meters: EdgeMeters,
}

impl Budget {
    /// Tells how many are taken.
    fn tell(&self) {
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        self.meters.used(self.capacity.saturating_sub(free));
    }
}

/// The sending end.
#[derive(Debug)]
pub(crate) struct Sender {
    queue: mpsc::UnboundedSender<Message>,
    budget: Arc<Budget>,
    splitter: Arc<OnceLock<Splitter>>,
    /// Whether events for which there is no room are dropped.
    drops: bool,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Receiver {
    queue: mpsc::UnboundedReceiver<Message>,
    budget: Arc<Budget>,
    splitter: Arc<OnceLock<Splitter>>,
}

/// The other end of the edge is gone: its component has failed.
#[derive(Debug, thiserror::Error)]
#[error("the component downstream is gone")]
pub(crate) struct Closed;

/// An edge that holds up to `capacity` bytes, if the settings of what stands behind it do not say otherwise.
pub(crate) fn edge(buffer: &BufferSettings, capacity: u32, meters: EdgeMeters) -> (Sender, Receiver) {
    let capacity = buffer.in_memory(capacity);
    // The budget bounds the queue: what has no size costs at least `SMALLEST`.
    let (sender, receiver) = mpsc::unbounded_channel();
    meters.capacity(capacity);
    let budget = Arc::new(Budget { capacity, free: Semaphore::new(capacity as usize), meters });
    let drops = buffer.when_full == WhenFull::DropNewest && buffer.on_disk().is_none();
    let splitter = Arc::<OnceLock<Splitter>>::default();
    let receiver = Receiver { queue: receiver, budget: Arc::clone(&budget), splitter: Arc::clone(&splitter) };
    (Sender { queue: sender, budget, splitter, drops }, receiver)
}

/// What even an empty batch takes.
const SMALLEST: u32 = 256;

impl Sender {
    /// Waits until there is room, unless events are to be dropped then, and sends. A batch larger than the edge waits until
    /// it has the edge for itself.
    pub(crate) async fn send(
        &self,
        batch: Arc<Batch>,
        event_bytes: u64,
        split: Option<Split<AnyPart>>,
    ) -> Result<(), Closed> {
        let budget = &self.budget;
        let size = u32::try_from(batch.size()).unwrap_or(u32::MAX).max(SMALLEST).min(budget.capacity);
        let events = batch.len() as u64;
        match budget.free.try_acquire_many(size) {
            Ok(permit) => permit.forget(),
            Err(_) if self.drops && !batch.is_empty() => {
                budget.meters.dropped(events);
                return Ok(());
            }
            Err(_) => budget.free.acquire_many(size).await.map_err(|_| Closed)?.forget(),
        }
        let room = Room { bytes: size, budget: Arc::clone(budget) };
        self.queue.send(Message::Batch(Parcel { batch, event_bytes, split, room })).map_err(|_| Closed)?;
        budget.meters.sent(events);
        budget.tell();
        Ok(())
    }

    /// Does what the receiver would do first with a batch, if it has offered that.
    pub(crate) fn split(&self, batch: &Batch) -> Option<Split<AnyPart>> {
        self.splitter.get()?.split(batch)
    }

    /// Sends what takes no room.
    pub(crate) fn signal(&self, message: Message) -> Result<(), Closed> {
        self.queue.send(message).map_err(|_| Closed)
    }
}

impl Receiver {
    /// Offers the sender to split what it sends.
    pub(crate) fn offer(&self, splitter: &Splitter) {
        // An edge has one receiver, which offers once.
        let _ = self.splitter.set(splitter.clone());
    }

    /// The next message; `None` when the sender is gone without a word, which means that it has failed.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = self.queue.poll_recv(context);
        if let Poll::Ready(Some(Message::Batch(parcel))) = &message {
            self.budget.meters.received(parcel.batch.len() as u64);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row, Time};

    fn batch(bytes: usize) -> Arc<Batch> {
        let block = Block::new(Bytes::from(vec![b'x'; bytes]), Partition::new("test/source", ""));
        Arc::new(Batch::new(block, vec![Row::line(0, 1, 0, Time::EPOCH)]))
    }

    #[tokio::test]
    async fn a_batch_holds_its_bytes_until_it_is_let_go() {
        let (sender, mut receiver) = edge(&BufferSettings::default(), 10_000, EdgeMeters::default());
        sender.send(batch(6000), 1, None).await.expect("room");
        let second = tokio_test_pending(sender.send(batch(6000), 1, None)).await;
        assert!(second, "the edge is full");
        let parcel = std::future::poll_fn(|context| receiver.poll(context)).await;
        assert!(tokio_test_pending(sender.send(batch(6000), 1, None)).await, "received, but not let go");
        drop(parcel);
        sender.send(batch(6000), 1, None).await.expect("room again");
    }

    #[tokio::test]
    async fn a_batch_larger_than_the_edge_goes_alone() {
        let (sender, mut receiver) = edge(&BufferSettings::default(), 1000, EdgeMeters::default());
        sender.send(batch(100_000), 1, None).await.expect("alone");
        assert!(tokio_test_pending(sender.send(batch(1), 1, None)).await);
        drop(std::future::poll_fn(|context| receiver.poll(context)).await);
        sender.send(batch(1), 1, None).await.expect("room again");
    }

    /// Whether the future is still waiting after it was polled once.
    async fn tokio_test_pending<F: Future>(future: F) -> bool {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }
}
