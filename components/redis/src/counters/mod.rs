//! Hashes with counters: exact, whatever crashes.
//!
//! ```text
//! deliver   adds a batch to the sums of the open epoch; Redis is only asked whether it will take them
//! sync      seals the open epoch: its sums become part of the checkpoint, under the sink's next number
//! commit    the checkpoint is durable: the epoch is applied, if the hash has a smaller number
//! restore   the same after a crash, for nobody knows whether it was applied before
//! succeed   what another sink has counted under other settings becomes an epoch of its own, to be applied as all others
//! ```
//!
//! So an event is in a durable epoch, which is applied once, or in none, and then it is read again. Sums do not depend on
//! the batches in which events come, and what is set is kept with them, so that a hash is always that of one moment.
//! Memory is that of the keys of one epoch: when there are many, an epoch is asked for.

mod epoch;
mod number;
mod tally;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{anyhow, bail};
use logd_sdk::settings::NameTemplate;
use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, ComponentId, Context, Epochs, Health};
use metrics::Counter;
use redis::{Pipeline, Value, cmd};

use self::epoch::{Applier, Epoch};
use self::number::is_number;
use self::tally::{Recipe, Tally};
use crate::connections::Connections;
use crate::reply::{Verdict, verdict};
use crate::rows::{Group, by_key};
use crate::settings::HashSettings;

/// What the names of fields begin with that are logd's own.
pub(crate) const MARK: &str = "logd:";

/// When so many keys have changed, the epoch should end.
const MANY_KEYS: usize = 50_000;
/// So many keys are changed in one round trip.
const KEYS_AT_ONCE: usize = 500;

/// The counters of one sink.
pub(crate) struct Counters {
    id: ComponentId,
    key: NameTemplate,
    recipe: Recipe,
    applier: Applier,
    open: Mutex<Open>,
    /// Epochs that are sealed and not applied, the oldest first.
    sealed: tokio::sync::Mutex<VecDeque<Epoch>>,
    epochs: Epochs,
    health: Health,
    condition_failed: Counter,
}

/// The epoch that is open.
#[derive(Default)]
struct Open {
    /// The number of the last one before it.
    sequence: u64,
    /// What it changes, by key.
    tallies: HashMap<String, Tally>,
}

impl Counters {
    /// Counts nothing yet.
    ///
    /// # Errors
    /// A condition does not compile.
    pub(crate) fn new(
        key: NameTemplate,
        settings: &HashSettings,
        ttl: Option<u64>,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let labels = [("error_type", "condition_failed"), ("stage", "processing")];
        Ok(Self {
            id: context.id.clone(),
            key,
            recipe: Recipe::new(settings, context)?,
            // A field for each lineage and sink, so that they do not take each other's epochs for their own.
            applier: Applier::new(format!("{MARK}{}:{}", context.lineage, context.id), ttl),
            open: Mutex::default(),
            sealed: tokio::sync::Mutex::default(),
            epochs: context.epochs.clone(),
            health: context.health.clone(),
            condition_failed: context.meters.counter("logd_component_errors_total", &labels),
        })
    }

    /// Adds a batch to the open epoch: from the last `await` on nothing can cancel it halfway.
    pub(crate) async fn count(&self, batch: &Batch, connections: &Connections) -> Attempt {
        let mut attempt = Attempt::delivered();
        let mut groups = by_key(&self.key, batch, &mut attempt);
        let new: Vec<usize> = {
            let open = self.open();
            (0..groups.len()).filter(|&group| !open.tallies.contains_key(groups[group].key.as_ref())).collect()
        };
        let verdicts = match self.look(new.iter().map(|&group| groups[group].key.as_ref()), connections).await {
            Ok(verdicts) => verdicts,
            Err(error) => new.iter().map(|_| Verdict::Failed(format!("{error:#}"))).collect(),
        };
        for (&group, verdict) in new.iter().zip(verdicts) {
            let rows = &mut groups[group].rows;
            match verdict {
                Verdict::Done => {}
                Verdict::Refused(reason) => attempt.reject.extend(rows.drain(..).map(|row| (row, reason.clone()))),
                Verdict::Failed(reason) => {
                    attempt.retry.append(rows);
                    attempt.error = Some(reason);
                }
            }
        }
        attempt.retry.sort_unstable();
        let asked = self.recipe.ask(batch);
        self.condition_failed.increment(asked.failures);
        let tallies: Vec<_> = groups
            .into_iter()
            .filter(|group| !group.rows.is_empty())
            .map(|Group { key, rows }| (key, asked.tally(&rows)))
            .collect();
        let mut open = self.open();
        for (key, tally) in tallies {
            match open.tallies.get_mut(key.as_ref()) {
                Some(sum) => sum.add(tally),
                None => drop(open.tallies.insert(key.into_owned(), tally)),
            }
        }
        if open.tallies.len() >= MANY_KEYS {
            self.epochs.ask();
        }
        attempt
    }

    /// Looks whether the hashes at these keys, none of which is in the open epoch, can be added to: what can't be must be
    /// known before an event counts as delivered.
    async fn look(&self, keys: impl Iterator<Item = &str>, connections: &Connections) -> anyhow::Result<Vec<Verdict>> {
        let mut commands = Pipeline::new();
        for key in keys {
            let fields: Vec<&str> = self.recipe.counters().collect();
            commands.add_command(cmd("HMGET").arg(key).arg(&self.applier.mark).arg(fields).take());
        }
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        Ok(connections.send(commands).await?.iter().map(|reply| self.judge(reply)).collect())
    }

    /// Judges what a hash has in the fields that are logd's: the number of its last epoch, and the counters.
    fn judge(&self, reply: &Value) -> Verdict {
        let Value::Array(values) = reply else { return verdict(std::slice::from_ref(reply)) };
        let text = |value: &Value| match value {
            Value::BulkString(text) => Some(text.clone()),
            _ => None,
        };
        let mark = values.first().and_then(text).and_then(|mark| std::str::from_utf8(&mark).ok()?.parse::<u64>().ok());
        if let Some(mark) = mark {
            self.note(mark);
        }
        let mut counters = self.recipe.counters().zip(values.iter().skip(1).map(text));
        match counters.find(|(_, value)| value.as_ref().is_some_and(|value| !is_number(value))) {
            Some((field, _)) => Verdict::Refused(format!("the field `{field}` of the hash is no number")),
            None => Verdict::Done,
        }
    }

    /// A hash has an epoch of this number. If that is later than ours, our state was put back to an older one: what
    /// comes now must get later numbers still, or it would count as applied.
    fn note(&self, mark: u64) {
        let mut open = self.open();
        if mark > open.sequence {
            open.sequence = mark;
            drop(open);
            tracing::warn!(component = %self.id, epoch = mark,
                "Redis has counted further than the state in the data folder; what is read again counts twice.");
        }
    }

    /// Seals the open epoch. Returns what is to be kept in the checkpoint.
    pub(crate) async fn seal(&self) -> anyhow::Result<Vec<u8>> {
        let mut sealed = self.sealed.lock().await;
        let sequence = self.close(&mut sealed);
        epoch::encode(&(sequence, sealed.make_contiguous()))
    }

    /// Goes on where other counters stand, which are of no use afterwards.
    pub(crate) async fn succeed(&self, before: &Self) {
        let (mut sealed, mut left) = (self.sealed.lock().await, before.sealed.lock().await);
        self.open().sequence = before.close(&mut left);
        *sealed = std::mem::take(&mut *left);
    }

    /// Puts what is counted behind the epochs that are sealed. Returns the number of the last one.
    fn close(&self, sealed: &mut VecDeque<Epoch>) -> u64 {
        let mut open = self.open();
        if !open.tallies.is_empty() {
            open.sequence += 1;
            let tallies = std::mem::take(&mut open.tallies);
            let changes = tallies.into_iter().map(|(key, tally)| (key, self.recipe.change(tally))).collect();
            sealed.push_back(Epoch { sequence: open.sequence, changes });
        }
        open.sequence
    }

    /// Goes back to what was kept, and applies it; if Redis is away, the next commit does.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) async fn restore(&self, kept: &[u8], connections: &Connections) -> anyhow::Result<()> {
        let (sequence, epochs) = epoch::decode(kept)?;
        self.open().sequence = sequence;
        *self.sealed.lock().await = epochs.into();
        let applied = tokio::time::timeout(connections.timeout(), self.apply(sequence, connections)).await;
        if let Err(error) = applied.unwrap_or_else(|_| Err(anyhow!("there is more than Redis takes at once"))) {
            let error = format!("{error:#}");
            tracing::warn!(component = %self.id, error, "Counters of the last checkpoint could not be applied yet.");
            self.health.ill(error);
        }
        Ok(())
    }

    /// Applies the epochs that have become durable with what was kept.
    ///
    /// # Errors
    /// Redis can't be reached, or does not take them. What it has taken it does not take again.
    pub(crate) async fn commit(&self, kept: &[u8], connections: &Connections) -> anyhow::Result<()> {
        let (sequence, _) = epoch::decode(kept)?;
        self.apply(sequence, connections).await
    }

    /// Applies the epochs up to this one, each whole before the next.
    async fn apply(&self, last: u64, connections: &Connections) -> anyhow::Result<()> {
        let mut sealed = self.sealed.lock().await;
        while let Some(Epoch { sequence, changes }) = sealed.front_mut().filter(|epoch| epoch.sequence <= last) {
            while !changes.is_empty() {
                let rest = changes.len().saturating_sub(KEYS_AT_ONCE);
                let mut commands = Pipeline::new();
                commands.add_command(self.applier.load());
                for (key, change) in &changes[rest..] {
                    commands.add_command(self.applier.apply(*sequence, key, change));
                }
                let replies = connections.send(commands).await?;
                let keys = std::iter::once("").chain(changes[rest..].iter().map(|(key, _)| key.as_str()));
                for (reply, key) in replies.iter().zip(keys) {
                    if let Verdict::Refused(reason) | Verdict::Failed(reason) = verdict(std::slice::from_ref(reply)) {
                        bail!("the counters of `{key}` can't be changed: {reason}");
                    }
                }
                changes.truncate(rest);
            }
            sealed.pop_front();
            self.health.well();
        }
        Ok(())
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
