//! What is kept, in memory: read from the store at the start, and changed together with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use logd_sdk::Time;

use super::meters;
use super::model::{Heard, Record, Silence, Stage, Webhook};
use super::store::{Store, Write};

/// So many calls of a webhook may wait.
pub(super) const QUEUE: usize = 1000;
/// So many of those that are over are remembered.
pub(super) const HISTORY: usize = 200;
/// So many incidents that are not over are remembered; of more, those not heard of for longest are forgotten.
const INCIDENTS: usize = 10_000;

/// All that is kept.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) webhooks: BTreeMap<String, Entry>,
    pub(super) silences: BTreeMap<String, Silence>,
    /// What is known of incidents that their detectors have not ended.
    pub(super) incidents: HashMap<String, Heard>,
    /// Since when the rate of errors is high, by pipeline and service.
    pub(super) high_rates: BTreeMap<(String, String), Time>,
    /// The number of the next call.
    next: u64,
}

/// A webhook and its calls, by their numbers.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) webhook: Webhook,
    /// Those that are to be made.
    pub(super) queue: BTreeMap<u64, Record>,
    /// Those that are over.
    pub(super) history: BTreeMap<u64, Record>,
}

impl Entry {
    /// A call, wherever it is.
    pub(super) fn call(&self, number: u64) -> Option<&Record> {
        self.queue.get(&number).or_else(|| self.history.get(&number))
    }

    /// A call by its id.
    pub(super) fn find(&self, id: &str) -> Option<(u64, &Record)> {
        self.queue
            .iter()
            .chain(&self.history)
            .find(|(_, record)| record.id == id)
            .map(|(number, record)| (*number, record))
    }

    /// Whether this change has been told, or is about to be.
    pub(super) fn knows(&self, change: &str) -> bool {
        let tells = |record: &Record| record.changes.iter().any(|told| told == change);
        self.queue.values().chain(self.history.values()).any(tells)
    }
}

impl State {
    /// What these changes lead to.
    pub(super) fn of(rows: &[Write]) -> Self {
        let mut state = Self::default();
        for row in rows {
            state.apply(row);
        }
        state
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::Webhook(webhook) => match self.webhooks.get_mut(&webhook.id) {
                Some(entry) => entry.webhook = (**webhook).clone(),
                None => {
                    let (queue, history) = (BTreeMap::new(), BTreeMap::new());
                    self.webhooks.insert(webhook.id.clone(), Entry { webhook: (**webhook).clone(), queue, history });
                }
            },
            Write::NoWebhook(id) => drop(self.webhooks.remove(id)),
            Write::Silence(silence) => drop(self.silences.insert(silence.id.clone(), (**silence).clone())),
            Write::NoSilence(id) => drop(self.silences.remove(id)),
            Write::Call { webhook, number, record, .. } => {
                self.next = self.next.max(number + 1);
                let Some(entry) = self.webhooks.get_mut(webhook) else { return };
                let settled = record.stage.is_settled();
                let (to, from) = if settled {
                    (&mut entry.history, &mut entry.queue)
                } else {
                    (&mut entry.queue, &mut entry.history)
                };
                from.remove(number);
                to.insert(*number, (**record).clone());
            }
            Write::NoCall { webhook, number } => {
                if let Some(entry) = self.webhooks.get_mut(webhook) {
                    entry.queue.remove(number);
                    entry.history.remove(number);
                }
            }
            Write::Incident { id, heard } => drop(self.incidents.insert(id.clone(), *heard)),
            Write::NoIncident(id) => drop(self.incidents.remove(id)),
            Write::HighRate { pipeline, service, since } => {
                self.high_rates.insert((pipeline.clone(), service.clone()), *since);
            }
            Write::NoHighRate { pipeline, service } => {
                self.high_rates.remove(&(pipeline.clone(), service.clone()));
            }
        }
    }
}

/// A change of the state in the making: what is done to it is done in memory, and noted for the store.
pub(super) struct Draft<'s> {
    pub(super) state: &'s mut State,
    pub(super) now: Time,
    store: &'s Store,
    writes: Vec<Write>,
}

impl<'s> Draft<'s> {
    pub(super) fn new(state: &'s mut State, store: &'s Store, now: Time) -> Self {
        Self { state, now, store, writes: Vec::new() }
    }

    /// What the store has to be told.
    pub(super) fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    pub(super) fn put(&mut self, write: Write) {
        self.state.apply(&write);
        self.writes.push(write);
    }

    /// The body of a call that the store has.
    pub(super) fn body(&self, webhook: &str, number: u64) -> anyhow::Result<Option<Bytes>> {
        self.store.body(webhook, number)
    }

    /// Puts a call into a webhook's queue, or into its history if it is over. Where the queue is full, the oldest is given
    /// up.
    pub(super) fn add(&mut self, webhook: &str, record: Record, body: Bytes) {
        let (number, settled) = (self.state.next, record.stage.is_settled());
        let Some(entry) = self.state.webhooks.get(webhook) else { return };
        if !settled
            && entry.queue.len() >= QUEUE
            && let Some(oldest) = entry.queue.keys().next().copied()
        {
            self.give_up(webhook, oldest, meters::QUEUE_FULL, "the queue was full, and this was the oldest");
        }
        let record = Box::new(record);
        self.put(Write::Call { webhook: webhook.to_owned(), number, record, body: Some(body) });
        if settled {
            self.trim(webhook);
        }
    }

    /// Changes a call that is to be made.
    pub(super) fn change(&mut self, webhook: &str, number: u64, change: impl FnOnce(&mut Record)) {
        let Some(record) = self.state.webhooks.get(webhook).and_then(|entry| entry.call(number)) else { return };
        let mut record = Box::new(record.clone());
        change(&mut record);
        let settled = record.stage.is_settled();
        self.put(Write::Call { webhook: webhook.to_owned(), number, record, body: None });
        if settled {
            self.trim(webhook);
        }
    }

    /// Gives a call of a queue up, for a reason that is counted and one that is shown.
    pub(super) fn give_up(&mut self, webhook: &str, number: u64, counted: &'static str, shown: &str) {
        meters::dropped(counted, 1);
        self.change(webhook, number, |record| {
            record.stage = Stage::Failed;
            record.error = Some(shown.to_owned());
        });
    }

    /// Gives up all calls of a queue.
    pub(super) fn give_up_all(&mut self, webhook: &str, counted: &'static str, shown: &str) {
        let entry = self.state.webhooks.get(webhook);
        let waiting: Vec<u64> = entry.map(|entry| entry.queue.keys().copied().collect()).unwrap_or_default();
        for number in waiting {
            self.give_up(webhook, number, counted, shown);
        }
    }

    /// Takes a call out of a queue as if it had never been.
    pub(super) fn forget(&mut self, webhook: &str, number: u64) {
        self.put(Write::NoCall { webhook: webhook.to_owned(), number });
    }

    /// Hears of an incident; `None` when its detector has ended it. Returns what was known before.
    pub(super) fn hear(&mut self, incident: &str, heard: Option<Heard>) -> Option<Heard> {
        let before = self.state.incidents.get(incident).copied();
        match heard {
            Some(heard) => {
                if before.is_none() && self.state.incidents.len() >= INCIDENTS {
                    let oldest = self.state.incidents.iter().min_by_key(|(_, heard)| heard.at);
                    if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                        self.put(Write::NoIncident(id));
                    }
                }
                self.put(Write::Incident { id: incident.to_owned(), heard });
            }
            None if before.is_some() => self.put(Write::NoIncident(incident.to_owned())),
            None => {}
        }
        before
    }

    /// Keeps a history within its bound.
    fn trim(&mut self, webhook: &str) {
        let Some(entry) = self.state.webhooks.get(webhook) else { return };
        let more = entry.history.len().saturating_sub(HISTORY);
        let oldest: BTreeSet<u64> = entry.history.keys().take(more).copied().collect();
        for number in oldest {
            self.forget(webhook, number);
        }
    }
}
