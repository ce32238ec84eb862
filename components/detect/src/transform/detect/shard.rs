//! The state of a share of the keys: the buckets that are still open, what is usual, and incidents.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, ensure};
use foldhash::fast::RandomState;
use logd_sdk::keyed::{self, Description, Save};
use logd_sdk::{Time, snapshot};

use super::super::gauges::Gauges;
use super::super::key::{self, GroupBy};
use super::super::keyed::{EVICTED, Errors};
use super::kept::Kept;
use super::operator::{Folded, Part};
use super::related::{Incidents, NEAR};
use super::scores::{AllSeries, CHARTED, Scored, score};
use crate::incident::Anomaly;
use crate::signals::{Span, Watch, Watched};
use crate::time::Micros;

/// The version of the snapshot's form.
const VERSION: u8 = 2;

/// The last byte of a saved key: of its open buckets, which change with each event,
const FILLED: u8 = 0;
/// of what is known of it, which is large and changes with each bucket,
const LEARNED: u8 = 1;
/// and of its samples.
const SAMPLED: u8 = 2;

/// When there are too many keys, this part of them goes beyond those that must, so that not every batch looks through
/// all of them.
const SLACK: usize = 16;

/// What all shards share, and nobody changes.
pub(super) struct Shared {
    /// The core.
    pub(super) watch: Watch,
    /// What makes a key.
    pub(super) group_by: GroupBy,
    /// What is shown at `/metrics`.
    pub(super) series: AllSeries,
    /// How many samples a bucket has of each sort.
    pub(super) samples: usize,
    /// What its states are of.
    pub(super) fingerprint: u64,
}

/// The keys of one shard.
pub(crate) struct Shard {
    shared: Arc<Shared>,
    /// In boxes: the table has room for up to twice as many keys as there are.
    keys: HashMap<Arc<[u8]>, Box<Kept>, RandomState>,
    /// Buckets that end by then are closed.
    closed: Micros,
    /// Incidents that are open or opened lately, for others to be related to.
    incidents: Incidents,
    /// Keys whose open buckets changed since they were saved,
    filled: HashSet<Arc<[u8]>, RandomState>,
    /// those whose buckets were closed,
    learned: HashSet<Arc<[u8]>, RandomState>,
    /// and those whose samples changed.
    sampled: HashSet<Arc<[u8]>, RandomState>,
    /// What is shown of them.
    total: Gauges,
    gauges: [Gauges; CHARTED.len()],
}

/// What one shard has made in one step.
#[derive(Default)]
pub(crate) struct Yield {
    /// Changes of incidents.
    pub(super) told: Vec<Told>,
    /// All incidents that may be related to one.
    pub(super) incidents: Incidents,
    /// What each bucket has come to.
    pub(super) scored: Vec<Scored>,
    /// Rows that are late.
    pub(super) late: Vec<u32>,
    /// How many incidents are open.
    pub(super) open: usize,
    /// What is to be counted.
    pub(super) errors: Errors,
}

/// A change of an incident.
pub(super) struct Told {
    /// The bytes that name its key.
    pub(super) name: Arc<[u8]>,
    pub(super) anomaly: Anomaly,
}

impl Shard {
    /// Without any key.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            keys: HashMap::default(),
            closed: Micros(i64::MIN),
            incidents: Incidents::new(),
            filled: HashSet::default(),
            learned: HashSet::default(),
            sampled: HashSet::default(),
            total: Gauges::new(Arc::clone(&shared.series.total)),
            gauges: shared.series.signals.each_ref().map(|series| Gauges::new(Arc::clone(series))),
            shared,
        }
    }

    fn fold(&mut self, folded: Vec<Folded>) {
        for Folded { key, end, newest, bucket, samples } in folded {
            let kept = match self.keys.get_mut(&key) {
                Some(kept) => kept,
                None => {
                    // Of a key that is gone and still stands there a snapshot is yet to be told.
                    let saved = [&self.filled, &self.learned, &self.sampled].map(|changed| changed.contains(&key));
                    let new = Kept { newest: Micros(i64::MIN), saved, ..Kept::default() };
                    self.keys.entry(Arc::clone(&key)).or_insert(Box::new(new))
                }
            };
            kept.newest = kept.newest.max(Micros(newest.as_micros()));
            // The last moment of the bucket.
            let start = self.shared.watch.monitor().bucket_of(Micros(end.as_micros().saturating_sub(1)));
            match kept.pending.get_mut(&start) {
                Some(pending) => pending.merge(&bucket),
                None => drop(kept.pending.insert(start, bucket)),
            }
            if kept.sampled.add(start, samples, self.shared.samples) {
                self.sampled.insert(Arc::clone(&key));
            }
            self.filled.insert(key);
        }
    }

    /// Closes the buckets of all keys that end by `watermark`.
    fn advance(&mut self, watermark: Micros, made: &mut Yield) {
        let until = self.shared.watch.monitor().bucket_of(watermark);
        if until <= self.closed {
            return;
        }
        self.closed = until;
        // At the end of the input time goes no further than each key's events.
        let is_end = watermark.0 == i64::MAX;
        let mut gone = Vec::new();
        for (name, kept) in &mut self.keys {
            let mut lately = None;
            while let Some((start, bucket)) = kept.next(&self.shared.watch, until, is_end) {
                let shown = || self.shared.group_by.key(name);
                let (outcome, told) = self.shared.watch.close(&mut kept.watched, shown, start, bucket.as_ref());
                let at = self.shared.watch.monitor().next(start);
                lately = score(name, at, &outcome, &mut made.scored).or(lately);
                if kept.sampled.close(start, self.shared.samples) {
                    self.sampled.insert(Arc::clone(name));
                }
                if let Some(mut anomaly) = told {
                    anomaly.samples = kept.sampled.of(&anomaly);
                    note(&mut self.incidents, name, &kept.watched);
                    made.told.push(Told { name: Arc::clone(name), anomaly });
                }
                if bucket.is_some() {
                    self.filled.insert(Arc::clone(name));
                }
                self.learned.insert(Arc::clone(name));
            }
            if let Some(scores) = lately {
                for (gauges, score) in self.gauges.iter_mut().zip(scores) {
                    if let Some(score) = score {
                        gauges.set(name, &score, || key::label(&self.shared.group_by.key(name)));
                    }
                }
            }
            if kept.is_gone(until) {
                gone.push(Arc::clone(name));
            }
        }
        gone.iter().for_each(|name| drop(self.forget(name)));
    }

    fn forget(&mut self, name: &Arc<[u8]>) -> Option<Box<Kept>> {
        let kept = self.keys.remove(name)?;
        self.gauges.iter_mut().for_each(|gauges| gauges.remove(name));
        let changed = [&mut self.filled, &mut self.learned, &mut self.sampled];
        for (changed, saved) in changed.into_iter().zip(kept.saved) {
            if saved {
                changed.insert(Arc::clone(name));
            } else {
                changed.remove(name);
            }
        }
        Some(kept)
    }

    /// Forgets the keys whose last event is the oldest, ties by key, until there are few enough. Nobody is left to see the
    /// end of their incidents, so that is said.
    fn evict(&mut self, capacity: usize, made: &mut Yield) {
        if self.keys.len() <= capacity {
            return;
        }
        let excess = self.keys.len() - (capacity - capacity / SLACK);
        let mut oldest: Vec<_> = self.keys.iter().map(|(name, kept)| (kept.newest, Arc::clone(name))).collect();
        oldest.select_nth_unstable(excess - 1);
        for (_, name) in oldest.into_iter().take(excess) {
            let Some(mut kept) = self.forget(&name) else { continue };
            let resolved = self.shared.watch.forget(&mut kept.watched, || self.shared.group_by.key(&name));
            made.told.extend(resolved.map(|anomaly| Told { name: Arc::clone(&name), anomaly }));
            note(&mut self.incidents, &name, &kept.watched);
        }
        made.errors.insert(EVICTED, excess as u64);
    }

    /// Keeps of the incidents those that others may still be related to.
    fn prune(&mut self) {
        let closed = self.closed;
        self.incidents.retain(|(opened, _), (_, resolved)| resolved.is_none() || closed.since(*opened) <= NEAR);
    }
}

/// Takes note of the incident of a key that is open, or else of its last one.
fn note(incidents: &mut Incidents, name: &Arc<[u8]>, watched: &Watched) {
    if let Some(Span { opened, resolved, id }) = watched.latest() {
        incidents.insert((opened, Arc::clone(name)), (id, resolved));
    }
}

impl keyed::Shard for Shard {
    type Part = Part;
    type Yield = Yield;

    fn step(&mut self, part: Option<Part>, watermark: Time) -> Yield {
        let mut made = Yield::default();
        let mut capacity = usize::MAX;
        self.prune();
        self.gauges.iter_mut().for_each(Gauges::begin);
        self.total.begin();
        if let Some(Part { buckets, capacity: most, late, errors }) = part {
            (made.errors, made.late, capacity) = (errors, late, most);
            self.fold(buckets);
        }
        self.advance(Micros(watermark.as_micros()), &mut made);
        self.evict(capacity, &mut made);
        for told in &made.told {
            let is_shown = self.gauges.iter().any(|gauges| gauges.shows(&told.name));
            self.total.count(is_shown, &told.anomaly);
        }
        self.gauges.iter_mut().for_each(Gauges::end);
        made.open = self.incidents.values().filter(|(_, resolved)| resolved.is_none()).count();
        made.incidents.clone_from(&self.incidents);
        made
    }

    fn save(&mut self, save: &mut Save<'_>) {
        // It has no sequence of unknown length, the one thing that can't be encoded; an empty state would be refused by
        // `load`.
        for name in self.filled.drain() {
            let state = self.keys.get_mut(&name).map(|kept| {
                kept.saved[0] = true;
                let state = (self.shared.fingerprint, kept.newest, &kept.pending);
                snapshot::encode(VERSION, &state).unwrap_or_default()
            });
            save(&[&name[..], &[FILLED]].concat(), state);
        }
        for name in self.learned.drain() {
            let state = self.keys.get_mut(&name).map(|kept| {
                kept.saved[1] = true;
                snapshot::encode(VERSION, &(self.shared.fingerprint, &kept.watched)).unwrap_or_default()
            });
            save(&[&name[..], &[LEARNED]].concat(), state);
        }
        for name in self.sampled.drain() {
            let state = self.keys.get_mut(&name).map(|kept| {
                kept.saved[2] = true;
                snapshot::encode(VERSION, &(self.shared.fingerprint, &kept.sampled)).unwrap_or_default()
            });
            save(&[&name[..], &[SAMPLED]].concat(), state);
        }
    }

    fn owner(saved: &[u8]) -> &[u8] {
        saved.split_last().map_or(saved, |(_, name)| name)
    }

    fn load(&mut self, saved: &[u8], state: &[u8]) -> anyhow::Result<()> {
        let (&part, name) = saved.split_last().context("a state without a key")?;
        let name: Arc<[u8]> = name.into();
        let kept = self.keys.entry(Arc::clone(&name)).or_default();
        let fingerprint: u64;
        match part {
            FILLED => {
                (fingerprint, kept.newest, kept.pending) = snapshot::decode(VERSION, state)?;
                kept.saved[0] = true;
            }
            LEARNED => {
                (fingerprint, kept.watched) = snapshot::decode(VERSION, state)?;
                kept.saved[1] = true;
                note(&mut self.incidents, &name, &kept.watched);
            }
            _ => {
                (fingerprint, kept.sampled) = snapshot::decode(VERSION, state)?;
                kept.saved[2] = true;
            }
        }
        ensure!(fingerprint == self.shared.fingerprint, "the baseline is of other fields, keys or buckets");
        Ok(())
    }

    fn describe(&self, key: &[u8]) -> Option<Description> {
        let (words, figures) = self.shared.watch.describe(&self.keys.get(key)?.watched);
        Some(Description { key: key::label(&self.shared.group_by.key(key)), words, figures })
    }
}
