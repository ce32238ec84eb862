//! The templates of a share of the keys.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use anyhow::ensure;
use foldhash::fast::RandomState;
use logd_sdk::keyed::{self, Description, Save};
use logd_sdk::{Time, snapshot};
use serde::{Deserialize, Serialize};

use super::mine::Miner;
use super::rate::BUCKET;
use super::tell::Teller;
use super::track::{Finding, Sample};
use super::watch::{Limits, Watch};
use crate::incident::Anomaly;
use crate::time::Micros;
use crate::transform::key::{self, GroupBy};

/// The version of the snapshot's form.
const VERSION: u8 = 1;

/// When there are too many keys, this part of them goes beyond those that must, so that not every batch looks through
/// all of them.
const SLACK: usize = 16;

/// What all shards share, and nobody changes.
pub(super) struct Shared {
    pub(super) teller: Teller,
    pub(super) group_by: GroupBy,
    pub(super) limits: Limits,
    /// What its states are of.
    pub(super) fingerprint: u64,
}

/// What one batch has for one shard.
pub(crate) struct Part {
    /// How many keys the shard may keep.
    pub(super) capacity: usize,
    /// The keys of its lines, each once.
    pub(super) keys: Vec<Arc<[u8]>>,
    /// Its lines, in the order of the rows.
    pub(super) lines: Vec<Line>,
    /// The lines' texts: normalized, and as they came.
    pub(super) text: String,
}

/// One line.
pub(super) struct Line {
    pub(super) row: u32,
    /// Whose it is: a place in [`Part::keys`].
    pub(super) key: u32,
    /// The bucket that it counts in; none if it is late.
    pub(super) bucket: Option<i64>,
    pub(super) at: Micros,
    /// Where its normalized text stands in [`Part::text`],
    pub(super) normal: Range<usize>,
    /// and the beginning of its own.
    pub(super) raw: Range<usize>,
}

/// What one shard has made in one step.
#[derive(Default)]
pub(crate) struct Yield {
    /// The templates of the rows: a row, and a place in `templates`.
    pub(super) rows: Vec<(u32, u32)>,
    /// Templates as they read, and their ids.
    pub(super) templates: Vec<(Arc<str>, u64)>,
    /// What is to be told, with the bytes of its key.
    pub(super) told: Vec<(Arc<[u8]>, Anomaly)>,
    /// How many incidents are open.
    pub(super) open: usize,
    /// How many templates were forgotten,
    pub(super) templates_evicted: u64,
    /// and how many keys.
    pub(super) keys_evicted: u64,
    /// Events that had templates, but came too late to count.
    pub(super) late: u64,
    /// Events of a template for which there was no room in a bucket.
    pub(super) uncounted: u64,
}

/// What is kept of a key.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    miner: Miner,
    watch: Watch,
    /// The bucket of its latest event, late ones included.
    newest: i64,
    /// Whether a snapshot has it, and must be told when it is gone.
    #[serde(skip)]
    saved: bool,
}

/// The keys of one shard.
pub(crate) struct Shard {
    shared: Arc<Shared>,
    keys: HashMap<Arc<[u8]>, Box<State>, RandomState>,
    /// Keys that changed since they were saved.
    changed: HashSet<Arc<[u8]>, RandomState>,
    /// Buckets before this one are closed.
    closed: i64,
    /// How many incidents are open.
    open: usize,
}

impl Shard {
    /// Without any key.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, keys: HashMap::default(), changed: HashSet::default(), closed: i64::MIN, open: 0 }
    }

    /// Finds the templates of the lines, one after the other, and counts them.
    fn mine(&mut self, Part { keys, lines, text, .. }: Part, made: &mut Yield) {
        let limits = self.shared.limits;
        // By address: a template that has not changed is where it was, and is held here.
        let mut places: HashMap<(usize, u64), u32, RandomState> = HashMap::default();
        made.rows.reserve_exact(lines.len());
        for line in lines {
            let name = &keys[line.key as usize];
            let state = match self.keys.get_mut(name) {
                Some(state) => state,
                None => self.keys.entry(Arc::clone(name)).or_default(),
            };
            let mined = state.miner.mine(&text[line.normal], limits.templates);
            made.templates_evicted += u64::from(mined.has_evicted);
            state.newest = state.newest.max(line.at.0.div_euclid(BUCKET));
            match line.bucket {
                Some(bucket) => {
                    let sample = || Sample { at: line.at, line: text[line.raw.clone()].into() };
                    let counted = state.watch.count(bucket, mined.id, &mined.text, sample, limits);
                    made.uncounted += u64::from(!counted);
                    if mined.has_evicted {
                        state.watch.note_evicted(bucket);
                    }
                }
                None => made.late += 1,
            }
            let place = *places.entry((mined.text.as_ptr().addr(), mined.id)).or_insert_with(|| {
                // No more than there are rows, which are counted in 32 bits.
                let place = u32::try_from(made.templates.len()).unwrap_or(u32::MAX);
                made.templates.push((mined.text, mined.id));
                place
            });
            made.rows.push((line.row, place));
        }
        self.changed.extend(keys);
    }

    /// Closes the buckets that end before the watermark.
    fn advance(&mut self, watermark: Time, made: &mut Yield) {
        let until = (watermark != Time::MAX).then(|| watermark.as_micros().div_euclid(BUCKET));
        if until.is_some_and(|until| until <= self.closed) {
            return;
        }
        self.closed = until.unwrap_or(self.closed);
        let Self { shared, keys, changed, .. } = self;
        let mut found = Vec::new();
        // In any order: what is told is sorted by time and key.
        for (name, state) in keys.iter_mut().filter(|(_, state)| state.watch.is_awake()) {
            let incident = |naming, since| shared.teller.incident(shared.group_by.key(name), naming, since);
            made.templates_evicted += state.watch.advance(until, shared.limits, incident, &mut found);
            made.told.extend(found.drain(..).map(|finding| shared.told(name, finding)));
            changed.insert(Arc::clone(name));
        }
    }

    /// Forgets the keys whose last event is the oldest, ties by key, until there are few enough.
    fn evict(&mut self, limit: usize, made: &mut Yield) {
        if self.keys.len() <= limit {
            return;
        }
        let excess = self.keys.len() - (limit - limit / SLACK);
        let mut oldest: Vec<_> = self.keys.iter().map(|(name, state)| (state.newest, Arc::clone(name))).collect();
        oldest.select_nth_unstable(excess - 1);
        let mut found = Vec::new();
        for (_, name) in oldest.into_iter().take(excess) {
            let Some(mut state) = self.keys.remove(&name) else { continue };
            state.watch.forget(&mut found);
            made.told.extend(found.drain(..).map(|finding| self.shared.told(&name, finding)));
            if state.saved {
                self.changed.insert(name);
            } else {
                self.changed.remove(&name);
            }
        }
        made.keys_evicted = excess as u64;
    }
}

impl Shared {
    fn told(&self, name: &Arc<[u8]>, finding: Finding) -> (Arc<[u8]>, Anomaly) {
        (Arc::clone(name), self.teller.anomaly(self.group_by.key(name), finding))
    }
}

impl keyed::Shard for Shard {
    type Part = Part;
    type Yield = Yield;

    fn step(&mut self, part: Option<Part>, watermark: Time) -> Yield {
        let mut made = Yield::default();
        let mut limit = usize::MAX;
        if let Some(part) = part {
            limit = part.capacity;
            self.mine(part, &mut made);
        }
        self.advance(watermark, &mut made);
        self.evict(limit, &mut made);
        if !made.told.is_empty() {
            self.open = self.keys.values().map(|state| state.watch.open()).sum();
        }
        made.open = self.open;
        made
    }

    fn save(&mut self, save: &mut Save<'_>) {
        for name in self.changed.drain() {
            let state = self.keys.get_mut(&name).map(|state| {
                state.saved = true;
                // It has no sequence of unknown length, the one thing that can't be encoded; an empty state would be
                // refused by `load`.
                snapshot::encode(VERSION, &(self.shared.fingerprint, &**state)).unwrap_or_default()
            });
            save(&name, state);
        }
    }

    fn load(&mut self, name: &[u8], state: &[u8]) -> anyhow::Result<()> {
        let (fingerprint, mut state): (u64, State) = snapshot::decode(VERSION, state)?;
        ensure!(
            fingerprint == self.shared.fingerprint,
            "the templates are of another field, of other keys, or other masks"
        );
        state.saved = true;
        self.open += state.watch.open();
        self.keys.insert(name.into(), Box::new(state));
        Ok(())
    }

    fn describe(&self, key: &[u8]) -> Option<Description> {
        let State { miner, watch, .. } = self.keys.get(key)?.as_ref();
        let (words, figures) = watch.describe(miner.lines(), self.shared.limits);
        Some(Description { key: key::label(&self.shared.group_by.key(key)), words, figures })
    }
}
