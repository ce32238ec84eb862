//! The open windows of a share of the keys.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::ensure;
use foldhash::fast::RandomState;
use logd_sdk::keyed::{self, Description, Save};
use logd_sdk::{Time, snapshot};
use serde::{Deserialize, Serialize};

use super::aggregate::State;
use super::operator::{Folded, Part, Yield};
use super::panes::Span;
use super::recipe::Recipe;

/// The version of the snapshot's form.
const VERSION: u8 = 1;

/// When there are too many keys, this part of them goes beyond those that must, so that not every batch looks through
/// all of them.
const SLACK: usize = 16;

/// The windows of some of the keys.
pub struct Shard {
    recipe: Arc<Recipe>,
    keys: HashMap<Arc<[u8]>, Key, RandomState>,
    /// Keys by the end of their next window. A key may stand at a later end too, where it is passed over.
    due: BTreeMap<Time, Vec<Arc<[u8]>>>,
    /// Keys that changed since the last snapshot, or that it has and are gone.
    changed: HashSet<Arc<[u8]>, RandomState>,
}

/// What is kept of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Key {
    /// The latest time of its events.
    newest: Time,
    cells: Vec<Cell>,
    /// Whether a snapshot has it, and must be told when it is gone.
    #[serde(skip)]
    saved: bool,
}

/// What is kept of some of its events: those that belong to the same windows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cell {
    /// Their windows, of those that are still open.
    span: Span,
    states: Box<[State]>,
}

/// A window that has closed.
#[derive(Debug)]
pub(super) struct Closed {
    /// Its end.
    pub(super) end: Time,
    /// Its key's bytes.
    pub(super) key: Arc<[u8]>,
    /// The results of its aggregates, as [`tuple`](super::tuple) writes them.
    pub(super) results: Vec<u8>,
}

impl Shard {
    /// Without any key.
    pub(super) fn new(recipe: Arc<Recipe>) -> Self {
        let (keys, changed) = (HashMap::default(), HashSet::default());
        Self { recipe, keys, due: BTreeMap::new(), changed }
    }

    fn fold(&mut self, Folded { key, span, newest, states }: Folded) {
        // Of a key that is gone and still stands there a snapshot is yet to be told.
        let new = || Key { newest, cells: Vec::new(), saved: self.changed.contains(&key) };
        let entry = self.keys.entry(Arc::clone(&key)).or_insert_with(new);
        entry.newest = entry.newest.max(newest);
        if entry.next().is_none_or(|next| span.first < next) {
            self.due.entry(span.first).or_default().push(Arc::clone(&key));
        }
        match entry.cells.iter_mut().find(|cell| cell.span == span) {
            Some(cell) => self.recipe.merge(&mut cell.states, states),
            None => {
                // Most keys have one window at a time, and of the first a vector would make four.
                if entry.cells.is_empty() {
                    entry.cells.reserve_exact(1);
                }
                entry.cells.push(Cell { span, states });
            }
        }
        self.changed.insert(key);
    }

    /// Emits the key's window that ends at `end`, and goes on to its next one.
    fn close(&mut self, end: Time, key: Arc<[u8]>, closed: &mut Vec<Closed>) {
        let Some(entry) = self.keys.get_mut(&key) else { return };
        if entry.next() != Some(end) {
            return;
        }
        let states = entry.take(end, &self.recipe);
        closed.push(Closed { end, key: Arc::clone(&key), results: self.recipe.finish(&states) });
        match entry.next() {
            Some(next) => {
                self.due.entry(next).or_default().push(Arc::clone(&key));
                self.changed.insert(key);
            }
            None => self.forget(&key),
        }
    }

    fn forget(&mut self, key: &Arc<[u8]>) {
        if self.keys.remove(key).is_some_and(|key| key.saved) {
            self.changed.insert(Arc::clone(key));
        } else {
            self.changed.remove(key);
        }
    }

    /// Gives up the keys whose last event is the oldest, ties by key, until there are few enough; returns how many.
    fn evict(&mut self, limit: usize) -> u64 {
        if self.keys.len() <= limit {
            return 0;
        }
        let excess = self.keys.len() - (limit - limit / SLACK);
        let mut oldest: Vec<_> = self.keys.iter().map(|(name, key)| (key.newest, Arc::clone(name))).collect();
        oldest.select_nth_unstable(excess - 1);
        oldest.iter().take(excess).for_each(|(_, key)| self.forget(key));
        // Where they were due, they must not be remembered: keys that come and go would pile up.
        self.due.clear();
        for (name, key) in &self.keys {
            if let Some(next) = key.next() {
                self.due.entry(next).or_default().push(Arc::clone(name));
            }
        }
        excess as u64
    }
}

impl Key {
    /// The end of its next window.
    fn next(&self) -> Option<Time> {
        self.cells.iter().map(|cell| cell.span.first).min()
    }

    /// What it has of the window that ends at `end`, the next one. Cells that belong to no later window go.
    fn take(&mut self, end: Time, recipe: &Recipe) -> Box<[State]> {
        let mut whole: Option<Box<[State]>> = None;
        self.cells.retain_mut(|cell| {
            if cell.span.first > end {
                return true;
            }
            let is_last = cell.span.last <= end;
            let states = if is_last { std::mem::take(&mut cell.states) } else { cell.states.clone() };
            match &mut whole {
                Some(whole) => recipe.merge(whole, states),
                None => whole = Some(states),
            }
            cell.span.first = recipe.panes.next(end);
            !is_last
        });
        whole.unwrap_or_default()
    }
}

impl Recipe {
    fn merge(&self, into: &mut [State], from: Box<[State]>) {
        for ((aggregate, into), from) in self.aggregates.iter().zip(into).zip(from) {
            aggregate.merge(into, from);
        }
    }

    fn finish(&self, states: &[State]) -> Vec<u8> {
        let seconds = self.panes.size as f64 / 1e6;
        let mut results = Vec::new();
        for (aggregate, state) in self.aggregates.iter().zip(states) {
            aggregate.finish(state, seconds, &mut results);
        }
        results
    }
}

impl keyed::Shard for Shard {
    type Part = Part;
    type Yield = Yield;

    fn step(&mut self, part: Option<Part>, watermark: Time) -> Yield {
        let mut made = Yield::default();
        let mut limit = usize::MAX;
        if let Some(part) = part {
            made.failures = part.failures;
            limit = part.capacity;
            part.cells.into_iter().for_each(|folded| self.fold(folded));
        }
        while let Some(next) = self.due.first_entry().filter(|next| *next.key() <= watermark) {
            let (end, keys) = next.remove_entry();
            keys.into_iter().for_each(|key| self.close(end, key, &mut made.closed));
        }
        made.evicted = self.evict(limit);
        made
    }

    fn save(&mut self, save: &mut Save<'_>) {
        for name in self.changed.drain() {
            let state = self.keys.get_mut(&name).map(|key| {
                key.saved = true;
                // It has no sequence of unknown length, the one thing that can't be encoded; an empty state would be
                // refused by `load`.
                snapshot::encode(VERSION, &(self.recipe.fingerprint, &*key)).unwrap_or_default()
            });
            save(&name, state);
        }
    }

    fn load(&mut self, name: &[u8], state: &[u8]) -> anyhow::Result<()> {
        let (fingerprint, mut key): (u64, Key) = snapshot::decode(VERSION, state)?;
        ensure!(fingerprint == self.recipe.fingerprint, "the state is of a window with other settings");
        key.saved = true;
        let name: Arc<[u8]> = name.into();
        if let Some(next) = key.next() {
            self.due.entry(next).or_default().push(Arc::clone(&name));
        }
        self.keys.insert(name, key);
        Ok(())
    }

    fn describe(&self, name: &[u8]) -> Option<Description> {
        let (name, mut key) = self.keys.get_key_value(name).map(|(name, key)| (name, key.clone()))?;
        let mut open = Vec::new();
        while let Some(end) = key.next() {
            let states = key.take(end, &self.recipe);
            open.push(Closed { end, key: Arc::clone(name), results: self.recipe.finish(&states) });
        }
        Some(self.recipe.describe(&open, key.newest))
    }
}
