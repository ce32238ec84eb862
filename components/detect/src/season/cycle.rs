//! One sort of cycle, days or weeks: what each time in it usually adds, as the median over the last ones.
//!
//! A cycle is divided into slots. For each that has passed it is kept how far the mean of each slot's values was from the
//! mean of all slots. The median over cycles learns what comes again, and not what an incident has done to one of them.
//! Values of an incident are counted all the same: a job that runs every night would else stay an incident for ever.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::time::Micros;

const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// So many cycles must be known, so that one odd one is outvoted.
const LEAST: usize = 3;

/// A slot's mean is that of so many values, on average over the slots; where fewer come, its neighbours' count too,
const ENOUGH: u64 = 5;

/// on each side those within this time.
const WIDEST: i64 = 45 * MINUTE;

/// What repeats. Times are in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// 288 slots of five minutes; the last seven are kept.
    Day,
    /// 672 slots of a quarter of an hour, from Monday on; the last four are kept.
    Week,
}

impl Period {
    /// The length of a slot in microseconds.
    fn slot(self) -> i64 {
        match self {
            Self::Day => 5 * MINUTE,
            Self::Week => 15 * MINUTE,
        }
    }

    fn length(self) -> i64 {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
        }
    }

    fn slots(self) -> usize {
        (self.length() / self.slot()) as usize
    }

    fn kept(self) -> usize {
        match self {
            Self::Day => 7,
            Self::Week => 4,
        }
    }

    /// In which cycle since the epoch a time is, and in which of its slots.
    pub(super) fn place(self, at: Micros) -> (i64, usize) {
        // The epoch was a Thursday.
        let since_monday = at.0.saturating_add(if self == Self::Week { 3 * DAY } else { 0 });
        let (cycle, rest) = (since_monday.div_euclid(self.length()), since_monday.rem_euclid(self.length()));
        (cycle, (rest / self.slot()) as usize)
    }
}

/// What was counted in a slot.
pub(super) struct Slot {
    /// When it began.
    pub(super) start: Micros,
    /// The mean of its values.
    pub(super) mean: f64,
    /// How many there were.
    pub(super) count: u32,
}

/// The cycle that is being counted, and what the last ones were like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cycle {
    pub(super) period: Period,
    current: i64,
    /// Whether its beginning was seen too.
    whole: bool,
    sums: Vec<f64>,
    counts: Vec<u32>,
    /// By slot, how far it was from the mean of all. In single precision: of a difference seven digits are plenty.
    past: VecDeque<Vec<f32>>,
}

impl Cycle {
    /// The first one, in which the key's first value came at `at`.
    pub(super) fn new(period: Period, at: Micros) -> Self {
        let (current, slot) = period.place(at);
        let whole = slot == 0 && at.0.rem_euclid(period.slot()) == 0;
        let (sums, counts) = (vec![0.0; period.slots()], vec![0; period.slots()]);
        Self { period, current, whole, sums, counts, past: VecDeque::new() }
    }

    /// Counts a value, unless its cycle has passed.
    pub(super) fn add(&mut self, at: Micros, value: f64) {
        let (cycle, slot) = self.period.place(at);
        if cycle == self.current {
            self.sums[slot] += value;
            self.counts[slot] = self.counts[slot].saturating_add(1);
        }
    }

    /// Ends the cycle if `at` is in a later one. One whose beginning was not seen teaches nothing, for its mean is not
    /// that of a whole one.
    pub(super) fn turn(&mut self, at: Micros) {
        let (cycle, _) = self.period.place(at);
        if cycle <= self.current {
            return;
        }
        if self.whole {
            self.past.extend(self.profile());
            while self.past.len() > self.period.kept() {
                self.past.pop_front();
            }
        }
        (self.current, self.whole) = (cycle, true);
        self.sums.fill(0.0);
        self.counts.fill(0);
    }

    /// What a slot usually adds, by slot; none while too few cycles are known.
    pub(super) fn usual(&self) -> Option<Vec<f32>> {
        if self.past.len() < LEAST {
            return None;
        }
        let mut column = Vec::with_capacity(self.past.len());
        let median = |slot| {
            column.clear();
            column.extend(self.past.iter().map(|cycle| cycle[slot]));
            column.sort_unstable_by(f32::total_cmp);
            let upper = column[column.len() / 2];
            if column.len() % 2 == 1 { upper } else { f32::midpoint(column[column.len() / 2 - 1], upper) }
        };
        Some((0..self.period.slots()).map(median).collect())
    }

    /// The slots of a day of the cycle that is being counted, in order, as far as values came.
    pub(super) fn day(&self, day: i64) -> Vec<Slot> {
        let starts =
            (0..DAY / self.period.slot()).map(|slot| Micros(day.saturating_mul(DAY) + slot * self.period.slot()));
        let slot = |start| {
            let (cycle, slot) = self.period.place(start);
            let count = self.counts[slot];
            let mean = self.sums[slot] / f64::from(count);
            (cycle == self.current && count > 0).then_some(Slot { start, mean, count })
        };
        starts.filter_map(slot).collect()
    }

    /// Whether all of the cycle that is being counted was seen.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// How far each slot is from the mean of all that have values; 0 where there are none.
    fn profile(&self) -> Option<Vec<f32>> {
        let slots = self.period.slots();
        let values: u64 = self.counts.iter().map(|&count| u64::from(count)).sum();
        let widest = (WIDEST / self.period.slot()) as usize;
        let is_enough = |half: &usize| values * (2 * *half as u64 + 1) >= ENOUGH * slots as u64;
        let half = (0..widest).find(is_enough).unwrap_or(widest);
        // A cycle is a circle.
        let mean = |slot: usize| {
            let near = (slot + slots - half..=slot + slots + half).map(|near| near % slots);
            let (mut sum, mut count) = (0.0, 0_u64);
            for near in near {
                sum += self.sums[near];
                count += u64::from(self.counts[near]);
            }
            (count > 0).then(|| sum / count as f64)
        };
        let means: Vec<Option<f64>> = (0..slots).map(mean).collect();
        let known = means.iter().flatten().count();
        if known == 0 {
            return None;
        }
        let level = means.iter().flatten().sum::<f64>() / known as f64;
        // Within what single precision can hold: infinity would spoil whatever it is added to.
        let single = |offset: f64| (offset as f32).clamp(f32::MIN, f32::MAX);
        Some(means.into_iter().map(|mean| mean.map_or(0.0, |mean| single(mean - level))).collect())
    }
}
