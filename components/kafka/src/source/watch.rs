//! What is looked at once a second, by librdkafka's statistics: health, lag, stalled partitions, and the end of a run that
//! has one.

use std::time::Duration;

use anyhow::{anyhow, bail};
use logd_sdk::Time;
use rdkafka::consumer::Consumer as _;
use rdkafka::{Statistics, TopicPartitionList};
use tokio::time::Instant;

use super::gather::notice;
use super::queue::Item;
use super::reader::{Reader, Reading};

/// A partition that holds messages, of which none has come for this long, is stalled.
const STALLED: Duration = Duration::from_secs(30);
/// How often it is asked for a topic that was not there.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long that may take.
const LOOK: Duration = Duration::from_secs(2);

impl Reader<'_> {
    /// Looks after everything, if it is time.
    ///
    /// # Errors
    /// The client can't go on.
    pub(super) fn watch(&mut self) -> anyhow::Result<()> {
        if let Some(statistics) = self.consumer.context().statistics() {
            if let Some((code, reason)) = self.consumer.client().fatal_error() {
                bail!("{code}: {reason}");
            }
            self.note_lag(&statistics);
            if statistics.brokers.values().any(|broker| broker.state == "UP") {
                self.consumer.context().connected();
                self.look_for_topics();
            }
            self.consumer.context().show_health();
            self.plan.stalled.set(self.stalled());
        }
        if self.plan.context.once && !self.ended {
            self.end_when_done();
        }
        Ok(())
    }

    /// Takes note of how far each partition reaches.
    fn note_lag(&mut self, statistics: &Statistics) {
        let now = Instant::now();
        for reading in &mut self.readings {
            let topic = statistics.topics.get(&*reading.lease.place.topic);
            let Some(partition) = topic.and_then(|topic| topic.partitions.get(&reading.lease.place.number)) else {
                continue;
            };
            // Transactions end with marks that are no messages: how far the client has handed them out, it alone knows.
            // (How far it has fetched says nothing: what it has fetched ahead is still to come.)
            let next = reading.next.max(partition.app_offset);
            if reading.end.is_some_and(|end| next >= end) {
                reading.end = Some(reading.next);
            }
            let lag = (partition.hi_offset - next).max(0);
            #[allow(clippy::cast_precision_loss)]
            reading.lag.set(lag as f64);
            if lag == 0 || reading.seen.0 != reading.next {
                reading.seen = (reading.next, now);
            }
        }
    }

    /// How many partitions have stalled.
    fn stalled(&self) -> f64 {
        let stalled = |reading: &&Reading| reading.seen.1.elapsed() >= STALLED;
        f64::from(u32::try_from(self.readings.iter().filter(stalled).count()).unwrap_or(u32::MAX))
    }

    /// Asks again for topics that were not there, or could not be read.
    fn look_for_topics(&mut self) {
        if !self.consumer.context().is_refused() || Instant::now() < self.look_again {
            return;
        }
        self.look_again = Instant::now() + LOOK_AGAIN;
        let named = || self.plan.topics.iter().filter(|topic| !topic.starts_with('^'));
        let missing = named().find(|topic| match self.consumer.fetch_metadata(Some(topic), LOOK) {
            Ok(metadata) => metadata.topics().iter().any(|topic| topic.error().is_some()),
            Err(_) => true,
        });
        match missing {
            // Who may not join the group is admitted when the group has said what is whose.
            None if self.assigned => self.consumer.context().admitted(),
            None => {}
            Some(topic) if self.plan.context.once => {
                self.ended = true;
                self.ready.push_back(Item::Failed(anyhow!("the topic `{topic}` is not there, or may not be read")));
            }
            Some(_) => {}
        }
    }

    /// In a run that ends: whether each partition is where it was to be read to.
    fn end_when_done(&mut self) {
        let mut list = TopicPartitionList::new();
        for place in 0..self.readings.len() {
            let reading = &mut self.readings[place];
            if !reading.done && reading.end.is_some_and(|end| reading.next >= end) {
                reading.done = true;
                list.add_partition(&reading.lease.place.topic, reading.lease.place.number);
                self.flush(place);
                self.ready.push_back(Item::Notice(notice([&self.readings[place].partition], Time::MAX)));
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.pause(&list)
        {
            tracing::warn!(component = %self.plan.context.id, %error, "Partitions could not be paused.");
        }
        let open = self.unmade.is_some() || self.handover.is_some() || self.consumer.context().is_refused();
        if self.assigned && !open && self.readings.iter().all(|reading| reading.done) {
            self.ended = true;
            self.ready.push_back(Item::End);
        }
    }
}
