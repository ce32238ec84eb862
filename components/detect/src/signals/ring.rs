//! The last two hours of a key, bucket by bucket, with the sums over each of the six scales.
//!
//! Sums are rolling: a bucket is added when it comes and taken off when it is too old. They are of integers, so that
//! nothing of a bucket is left behind when it has gone.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::scale::{SCALES, Scales};
use crate::detector::push_bounded;

/// One, in the fixed point of what is not whole.
const ONE: f64 = 1_048_576.0;

/// So many ones at most, so that the sum over all buckets stays within an integer.
const LARGEST: f64 = 4e9;

/// What is kept of one bucket: 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cell {
    pub(super) events: u32,
    pub(super) errors: u32,
    pub(super) latencies: u32,
    pub(super) tail: u32,
    residual: i64,
    expected: i64,
}

/// Sums over some buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    events: i64,
    errors: i64,
    latencies: i64,
    tail: i64,
    residual: i64,
    expected: i64,
}

/// The same, to reckon with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// How many buckets it is of.
    pub(super) width: usize,
    /// Events,
    pub(super) events: f64,
    /// how many of them failed,
    pub(super) errors: f64,
    /// how many had a latency,
    pub(super) latencies: f64,
    /// and how many of those were among the slowest.
    pub(super) tail: f64,
    /// Σ (ln x − usual).
    pub(super) residual: f64,
    /// How many events were expected.
    pub(super) expected: f64,
}

/// The last buckets of a key, at most 32 bytes for each of 720.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ring {
    cells: VecDeque<Cell>,
    sums: [Sums; SCALES],
}

impl Cell {
    /// What is kept of a bucket with these counts, in which latencies were off the usual by `residual` in all, and
    /// `expected` events were expected.
    pub(super) fn new(events: u64, errors: u64, latencies: u64, tail: u64, residual: f64, expected: f64) -> Self {
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        // A float is cut to the integer's limits, and NaN is 0.
        let fixed = |value: f64| (value.clamp(-LARGEST, LARGEST) * ONE).round() as i64;
        Self {
            events: count(events),
            errors: count(errors),
            latencies: count(latencies),
            tail: count(tail),
            residual: fixed(residual),
            expected: fixed(expected),
        }
    }

    /// Σ (ln x − usual).
    pub(super) fn residual(&self) -> f64 {
        self.residual as f64 / ONE
    }

    /// How many events were expected.
    pub(super) fn expected(&self) -> f64 {
        self.expected as f64 / ONE
    }
}

impl Sums {
    fn add(&mut self, cell: &Cell, sign: i64) {
        self.events += sign * i64::from(cell.events);
        self.errors += sign * i64::from(cell.errors);
        self.latencies += sign * i64::from(cell.latencies);
        self.tail += sign * i64::from(cell.tail);
        self.residual += sign * cell.residual;
        self.expected += sign * cell.expected;
    }

    fn window(&self, width: usize) -> Window {
        Window {
            width,
            events: self.events as f64,
            errors: self.errors as f64,
            latencies: self.latencies as f64,
            tail: self.tail as f64,
            residual: self.residual as f64 / ONE,
            expected: self.expected as f64 / ONE,
        }
    }
}

impl Ring {
    /// Adds the latest bucket.
    pub(super) fn push(&mut self, scales: &Scales, cell: Cell) {
        for (sums, &width) in self.sums.iter_mut().zip(&scales.widths) {
            sums.add(&cell, 1);
            if let Some(old) = self.cells.len().checked_sub(width).and_then(|place| self.cells.get(place)) {
                sums.add(old, -1);
            }
        }
        push_bounded(&mut self.cells, cell, scales.longest());
    }

    /// The sums over a scale; none while there are too few buckets.
    pub(super) fn window(&self, scales: &Scales, scale: usize) -> Option<Window> {
        let width = scales.widths[scale];
        (width <= self.cells.len()).then(|| self.sums[scale].window(width))
    }

    /// The sums over the last `width` buckets, or as many as there are.
    pub(super) fn last(&self, width: usize) -> Window {
        let mut sums = Sums::default();
        self.latest(width).for_each(|cell| sums.add(cell, 1));
        sums.window(width.min(self.cells.len()))
    }

    /// The last `width` buckets, the latest first.
    pub(super) fn latest(&self, width: usize) -> impl Iterator<Item = &Cell> {
        self.cells.iter().rev().take(width)
    }

    /// How many events there were in all that are kept.
    pub(super) fn events(&self) -> i64 {
        self.sums[SCALES - 1].events
    }

    /// Lets all go.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rolling_sums_are_the_sums(cells in prop::collection::vec((0..9_u64, -50.0..50_f64), 1..900)) {
            let scales = Scales::new(Duration::from_secs(10));
            let mut ring = Ring::default();
            for &(count, off) in &cells {
                ring.push(&scales, Cell::new(count, count / 2, count, 0, off * count as f64, off.abs()));
            }
            for (scale, &width) in scales.widths.iter().enumerate() {
                let window = ring.window(&scales, scale);
                prop_assert_eq!(window, (width <= cells.len()).then(|| ring.last(width)));
                let events: u64 = cells.iter().rev().take(width).map(|cell| cell.0).sum();
                prop_assert!(window.is_none_or(|window| window.events == events as f64));
            }
        }
    }

    #[test]
    fn nothing_runs_over() {
        let scales = Scales::new(Duration::from_secs(10));
        let mut ring = Ring::default();
        for value in [f64::INFINITY, f64::NAN, 1e300, f64::NEG_INFINITY].into_iter().cycle().take(1000) {
            ring.push(&scales, Cell::new(u64::MAX, u64::MAX, 1, 1, value, 1e300));
        }
        assert!(ring.window(&scales, SCALES - 1).unwrap().expected > 1e12);
    }
}
