//! The state of a share of the keys: the buckets that are still open, what is usual, and incidents.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use foldhash::fast::RandomState;
use logd_sdk::keyed::{self, Description, Save};
use logd_sdk::{Context, Time, snapshot};
use serde::{Deserialize, Serialize};

use super::super::gauges::{Gauges, Series};
use super::super::key::{self, GroupBy};
use super::super::keyed::{EVICTED, Errors};
use super::operator::{Folded, Part};
use super::related::{Incidents, NEAR};
use crate::detector::Score;
use crate::incident::Anomaly;
use crate::signals::{Bucket, Figures, Outcome, Signal, Span, Watch, Watched, field};
use crate::time::Micros;

/// The version of the snapshot's form.
const VERSION: u8 = 1;

/// When there are too many keys, this part of them goes beyond those that must, so that not every batch looks through
/// all of them.
const SLACK: usize = 16;

/// A key that has been silent for so long is forgotten: no day that its baseline is of remembers it.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// The signals that are charted.
const CHARTED: [(Signal, &str); 4] = [
    (Signal::Latency, "latency"),
    (Signal::TailLatency, "tail_latency"),
    (Signal::ErrorRate, "error_rate"),
    (Signal::Traffic, "traffic"),
];

/// What all shards share, and nobody changes.
pub(super) struct Shared {
    /// The core.
    pub(super) watch: Watch,
    /// What makes a key.
    pub(super) group_by: GroupBy,
    /// What is shown at `/metrics`.
    pub(super) series: AllSeries,
    /// What its states are of.
    pub(super) fingerprint: u64,
}

/// What is shown at `/metrics`: of the component, and of each signal.
pub(super) struct AllSeries {
    pub(super) total: Arc<Series>,
    signals: [Arc<Series>; CHARTED.len()],
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
    /// Keys that changed since they were saved.
    changed: HashSet<Arc<[u8]>, RandomState>,
    /// What is shown of them.
    total: Gauges,
    gauges: [Gauges; CHARTED.len()],
}

/// What is kept of a key.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    watched: Watched,
    /// Buckets that are still open, by their start.
    pending: BTreeMap<Micros, Bucket>,
    /// The latest time of its events.
    newest: Micros,
    /// Whether a snapshot has it, and must be told when it is gone.
    #[serde(skip)]
    saved: bool,
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

/// What a bucket has come to.
pub(super) struct Scored {
    /// The bytes that name its key.
    pub(super) name: Arc<[u8]>,
    /// The end of the bucket.
    pub(super) at: Micros,
    /// Of which signal.
    pub(super) field: &'static str,
    pub(super) score: Score,
}

impl Series {
    /// Those of a component with signals; at most `max` keys are shown of each.
    pub(super) fn of_signals(context: &Context, max: usize) -> AllSeries {
        let component = context.id.id();
        let parts = || (context.meters.clone(), context.clock.clone());
        let (meters, clock) = parts();
        AllSeries {
            total: Self::new(meters, clock, component, max),
            signals: CHARTED.map(|(_, name)| {
                let (meters, clock) = parts();
                Self::of_signal(meters, clock, component, name, max)
            }),
        }
    }
}

impl Shard {
    /// Without any key.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            keys: HashMap::default(),
            closed: Micros(i64::MIN),
            incidents: Incidents::new(),
            changed: HashSet::default(),
            total: Gauges::new(Arc::clone(&shared.series.total)),
            gauges: shared.series.signals.each_ref().map(|series| Gauges::new(Arc::clone(series))),
            shared,
        }
    }

    fn fold(&mut self, folded: Vec<Folded>) {
        for Folded { key, end, newest, bucket } in folded {
            let kept = match self.keys.get_mut(&key) {
                Some(kept) => kept,
                None => {
                    // Of a key that is gone and still stands there a snapshot is yet to be told.
                    let saved = self.changed.contains(&key);
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
            self.changed.insert(key);
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
                if let Some(anomaly) = told {
                    note(&mut self.incidents, name, &kept.watched);
                    made.told.push(Told { name: Arc::clone(name), anomaly });
                }
                self.changed.insert(Arc::clone(name));
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
        if kept.saved {
            self.changed.insert(Arc::clone(name));
        } else {
            self.changed.remove(name);
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

impl Shared {
    /// Reads what [`save`](keyed::Shard::save) has written.
    fn read(&self, state: &[u8]) -> anyhow::Result<Kept> {
        let (fingerprint, kept): (u64, Kept) = snapshot::decode(VERSION, state)?;
        ensure!(fingerprint == self.fingerprint, "the baseline is of other fields, keys or buckets");
        Ok(kept)
    }

    /// Says what is known of a key.
    pub(super) fn describe(&self, key: &[u8], state: &[u8]) -> anyhow::Result<Description> {
        let (words, figures) = self.watch.describe(&self.read(state)?.watched);
        Ok(Description { key: key::label(&self.group_by.key(key)), words, figures })
    }
}

/// Takes note of the incident of a key that is open, or else of its last one.
fn note(incidents: &mut Incidents, name: &Arc<[u8]>, watched: &Watched) {
    if let Some(Span { opened, resolved, id }) = watched.latest() {
        incidents.insert((opened, Arc::clone(name)), (id, resolved));
    }
}

impl Kept {
    /// The next bucket to close, of those that begin before `until`; `is_end` of all input.
    fn next(&mut self, watch: &Watch, until: Micros, is_end: bool) -> Option<(Micros, Option<Bucket>)> {
        let pending = self.pending.first_key_value().map(|(&start, _)| start);
        let state = &self.watched.state;
        let start = match state.last_closed() {
            // A key begins with its first event; one that sleeps goes on with the next.
            Some(last) if !state.is_asleep() => {
                let next = watch.monitor().next(last);
                if is_end { pending.map(|_| next)? } else { next }
            }
            _ => pending?,
        };
        (start < until).then(|| (start, self.pending.remove(&start)))
    }

    /// Whether nothing is lost if it is forgotten.
    fn is_gone(&self, until: Micros) -> bool {
        let state = &self.watched.state;
        let is_silent = state.is_asleep() && until.since(self.newest) > REMEMBERED;
        self.pending.is_empty() && !self.watched.is_open() && (state.is_spent() || is_silent)
    }
}

/// Makes scores of what a bucket has come to; returns those that `/metrics` shows.
fn score(
    name: &Arc<[u8]>,
    at: Micros,
    outcome: &Outcome,
    scored: &mut Vec<Scored>,
) -> Option<[Option<Score>; CHARTED.len()]> {
    let scores = CHARTED.map(|(signal, _)| {
        let times = outcome.figures[signal as usize].as_ref().map(Figures::times);
        outcome.charted[signal as usize].as_ref().map(|charted| {
            let bounds = charted.bounds();
            Score {
                value: bounds.value,
                expected: Some(bounds.expected),
                lower: bounds.lower,
                upper: bounds.upper,
                score: times,
            }
        })
    });
    for (charted, score) in outcome.charted.iter().flatten().zip(scores.iter().flatten()) {
        scored.push(Scored { name: Arc::clone(name), at, field: field(charted), score: *score });
    }
    scores.iter().any(Option::is_some).then_some(scores)
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
        for name in self.changed.drain() {
            let state = self.keys.get_mut(&name).map(|kept| {
                kept.saved = true;
                // It has no sequence of unknown length, the one thing that can't be encoded; an empty state would be
                // refused by `load`.
                snapshot::encode(VERSION, &(self.shared.fingerprint, &**kept)).unwrap_or_default()
            });
            save(&name, state);
        }
    }

    fn load(&mut self, name: &[u8], state: &[u8]) -> anyhow::Result<()> {
        let mut kept = self.shared.read(state)?;
        kept.saved = true;
        let name: Arc<[u8]> = name.into();
        note(&mut self.incidents, &name, &kept.watched);
        self.keys.insert(name, Box::new(kept));
        Ok(())
    }
}
