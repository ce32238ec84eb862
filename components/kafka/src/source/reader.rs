//! The thread that reads from Kafka: polls, gathers messages of each partition, and waits where nobody takes them.
//!
//! A thread of its own, since librdkafka's polling blocks, and since one call for each message is cheap only without a
//! task switch in between. What was fetched ahead lies in librdkafka's queue, bounded in bytes, and a little of it here.
//!
//! **Back-pressure.** While the queue to the source is full nothing is polled, so that librdkafka stops to fetch. But who
//! does not poll is soon thrown out of the group: after a second all partitions are paused instead, which costs what was
//! fetched ahead, and polling goes on for the sake of what else is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use logd_sdk::Partition;
use metrics::Gauge;
use rdkafka::Message as _;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use tokio::time::Instant;

use super::assignment::Handover;
use super::commits::Consumer;
use super::events::{Change, Events};
use super::gather::Gather;
use super::ledger::Lease;
use super::queue::Item;
use super::{Plan, Shared};
use crate::connection;

/// Messages wait at most this long for others to come with them.
const LINGER: Duration = Duration::from_millis(20);
/// The longest poll: how late it is seen that the source is gone.
const POLL: Duration = Duration::from_millis(100);
/// While others wait for a partition, it is looked this often whether it can be let go.
const HANDOVER_POLL: Duration = Duration::from_millis(10);
/// So many messages are polled between two looks at everything else.
const BURST: usize = 1024;
/// How long a full queue is waited for before all partitions are paused.
const PATIENCE: Duration = Duration::from_secs(1);
/// After a failure the client is made anew after this long, then after twice as long, …
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// … up to this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the last commit is waited for in the end.
const LAST_COMMIT: Duration = Duration::from_secs(2);

/// Reads until the source is gone, however often the client fails.
pub(super) fn run(plan: &Plan, shared: &Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    while !shared.queue.is_closed() {
        let begun = Instant::now();
        let Err(error) = Reader::new(plan, shared).and_then(Reader::run) else { return };
        let error = format!("{error:#}");
        if begun.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tracing::warn!(component = %plan.context.id, error, retry_in = ?pause, "The Kafka client has failed, and is made anew.");
        plan.context.health.ill(error);
        let until = Instant::now() + pause;
        while Instant::now() < until && !shared.queue.is_closed() {
            std::thread::sleep(POLL.min(pause));
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A partition that is read.
pub(super) struct Reading {
    /// The right to.
    pub(super) lease: Lease,
    /// The stream that its events are.
    pub(super) partition: Arc<Partition>,
    /// What was read and not handed on.
    pub(super) gather: Gather,
    /// The offset that is read next.
    pub(super) next: i64,
    /// The offset at which it ends, in a run that does.
    pub(super) end: Option<i64>,
    /// Whether that has been reached.
    pub(super) done: bool,
    /// How far it is behind.
    pub(super) lag: Gauge,
    /// How far it was at the last look, and since when.
    pub(super) seen: (i64, Instant),
}

/// What the thread has in hand.
pub(super) struct Reader<'r> {
    pub(super) plan: &'r Plan,
    pub(super) shared: &'r Arc<Shared>,
    pub(super) consumer: Arc<Consumer>,
    /// The partitions that are read.
    pub(super) readings: Vec<Reading>,
    /// Where in `readings` the last message's partition is.
    last: usize,
    /// What can be handed on as soon as there is room.
    pub(super) ready: VecDeque<Item>,
    /// Since when there is none.
    blocked: Option<Instant>,
    /// Whether all partitions are paused.
    pub(super) paused: bool,
    /// Since when messages are gathered.
    gathering: Option<Instant>,
    /// A change that could not be made yet, and when to try again.
    pub(super) unmade: Option<(Change, Instant)>,
    /// Partitions that are to be let go.
    pub(super) handover: Option<Handover>,
    /// Whether the group has said which partitions there are.
    pub(super) assigned: bool,
    /// Whether the end has been told.
    pub(super) ended: bool,
    /// When to look again at topics that were refused.
    pub(super) look_again: Instant,
}

impl<'r> Reader<'r> {
    /// Makes the client, and joins the group.
    fn new(plan: &'r Plan, shared: &'r Arc<Shared>) -> anyhow::Result<Self> {
        let context = &plan.context;
        let resets = context.meters.counter("logd_kafka_offset_resets_total", &[]);
        let events = Events::new(context.id.to_string(), context.health.clone(), resets);
        let consumer: Consumer =
            plan.config.create_with_context(events).map_err(|error| connection::failure(&error))?;
        let consumer = Arc::new(consumer);
        shared.commits.go_by(Arc::downgrade(&consumer));
        let topics: Vec<&str> = plan.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(|error| connection::failure(&error))?;
        let now = Instant::now();
        Ok(Self {
            plan,
            shared,
            consumer,
            readings: Vec::new(),
            last: 0,
            ready: VecDeque::new(),
            blocked: None,
            paused: false,
            gathering: None,
            unmade: None,
            handover: None,
            assigned: false,
            ended: false,
            look_again: now,
        })
    }

    /// Reads until the source is gone.
    ///
    /// # Errors
    /// The client can't go on, and must be made anew.
    fn run(mut self) -> anyhow::Result<()> {
        let ended = self.read();
        self.close();
        ended
    }

    fn read(&mut self) -> anyhow::Result<()> {
        while !self.shared.queue.is_closed() {
            self.follow_changes();
            self.flush_when_due();
            self.send();
            if self.may_poll() {
                self.poll()?;
            }
            self.watch()?;
        }
        Ok(())
    }

    /// Takes what there is, up to a burst.
    fn poll(&mut self) -> anyhow::Result<()> {
        let consumer = Arc::clone(&self.consumer);
        let mut wait = match (self.gathering, &self.handover) {
            (Some(since), _) => LINGER.saturating_sub(since.elapsed()),
            (None, Some(_)) => HANDOVER_POLL,
            (None, None) => POLL,
        };
        for _ in 0..BURST {
            match consumer.poll(wait) {
                Some(Ok(message)) => self.take(&message),
                // Others are told to `Events` too, with more words.
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => bail!("{code}"),
                Some(Err(_)) | None => break,
            }
            if !self.ready.is_empty() {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Takes a message.
    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let Some(place) = self.find(message.topic(), message.partition()) else { return };
        let reading = &mut self.readings[place];
        let offset = message.offset();
        // What was fetched before a pause may come again behind it.
        let repeated = offset < reading.next && !self.consumer.context().was_reset();
        if repeated || reading.end.is_some_and(|end| offset >= end) {
            return;
        }
        reading.next = offset + 1;
        reading.gather.add(message, self.plan.fields.as_ref(), &self.plan.context.clock);
        if reading.gather.is_full() {
            self.flush(place);
        } else if self.gathering.is_none() {
            self.gathering = Some(Instant::now());
        }
    }

    /// Where the partition is among those that are read; most often it is the last message's.
    fn find(&mut self, topic: &str, number: i32) -> Option<usize> {
        let is = |reading: &Reading| reading.lease.place.number == number && *reading.lease.place.topic == *topic;
        if !self.readings.get(self.last).is_some_and(is) {
            self.last = self.readings.iter().position(is)?;
        }
        Some(self.last)
    }

    /// Makes a batch of what was gathered of a partition.
    pub(super) fn flush(&mut self, place: usize) {
        let reading = &mut self.readings[place];
        if let Some(batch) = reading.gather.take(self.plan.fields.as_ref()) {
            self.ready.push_back(Item::Events { lease: reading.lease.clone(), next: reading.next, batch });
        }
    }

    /// Makes batches of what was gathered long enough.
    fn flush_when_due(&mut self) {
        if self.gathering.is_some_and(|since| since.elapsed() >= LINGER) {
            self.gathering = None;
            (0..self.readings.len()).for_each(|place| self.flush(place));
        }
    }

    /// Hands on what can be, as far as there is room.
    fn send(&mut self) {
        self.shared.queue.fill(&mut self.ready);
        if !self.ready.is_empty() {
            self.blocked.get_or_insert_with(Instant::now);
            return;
        }
        self.blocked = None;
        if self.paused {
            self.paused = false;
            self.all(BaseConsumer::resume);
        }
    }

    /// Whether it is time to poll: there is room for what comes, or nothing but events can come. Waits for room otherwise.
    fn may_poll(&mut self) -> bool {
        let Some(since) = self.blocked else { return true };
        if self.paused {
            return true;
        }
        if since.elapsed() < PATIENCE {
            self.shared.queue.wait_for_room(POLL);
            return false;
        }
        self.paused = true;
        self.all(BaseConsumer::pause);
        true
    }

    /// Does something to all partitions that are read and not done with.
    fn all(&self, what: impl Fn(&Consumer, &TopicPartitionList) -> rdkafka::error::KafkaResult<()>) {
        let mut list = TopicPartitionList::new();
        for reading in self.readings.iter().filter(|reading| !reading.done) {
            list.add_partition(&reading.lease.place.topic, reading.lease.place.number);
        }
        if let Err(error) = what(&self.consumer, &list) {
            tracing::warn!(component = %self.plan.context.id, %error, "Partitions could not be paused or resumed.");
        }
    }

    /// Waits for the answer to the last commit, and leaves: the client is closed here, on the thread that may block.
    fn close(mut self) {
        let until = Instant::now() + LAST_COMMIT;
        while !self.shared.commits.is_idle() && Instant::now() < until {
            // Nobody would take the messages any more.
            drop(self.consumer.poll(HANDOVER_POLL));
        }
        self.consumer.context().close();
        self.agree_to_changes();
        // If another client follows, it is the group's to say what that one has.
        let places: Vec<_> = self.readings.iter().map(|reading| reading.lease.place.clone()).collect();
        self.shared.ledger.revoke(&places);
        self.shared.ledger.release(&places);
        let mut consumer = self.consumer;
        // A commit may still wait for its answer; with it, it would be the one to close the client.
        while let Err(shared) = Arc::try_unwrap(consumer) {
            consumer = shared;
            std::thread::sleep(HANDOVER_POLL);
        }
    }
}
