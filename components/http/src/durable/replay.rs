//! The side of the graph: reads requests from the log, and goes back to where a checkpoint was.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use logd_disklog::{Follow, Follower, Log, Writer};
use logd_sdk::http::Listeners;
use logd_sdk::{Batch, Columns, ComponentId, Context, Epochs, Partition, snapshot};
use metrics::Counter;
use serde::{Deserialize, Serialize};

use super::intake::{Bounds, Intake};
use super::keys::Keys;
use super::open::KeyFinder;
use super::record;
use crate::decode::Piece;
use crate::gather::Gathered;

/// The version of the position.
const VERSION: u8 = 1;

/// What is read at once, in bytes.
const CHUNK: usize = 1 << 20;

/// Where the source stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The record of which not all events were handed on. Of those before it, they were.
    next: u64,
    /// So many events of it were handed on.
    events: u32,
}

/// A place in a log, and in which.
#[derive(Serialize, Deserialize)]
struct Position {
    log: u64,
    place: Place,
}

/// Up to which record of this log all was delivered at a position, if that is one of it.
pub(super) fn delivered(position: &[u8], log: u64) -> Option<u64> {
    let position: Position = snapshot::decode(VERSION, position).ok()?;
    (position.log == log).then(|| position.place.next.saturating_sub(1))
}

/// Reads the log that an [`Intake`] writes.
#[derive(Debug)]
pub(crate) struct Replay {
    intake: Arc<Intake>,
    max_size: u64,
    follower: Follower,
    partition: Arc<Partition>,
    columns: Arc<Columns>,
    /// Records that were read and not taken apart yet.
    read: VecDeque<(u64, Bytes)>,
    /// Pieces of the record before those, each with the place behind it.
    pieces: VecDeque<(Place, Piece)>,
    place: Place,
    epochs: Epochs,
    /// Up to where an epoch was asked for.
    asked: u64,
    /// Requests that are broken.
    lost: Counter,
    finder: Option<KeyFinder>,
    component: ComponentId,
    listeners: Listeners,
}

impl Drop for Replay {
    /// The log stays open until a reload is over: to close and open it again takes the longer the more is in it.
    fn drop(&mut self) {
        self.listeners.keep(&self.component, self.intake.clone());
    }
}

impl Replay {
    /// For a log that was opened, and takes `max_size` bytes.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(crate) fn new(log: Log, max_size: u64, bounds: Bounds, context: &Context) -> anyhow::Result<Self> {
        let (id, finder) = (log.id(), KeyFinder::new(&log));
        let writer = Writer::start(log).context("the disk log has no thread")?;
        let intake = Intake::new(id, writer, Arc::new(Keys::new()), bounds, context);
        Ok(Self::of(intake, Some(finder), max_size, context))
    }

    /// For the log that a source before has left open, which takes `max_size` bytes from now on.
    ///
    /// # Errors
    /// The log is closed.
    pub(crate) async fn after(old: &Intake, max_size: u64, bounds: Bounds, context: &Context) -> anyhow::Result<Self> {
        old.writer.resize(max_size).await?;
        let intake = Intake::new(old.log, old.writer.clone(), Arc::clone(&old.keys), bounds, context);
        Ok(Self::of(intake, None, max_size, context))
    }

    fn of(intake: Intake, finder: Option<KeyFinder>, max_size: u64, context: &Context) -> Self {
        let follower = intake.writer.follow(Follow::Durable);
        let place = Place { next: follower.position(), events: 0 };
        Self {
            // Numbers begin anew in another log.
            partition: context.partition(&format!("{:016x}", intake.log)),
            intake: Arc::new(intake),
            max_size,
            follower,
            columns: Arc::clone(&context.columns),
            read: VecDeque::new(),
            pieces: VecDeque::new(),
            place,
            epochs: context.epochs.clone(),
            asked: place.next,
            lost: context.meters.counter("logd_source_log_lost_records_total", &[]),
            finder,
            component: context.id.clone(),
            listeners: context.listeners.clone(),
        }
    }

    /// What the connections append to.
    pub(crate) fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// The partition that its events are of.
    pub(crate) fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// Begins to look for the keys that are in the log.
    pub(crate) fn start(&mut self) {
        if let Some(finder) = self.finder.take() {
            let keys = Arc::downgrade(&self.intake.keys);
            tokio::task::spawn_blocking(move || finder.run(&keys));
        }
    }

    /// What was handed on is in the graph: asks for an epoch, if somebody waits for its end.
    pub(crate) fn settle(&mut self) {
        if self.intake.bounds.until_delivered && self.place.next > self.asked {
            self.asked = self.place.next;
            self.epochs.ask();
        }
    }

    /// The next batch. Safe to cancel: what was read stays.
    ///
    /// # Errors
    /// The disk can't be read.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Batch> {
        loop {
            if let Some(batch) = self.gather() {
                return Ok(batch);
            }
            let chunk = self.follower.next(CHUNK).await.context("the disk log can't be read")?;
            if chunk.lost > 0 {
                self.lost.increment(chunk.lost);
                tracing::error!(requests = chunk.lost, "A disk log is damaged: requests in it are lost.");
            }
            self.read.extend(chunk.records);
        }
    }

    /// A batch of what was read: of all requests together, as far as there is room in it.
    fn gather(&mut self) -> Option<Batch> {
        let mut gathered = Gathered::default();
        while let Some((behind, piece)) = self.piece() {
            if let Err(piece) = gathered.add(piece) {
                self.pieces.push_front((behind, piece));
                break;
            }
            self.place = behind;
        }
        let mut batch = gathered.into_batch(&self.partition, &Arc::default())?;
        batch.require(&self.columns);
        Some(batch)
    }

    /// The next piece, with the place behind it.
    fn piece(&mut self) -> Option<(Place, Piece)> {
        while self.pieces.is_empty() {
            let (number, record) = self.read.pop_front()?;
            let mut place = Place { next: number, events: 0 };
            if number == self.place.next {
                place.events = self.place.events;
            }
            let mut pieces = match record::decode(number, &record, place.events) {
                Ok(pieces) => pieces,
                Err(error) => {
                    self.lost.increment(1);
                    let error = format!("{error:#}");
                    tracing::error!(number, error, "A request in a disk log can't be read, and is lost.");
                    continue;
                }
            };
            while let Some(piece) = pieces.pop_front() {
                // A request has far less than 2³² events.
                place.events += piece.rows.len() as u32;
                let behind = if pieces.is_empty() { Place { next: number + 1, events: 0 } } else { place };
                self.pieces.push_back((behind, piece));
            }
        }
        self.pieces.pop_front()
    }

    /// Where it stands.
    pub(crate) fn position(&self) -> Option<Vec<u8>> {
        snapshot::encode(VERSION, &Position { log: self.intake.log, place: self.place }).ok()
    }

    /// Goes to a position. One of another log says nothing of this one, which is then read from its beginning.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        let Position { log, place } = snapshot::decode(VERSION, position)?;
        if log != self.intake.log {
            tracing::warn!("The disk log is not the one of the last run; what is in it is read from its beginning.");
            return Ok(());
        }
        // It may be further than what is delivered: of that, the next epoch tells.
        self.place = place;
        self.follower.seek(place.next);
        Ok(())
    }

    /// All before this position is delivered: answers who waits for it, and lets the log go.
    ///
    /// # Errors
    /// The log can't take note of it.
    pub(crate) async fn commit(&mut self, position: &[u8]) -> anyhow::Result<()> {
        let Position { place, .. } = snapshot::decode(VERSION, position)?;
        let Intake { writer, keys, health, clock, delivered, .. } = &*self.intake;
        let up_to = place.next - 1;
        delivered.send_replace(up_to);
        let (released, bytes) = {
            let view = writer.view();
            let view = view.borrow();
            (view.released(), view.bytes())
        };
        let needless = match keys.oldest(clock.now()) {
            None => up_to,
            // Room is first of all for what is not delivered: of what is kept for its keys, the older half goes.
            Some(_) if bytes > self.max_size / 2 => released.midpoint(up_to).max(released + 1),
            Some(oldest) => oldest - 1,
        };
        let result = writer.release(needless.min(up_to)).await;
        // There may be room again. If not, the next request says so again.
        health.well();
        self.intake.show();
        Ok(result?)
    }
}
