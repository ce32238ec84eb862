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

use super::congestion::Congestion;
use super::pause::Pause;
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
    /// By which of the receiver's inputs it comes.
    pub(crate) input: u8,
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
    /// What a batch takes: more than all there is would never be free.
    fn size(&self, batch: &Batch) -> u32 {
        u32::try_from(batch.size()).unwrap_or(u32::MAX).max(SMALLEST).min(self.capacity)
    }

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
    /// By which of the receiver's inputs they come.
    pub(crate) input: u8,
    /// Of the component that sends.
    pub(crate) congestion: Arc<Congestion>,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Receiver {
    queue: mpsc::UnboundedReceiver<Message>,
    budget: Arc<Budget>,
    splitter: Arc<OnceLock<Splitter>>,
    /// Whether it comes from a component that is retired, whose end says nothing of the others.
    pub(crate) from_retired: bool,
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
    let (own, offered) = (Arc::clone(&budget), Arc::clone(&splitter));
    let receiver = Receiver { queue: receiver, budget: own, splitter: offered, from_retired: false };
    (Sender { queue: sender, budget, splitter, drops, input: 0, congestion: Arc::default() }, receiver)
}

/// What even an empty batch takes.
const SMALLEST: u32 = 256;

impl Sender {
    /// Waits until there is room, unless events are to be dropped then or the part pauses, and sends. A batch larger than
    /// the edge waits until it has the edge for itself.
    pub(crate) async fn send(
        &self,
        batch: Arc<Batch>,
        event_bytes: u64,
        split: Option<Split<AnyPart>>,
        pause: &Pause,
    ) -> Result<(), Closed> {
        let budget = &self.budget;
        let size = budget.size(&batch);
        let events = batch.len() as u64;
        let bytes = match budget.free.try_acquire_many(size) {
            Ok(permit) => {
                permit.forget();
                size
            }
            Err(_) if self.drops && !batch.is_empty() => {
                budget.meters.dropped(events);
                return Ok(());
            }
            Err(_) => {
                let _waiting = self.congestion.waiting();
                tokio::select! {
                    biased;
                    permit = budget.free.acquire_many(size) => {
                        permit.map_err(|_| Closed)?.forget();
                        size
                    }
                    () = pause.asked() => 0,
                }
            }
        };
        let room = Room { bytes, budget: Arc::clone(budget) };
        let parcel = Parcel { batch, event_bytes, split, input: self.input, room };
        self.queue.send(Message::Batch(parcel)).map_err(|_| Closed)?;
        budget.meters.sent(events);
        budget.tell();
        Ok(())
    }

    /// Sends what waits already, on an edge that is no more: it takes what room there is here instead, or a queue that
    /// does not move would grow with every edge. What was split of it was split for a receiver that may be another now.
    pub(crate) fn pass_on(&self, parcel: Parcel) {
        let budget = &self.budget;
        let size = budget.size(&parcel.batch);
        // No more than was asked for.
        let bytes = budget.free.forget_permits(size as usize) as u32;
        let room = Room { bytes, budget: Arc::clone(budget) };
        // The edge is new, and its other end at hand.
        let _ = self.queue.send(Message::Batch(Parcel { split: None, room, ..parcel }));
        budget.tell();
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
    /// The batches that wait.
    pub(crate) fn drain(mut self) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        while let Ok(message) = self.queue.try_recv() {
            if let Message::Batch(parcel) = message {
                parcels.push(parcel);
            }
        }
        parcels
    }

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
        let (_ask, pause) = Pause::new();
        sender.send(batch(6000), 1, None, &pause).await.expect("room");
        let second = tokio_test_pending(sender.send(batch(6000), 1, None, &pause)).await;
        assert!(second, "the edge is full");
        let parcel = std::future::poll_fn(|context| receiver.poll(context)).await;
        assert!(tokio_test_pending(sender.send(batch(6000), 1, None, &pause)).await, "received, but not let go");
        drop(parcel);
        sender.send(batch(6000), 1, None, &pause).await.expect("room again");
    }

    #[tokio::test]
    async fn a_batch_larger_than_the_edge_goes_alone() {
        let (sender, mut receiver) = edge(&BufferSettings::default(), 1000, EdgeMeters::default());
        let (_ask, pause) = Pause::new();
        sender.send(batch(100_000), 1, None, &pause).await.expect("alone");
        assert!(tokio_test_pending(sender.send(batch(1), 1, None, &pause)).await);
        drop(std::future::poll_fn(|context| receiver.poll(context)).await);
        sender.send(batch(1), 1, None, &pause).await.expect("room again");
    }

    #[tokio::test]
    async fn nobody_waits_for_room_while_the_part_pauses() {
        let (sender, mut receiver) = edge(&BufferSettings::default(), 1000, EdgeMeters::default());
        let (ask, pause) = Pause::new();
        sender.send(batch(1000), 1, None, &pause).await.expect("room");
        let mut second = std::pin::pin!(sender.send(batch(1000), 1, None, &pause));
        assert!(tokio_test_pending(&mut second).await, "the edge is full");
        ask.send(true).expect("told");
        second.await.expect("no room is asked for");
        let first = std::future::poll_fn(|context| receiver.poll(context)).await;
        let second = std::future::poll_fn(|context| receiver.poll(context)).await;
        assert_eq!(sender.budget.free.available_permits(), 0, "{first:?}");
        drop(second);
        assert_eq!(sender.budget.free.available_permits(), 0, "what took no room gives none back");
        drop(first);
        assert_eq!(sender.budget.free.available_permits(), 1000);
    }

    #[tokio::test]
    async fn what_waited_on_another_edge_takes_its_room_here() {
        let new = || edge(&BufferSettings::default(), 10_000, EdgeMeters::default());
        let ((before, mut old), (sender, mut receiver)) = (new(), new());
        let (_ask, pause) = Pause::new();
        let mut waiting = Vec::new();
        for _ in 0..2 {
            before.send(batch(4000), 1, None, &pause).await.expect("room");
            let Some(Message::Batch(parcel)) = std::future::poll_fn(|context| old.poll(context)).await else {
                panic!()
            };
            waiting.push(parcel);
        }
        waiting.into_iter().for_each(|parcel| sender.pass_on(parcel));
        assert_eq!(before.budget.free.available_permits(), 10_000);
        assert!(tokio_test_pending(sender.send(batch(4000), 1, None, &pause)).await, "the edge is full");
        drop(std::future::poll_fn(|context| receiver.poll(context)).await);
        sender.send(batch(4000), 1, None, &pause).await.expect("room again");
    }

    /// Whether the future is still waiting after it was polled once.
    async fn tokio_test_pending<F: Future>(future: F) -> bool {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }
}
