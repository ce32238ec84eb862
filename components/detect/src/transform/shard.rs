//! The state of a share of the keys: what the core keeps of each, and which of them have to be looked at.
//!
//! A step costs as much as it has points. Keys that are not in it are looked at only where they have an open incident
//! (time may end it), or where there are too many keys.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use anyhow::ensure;
use foldhash::fast::RandomState;
use logd_sdk::keyed::{self, Description, Save};
use logd_sdk::{Time, snapshot};

use super::core::Core;
use super::gauges::{Gauges, Series};
use super::key::{self, GroupBy};
use super::keyed::{AFTER, EVICTED, Part, Point, Scored, Told, Yield};
use crate::time::Micros;

/// The version of the snapshot's form: a fingerprint of what the baseline is of, and the core's state.
const VERSION: u8 = 2;

/// When there are too many keys, this part of them goes beyond those that must, so that not every batch looks through
/// all of them.
const SLACK: usize = 16;

/// What all shards of a detector share, and nobody changes.
pub(super) struct Shared<C> {
    /// The detector itself.
    pub(super) core: C,
    /// What makes a key.
    pub(super) group_by: GroupBy,
    /// What is shown at `/metrics`.
    pub(super) series: Arc<Series>,
    /// What its states are of.
    pub(super) fingerprint: u64,
}

/// What is kept, by key. In boxes: the table has room for up to twice as many keys as there are.
type Keys<S> = HashMap<Arc<[u8]>, Box<Watched<S>>, RandomState>;

/// The keys of one shard.
pub(crate) struct Shard<C: Core> {
    shared: Arc<Shared<C>>,
    keys: Keys<C::State>,
    /// The keys with an open incident, which others may have to resolve.
    open: BTreeSet<Arc<[u8]>>,
    /// Keys that changed since they were saved.
    changed: HashSet<Arc<[u8]>, RandomState>,
    /// What is shown of them.
    gauges: Gauges,
}

/// What is kept of a key. How an anomaly and `/metrics` show it follows from its name.
struct Watched<S> {
    state: S,
    /// Whether a snapshot has it, and must be told when it is gone.
    saved: bool,
}

impl<C: Core> Shard<C> {
    /// Without any key.
    pub(super) fn new(shared: Arc<Shared<C>>) -> Self {
        let gauges = Gauges::new(Arc::clone(&shared.series));
        let (keys, changed) = (HashMap::default(), HashSet::default());
        Self { shared, keys, open: BTreeSet::new(), changed, gauges }
    }

    /// Takes the points in, one after the other.
    fn observe(&mut self, names: &[Arc<[u8]>], points: Vec<Point>, values: &[f64], made: &mut Yield) {
        let mut last = vec![None; names.len()];
        made.scored.reserve_exact(points.len());
        let fields = values.len() / points.len().max(1);
        for (Point { row, key, window, events }, values) in points.into_iter().zip(values.chunks_exact(fields.max(1))) {
            let name = &names[key as usize];
            let watched = match self.keys.get_mut(name) {
                Some(watched) => watched,
                None => {
                    let state = self.shared.core.begin();
                    self.keys.entry(Arc::clone(name)).or_insert_with(|| Box::new(Watched { state, saved: false }))
                }
            };
            let (state, shown) = (&mut watched.state, || self.shared.group_by.key(name));
            match self.shared.core.observe(state, shown, window, values, events) {
                Ok(observation) => {
                    if !observation.anomalies.is_empty() {
                        note_open(&mut self.open, name, C::is_open(state));
                        let told = |anomaly| Told { row, name: Arc::clone(name), anomaly };
                        made.told.extend(observation.anomalies.into_iter().map(told));
                    }
                    made.scored.push(Scored { row, key, at: window.end, score: observation.score });
                    last[key as usize] = Some(observation.score);
                }
                Err(unusable) => *made.errors.entry(unusable.reason()).or_default() += 1,
            }
        }
        // Once a step and key: nobody looks more often.
        for (name, score) in names.iter().zip(&last) {
            self.changed.insert(Arc::clone(name));
            if let Some(score) = score {
                self.gauges.set(name, score, || key::label(&self.shared.group_by.key(name)));
            }
        }
    }

    /// Event time has come to `until`: resolves the incidents of keys that have been silent for too long.
    fn advance(&mut self, until: Micros, made: &mut Yield) {
        let Self { shared, keys, open, changed, .. } = self;
        open.retain(|name| {
            let Some(Watched { state, .. }) = keys.get_mut(name).map(Box::as_mut) else { return false };
            let resolved = shared.core.advance(state, || shared.group_by.key(name), until);
            if let Some(anomaly) = resolved {
                changed.insert(Arc::clone(name));
                made.told.push(Told { row: AFTER, name: Arc::clone(name), anomaly });
            }
            C::is_open(state)
        });
    }

    /// Forgets the keys whose last value is the oldest, ties by key, until there are few enough. Nobody is left to see
    /// the end of their incidents, so that is said.
    fn evict(&mut self, capacity: usize, made: &mut Yield) {
        if self.keys.len() <= capacity {
            return;
        }
        let excess = self.keys.len() - (capacity - capacity / SLACK);
        let mut oldest: Vec<_> =
            self.keys.iter().map(|(name, watched)| (C::last_seen(&watched.state), Arc::clone(name))).collect();
        oldest.select_nth_unstable(excess - 1);
        for (_, name) in oldest.into_iter().take(excess) {
            let Some(mut watched) = self.keys.remove(&name) else { continue };
            let Watched { state, saved } = watched.as_mut();
            let resolved = self.shared.core.forget(state, || self.shared.group_by.key(&name));
            made.told.extend(resolved.map(|anomaly| Told { row: AFTER, name: Arc::clone(&name), anomaly }));
            self.open.remove(&name);
            self.gauges.remove(&name);
            if *saved {
                self.changed.insert(name);
            } else {
                self.changed.remove(&name);
            }
        }
        made.errors.insert(EVICTED, excess as u64);
    }
}

/// Takes note of whether the key has an open incident.
fn note_open(open: &mut BTreeSet<Arc<[u8]>>, name: &Arc<[u8]>, is_open: bool) {
    if is_open {
        open.insert(Arc::clone(name));
    } else {
        open.remove(name);
    }
}

impl<C: Core> keyed::Shard for Shard<C> {
    type Part = Part;
    type Yield = Yield;

    fn step(&mut self, part: Option<Part>, _: Time) -> Yield {
        let mut made = Yield::default();
        if let Some(Part { keys, points, values, until, capacity, errors }) = part {
            made.errors = errors;
            self.gauges.begin();
            self.observe(&keys, points, &values, &mut made);
            if let Some(until) = until {
                self.advance(until, &mut made);
            }
            made.told.iter().for_each(|told| self.gauges.count(self.gauges.shows(&told.name), &told.anomaly));
            self.evict(capacity, &mut made);
            self.gauges.end();
            made.keys = keys;
        }
        made.open = self.open.len();
        made
    }

    fn save(&mut self, save: &mut Save<'_>) {
        for name in self.changed.drain() {
            let state = self.keys.get_mut(&name).map(|watched| {
                watched.saved = true;
                // It has no sequence of unknown length, the one thing that can't be encoded; an empty state would be
                // refused by `load`.
                snapshot::encode(VERSION, &(self.shared.fingerprint, &watched.state)).unwrap_or_default()
            });
            save(&name, state);
        }
    }

    fn load(&mut self, key: &[u8], state: &[u8]) -> anyhow::Result<()> {
        let (fingerprint, state): (u64, C::State) = snapshot::decode(VERSION, state)?;
        let name: Arc<[u8]> = key.into();
        ensure!(
            fingerprint == self.shared.fingerprint,
            "the baseline is of another field, of other keys, or by another method"
        );
        note_open(&mut self.open, &name, C::is_open(&state));
        self.keys.insert(name, Box::new(Watched { state, saved: true }));
        Ok(())
    }

    fn describe(&self, key: &[u8]) -> Option<Description> {
        let (words, figures) = self.shared.core.describe(&self.keys.get(key)?.state);
        Some(Description { key: key::label(&self.shared.group_by.key(key)), words, figures })
    }
}
