//! Commits: what the group is told, one commit at a time.
//!
//! The source does not wait for the group's answer, since the flow would wait with it: an answer comes behind the messages
//! that were fetched before. So a failure is reported with the next commit. While one is under way the newest that was
//! asked for waits; the ones between are contained in it.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::bail;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::begin::Owner;
use super::events::Events;
use super::ledger::Place;
use crate::connection;

/// The client of a source.
pub(crate) type Consumer = BaseConsumer<Events>;

/// An answer that takes longer will not come.
const DEADLINE: Duration = Duration::from_secs(10);

/// Commits of one source.
#[derive(Default)]
pub(crate) struct Commits(Mutex<State>);

#[derive(Default)]
struct State {
    /// By which they are made: it is the reading thread's, and made anew after a fatal error.
    consumer: Weak<Consumer>,
    /// Since when an answer is awaited.
    under_way: Option<Instant>,
    /// What is to be committed next.
    next: Option<TopicPartitionList>,
    /// What became of the last ones, if they failed.
    failure: Option<String>,
}

impl Commits {
    /// Commits go by this client from now on.
    pub(crate) fn go_by(&self, consumer: Weak<Consumer>) {
        *self.lock() = State { consumer, ..State::default() };
    }

    /// Commits these offsets as soon as the group has answered the commit before.
    ///
    /// # Errors
    /// Why an earlier one failed, or that there is no answer to it.
    pub(crate) fn commit(&self, owner: &Owner, number: u64, offsets: &[(Place, i64)]) -> anyhow::Result<()> {
        let mut state = self.lock();
        if !offsets.is_empty() {
            let mut list = TopicPartitionList::with_capacity(offsets.len());
            for (place, offset) in offsets {
                let mut element = list.add_partition(&place.topic, place.number);
                element.set_offset(Offset::Offset(*offset)).map_err(|error| connection::failure(&error))?;
                element.set_metadata(owner.metadata(number));
            }
            state.next = Some(list);
        }
        if let Some(since) = state.under_way
            && since.elapsed() > DEADLINE
        {
            state.under_way = None;
            state.failure = Some(format!("the group has not answered within {DEADLINE:?}"));
        }
        state.go_on();
        match state.failure.take() {
            Some(failure) => bail!("offsets could not be committed: {failure}"),
            None => Ok(()),
        }
    }

    /// The group has answered.
    pub(crate) fn answered(&self, failure: Option<String>) {
        let mut state = self.lock();
        state.under_way = None;
        state.failure = failure.or(state.failure.take());
        state.go_on();
    }

    /// Whether all has been answered.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.under_way.is_none() && state.next.is_none()
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Begins the next commit, if it is time.
    fn go_on(&mut self) {
        if self.under_way.is_some() {
            return;
        }
        let (Some(consumer), Some(list)) = (self.consumer.upgrade(), self.next.take()) else { return };
        match consumer.commit(&list, CommitMode::Async) {
            Ok(()) => self.under_way = Some(Instant::now()),
            Err(error) => self.failure = Some(connection::text(&error)),
        }
    }
}
