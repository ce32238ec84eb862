//! Which partitions this member has: where they are begun, and how they are handed over.
//!
//! When partitions are revoked, the group waits until they are let go. Until then what was handed on of them becomes
//! durable and is committed, so that whoever takes them over begins exactly behind it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use logd_sdk::Time;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::begin::{Begin, begin};
use super::events::Change;
use super::gather::{Gather, notice};
use super::ledger::Place;
use super::queue::Item;
use super::reader::{Reader, Reading};
use super::settings::AutoOffsetReset;
use crate::connection;

/// How long the group is asked for what is committed.
const COMMITTED: Duration = Duration::from_secs(5);
/// How long the brokers are asked how far all new partitions reach.
const WATERMARKS: Duration = Duration::from_secs(10);
/// What could not be answered is asked again after this long.
const RETRY: Duration = Duration::from_secs(1);
/// How long the others are kept waiting for partitions whose events are not durable yet.
const HANDOVER: Duration = Duration::from_secs(10);

/// Partitions that are to be let go.
pub(super) struct Handover {
    list: TopicPartitionList,
    places: Vec<Place>,
    until: Instant,
}

/// A partition's beginning.
struct Start {
    place: Place,
    next: i64,
    committed: Option<i64>,
    /// The offset behind its last message now, if that is known.
    high: Option<i64>,
}

impl Reader<'_> {
    /// Goes along with the group, as far as it is possible now.
    pub(super) fn follow_changes(&mut self) {
        if let Some(Handover { places, until, .. }) = &self.handover {
            let settled = self.shared.ledger.is_settled(places);
            if !settled && Instant::now() < *until {
                return;
            }
            if !settled {
                tracing::warn!(component = %self.plan.context.id, partitions = ?shown(places), waited = ?HANDOVER,
                    "Partitions are handed over before all of their events are durable: these will be read again.");
            }
            self.agree_to_handover();
        }
        if self.unmade.as_ref().is_some_and(|(_, when)| Instant::now() < *when) {
            return;
        }
        let unmade = self.unmade.take().map(|(change, _)| change);
        match unmade.or_else(|| self.consumer.context().change()) {
            Some(Change::Assigned(list)) => {
                if let Err(error) = self.assign(&list) {
                    let error = format!("{error:#}");
                    tracing::warn!(component = %self.plan.context.id, error, "New partitions can't be begun; trying again.");
                    self.unmade = Some((Change::Assigned(list), Instant::now() + RETRY));
                }
            }
            Some(Change::Revoked(list)) => self.revoke(list),
            None => {}
        }
    }

    /// Begins new partitions.
    fn assign(&mut self, list: &TopicPartitionList) -> anyhow::Result<()> {
        let mut starts = Vec::new();
        if list.count() > 0 {
            let committed = self.consumer.committed_offsets(list.clone(), COMMITTED);
            let committed = committed.map_err(|error| connection::failure(&error)).context("what is committed")?;
            let until = Instant::now() + WATERMARKS;
            for element in committed.elements() {
                starts.push(self.start(&element, until)?);
            }
        }
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for Start { place, next, .. } in &starts {
            let added = list.add_partition_offset(&place.topic, place.number, Offset::Offset(*next));
            added.map_err(|error| connection::failure(&error))?;
        }
        // The announcements come before the first events.
        let new: Vec<Reading> = starts.into_iter().map(|start| self.reading(start)).collect();
        if !new.is_empty() {
            self.ready.push_back(Item::Notice(notice(new.iter().map(|reading| &reading.partition), Time::MIN)));
        }
        self.consumer.incremental_assign(&list).map_err(|error| connection::failure(&error))?;
        if self.paused {
            self.consumer.pause(&list).map_err(|error| connection::failure(&error))?;
        }
        self.readings.extend(new);
        self.assigned = true;
        self.plan.rebalances.increment(1);
        self.look_again = Instant::now();
        if list.count() > 0 {
            tracing::info!(component = %self.plan.context.id, partitions = ?self.shown(), "Partitions are being read.");
        }
        Ok(())
    }

    /// Where a partition is begun.
    fn start(&self, element: &TopicPartitionListElem<'_>, until: Instant) -> anyhow::Result<Start> {
        let place = Place::new(element.topic(), element.partition());
        element.error().map_err(|error| connection::failure(&error)).with_context(|| place.to_string())?;
        let committed = match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        let word = committed.map(|offset| (offset, element.metadata()));
        let component = &self.plan.context.id;
        let known = match begin(&self.plan.owner, word, self.shared.ledger.next(&place)) {
            Begin::At(offset) => Some(offset),
            Begin::Overruled { group, ours } => {
                tracing::warn!(%component, partition = %place, group, ours,
                    "Somebody else has read this partition, or reset the group: it is read from where the group says.");
                Some(group)
            }
            Begin::Anew => None,
        };
        let left = until.saturating_duration_since(Instant::now());
        let watermarks = self.consumer.fetch_watermarks(&place.topic, place.number, left);
        let (low, high) = match (watermarks, known) {
            (Ok(watermarks), _) => watermarks,
            // Reading can begin without them, if it need not end somewhere.
            (Err(_), Some(next)) if !self.plan.context.once => return Ok(Start { place, next, committed, high: None }),
            (Err(error), _) => return Err(anyhow!("{place}: {}", connection::text(&error))),
        };
        // A partition that was added to a topic that is read already holds nothing old.
        let from_end = self.plan.reset == AutoOffsetReset::Latest && !self.shared.ledger.knows(&place.topic);
        let next = match known {
            Some(offset) if (low..=high).contains(&offset) => offset,
            Some(offset) => {
                let next = if self.plan.reset == AutoOffsetReset::Latest { high } else { low };
                self.consumer.context().count_reset();
                tracing::warn!(%component, partition = %place, offset, low, high, next,
                    "The offset is not there any more: `auto_offset_reset` decides where to read on.");
                next
            }
            None if from_end => high,
            None => low,
        };
        Ok(Start { place, next, committed, high: Some(high) })
    }

    /// A partition that is read from now on.
    fn reading(&self, Start { place, next, committed, high }: Start) -> Reading {
        let context = &self.plan.context;
        let labels = [("topic", &*place.topic), ("partition", &*place.number.to_string())];
        let lag = context.meters.gauge("logd_kafka_consumer_lag", &labels);
        let partition = context.partition(&place.to_string());
        Reading {
            lease: self.shared.ledger.grant(&place, next, committed),
            gather: Gather::new(Arc::clone(&partition)),
            partition,
            next,
            end: high.filter(|_| context.once),
            done: false,
            lag,
            seen: (next, Instant::now()),
        }
    }

    /// Ends what is to be let go, and sees to it that it becomes durable.
    fn revoke(&mut self, list: TopicPartitionList) {
        let elements = list.elements();
        let places: Vec<Place> =
            elements.iter().map(|element| Place::new(element.topic(), element.partition())).collect();
        self.shared.ledger.revoke(&places);
        self.plan.rebalances.increment(1);
        tracing::info!(component = %self.plan.context.id, partitions = ?shown(&places), "Partitions are asked back.");
        // Who has lost them has no say any more.
        let lost = self.consumer.assignment_lost();
        let until = if lost { Instant::now() } else { Instant::now() + HANDOVER };
        if !lost && !self.shared.ledger.is_settled(&places) {
            self.plan.context.epochs.ask();
        }
        self.handover = Some(Handover { list, places, until });
    }

    /// Lets go what was revoked.
    fn agree_to_handover(&mut self) {
        let Some(Handover { list, places, .. }) = self.handover.take() else { return };
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            tracing::warn!(component = %self.plan.context.id, %error, "Partitions could not be let go.");
        }
        self.shared.ledger.release(&places);
        let is_gone = |reading: &Reading| places.contains(&reading.lease.place);
        let gone = self.readings.iter().filter(|reading| is_gone(reading));
        gone.clone().for_each(|reading| reading.lag.set(0.0));
        let partitions: Vec<_> = gone.map(|reading| &reading.partition).collect();
        if !partitions.is_empty() {
            self.ready.push_back(Item::Notice(notice(partitions, Time::MAX)));
        }
        self.readings.retain(|reading| !is_gone(reading));
    }

    /// Agrees to all that the group has asked and was not done: a client can't be closed before.
    pub(super) fn agree_to_changes(&mut self) {
        self.agree_to_handover();
        let unmade = self.unmade.take().map(|(change, _)| change);
        let consumer = Arc::clone(&self.consumer);
        for change in unmade.into_iter().chain(std::iter::from_fn(|| consumer.context().change())) {
            // The library says itself what it has against it.
            let _ = match change {
                Change::Assigned(list) => consumer.incremental_assign(&list),
                Change::Revoked(list) => consumer.incremental_unassign(&list),
            };
        }
    }

    fn shown(&self) -> Vec<String> {
        self.readings.iter().map(|reading| reading.lease.place.to_string()).collect()
    }
}

/// As they are logged.
fn shown(places: &[Place]) -> Vec<String> {
    places.iter().map(Place::to_string).collect()
}
