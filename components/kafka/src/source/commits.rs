//! Commits: what the group is told, one commit at a time.
//!
//! The source does not wait for the group's answer, since the flow would wait with it: a failure is reported with the next
//! commit. While one is under way the newest that was asked for waits; those between are contained in it. An answer can
//! only be waited for by blocking (the library drops the answers to commits that do not), so that is done on a thread that
//! lives as long as there is something to commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::Shared;
use super::begin::Owner;
use super::events::Events;
use super::ledger::Due;
use crate::connection;

/// The client of a source.
pub(crate) type Consumer = BaseConsumer<Events>;

/// A commit that takes longer counts as failed, though its answer may still come.
const DEADLINE: Duration = Duration::from_secs(10);

/// Commits of one source.
pub(crate) struct Commits {
    /// In whose name they are made.
    owner: Owner,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By which they are made: it is the reading thread's, and made anew after a fatal error.
    consumer: Weak<Consumer>,
    /// Since when an answer is awaited.
    under_way: Option<Instant>,
    /// What is to be committed next.
    next: Option<Due>,
    /// Why the last one has failed.
    failure: Option<String>,
}

impl Commits {
    /// Commits in the name of `owner`.
    pub(crate) fn new(owner: Owner) -> Self {
        Self { owner, state: Mutex::default() }
    }

    /// Commits go by this client from now on.
    pub(crate) fn go_by(&self, consumer: Weak<Consumer>) {
        self.state().consumer = consumer;
    }

    /// Whether all has been answered.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        state.under_way.is_none() && state.next.is_none()
    }

    /// What is to be committed now, and by which client; none if there is nothing more.
    fn next(&self) -> Option<(Arc<Consumer>, Due)> {
        let mut state = self.state();
        state.under_way = None;
        let consumer = state.consumer.upgrade()?;
        let due = state.next.take()?;
        state.under_way = Some(Instant::now());
        Some((consumer, due))
    }

    /// Makes one commit, and waits for the answer.
    fn make(&self, consumer: &Consumer, Due { number, offsets }: &Due) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (place, offset) in offsets {
            let mut element = list.add_partition(&place.topic, place.number);
            element.set_offset(Offset::Offset(*offset))?;
            element.set_metadata(self.owner.metadata(*number));
        }
        consumer.commit(&list, CommitMode::Sync)
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits what is due as soon as the commit before is answered.
///
/// # Errors
/// Why the one before has failed, or that there is no answer to it.
pub(super) fn commit(shared: &Arc<Shared>, due: Due) -> anyhow::Result<()> {
    let mut state = shared.commits.state();
    if !due.offsets.is_empty() {
        state.next = Some(due);
    }
    match state.under_way {
        Some(since) if since.elapsed() > DEADLINE => bail!("the group does not answer since {:?}", since.elapsed()),
        Some(_) => {}
        None if state.next.is_none() => {}
        None => {
            state.under_way = Some(Instant::now());
            let shared = Arc::clone(shared);
            let thread = std::thread::Builder::new().name("kafka commit".to_owned());
            thread.spawn(move || commit_all(&shared)).context("no thread can be started")?;
        }
    }
    match state.failure.take() {
        Some(failure) => bail!("offsets could not be committed: {failure}"),
        None => Ok(()),
    }
}

/// Commits until there is nothing more to be committed.
fn commit_all(shared: &Shared) {
    while let Some((consumer, due)) = shared.commits.next() {
        match shared.commits.make(&consumer, &due) {
            Ok(()) => due.offsets.iter().for_each(|(place, offset)| shared.ledger.confirm(place, *offset)),
            Err(error) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition) {
                    due.offsets.iter().for_each(|(place, _)| shared.ledger.forget(place));
                }
                shared.commits.state().failure = Some(failure(&error));
            }
        }
    }
}

fn failure(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| connection::text(error), |code| code.to_string())
}
