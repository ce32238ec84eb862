//! How empty the place of a point is, for several fields at once: half-space trees.
//!
//! Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data" (2011). Each tree halves the space of the fields again
//! and again, at places that chance has chosen beforehand and no data. How many of the last points lie in the part that a
//! point falls into says how usual it is there; many trees together are what one alone is not. One field far outside is
//! found so, and a combination that never was, of values that each are usual.
//!
//! The trees are the same for all keys and in every run: the chance comes of a hash. Fields are scaled to the range that
//! they had in the window of points that is counted, so that none outweighs another by its unit.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::shingle::RELATIVE_FLOOR;

/// How many trees there are,
const TREES: usize = 25;

/// and how often each halves the space. The paper has 15, whose counts would take 3 MB a key; with as few points as are
/// counted, the places below the eighth are empty but for points that are all the same.
const DEPTH: usize = 8;

/// So many points are counted, and then the next: the paper's window.
const WINDOW: usize = 250;

/// A part with so few points is not looked into further; of `WINDOW` a tenth, as in the paper.
const FEW: u16 = 25;

/// The nodes of one tree, in the order of their depth: the halves of node `n` are `2n + 1` and `2n + 2`.
const NODES: usize = (1 << (DEPTH + 1)) - 1;

/// Trees over so many fields.
#[derive(Clone, Debug)]
pub(super) struct Forest {
    fields: usize,
    trees: Vec<Vec<Split>>,
}

/// Where a node parts its space.
#[derive(Clone, Copy, Debug)]
struct Split {
    /// In which field,
    field: usize,
    /// at which value. What is less is in the first half.
    at: f64,
}

/// What is counted of one key: 25 KiB, and 16 bytes for each field and point of the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Masses {
    /// The points since the last window was full, field by field within each.
    next: Vec<f64>,
    /// Least and greatest value of each field in the window that is counted.
    ranges: Vec<(f64, f64)>,
    /// How many of its points lie within each node, tree by tree. Empty before the first window is full.
    counts: Vec<u16>,
}

impl Masses {
    /// Least and greatest value of each field in the window that is counted; none before the first is full.
    pub(super) fn ranges(&self) -> &[(f64, f64)] {
        &self.ranges
    }
}

/// What the trees say of a point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Least and greatest value of each field in the window that was counted.
    pub(super) ranges: Vec<(f64, f64)>,
    /// For each tree how many points the whole space would hold, if it were as full as the point's part of it.
    pub(super) masses: Vec<u32>,
}

/// The strangeness of such a place: 1 where there is nothing, a half where it is as full as anywhere, towards 0 where
/// points are crowded.
pub(super) fn strangeness(masses: &[u32]) -> f64 {
    let evenly = (masses.len() * WINDOW) as f64;
    let here: u64 = masses.iter().map(|&mass| u64::from(mass)).sum();
    if evenly > 0.0 { evenly / (evenly + here as f64) } else { 0.0 }
}

impl Forest {
    /// For so many fields, 1 or more.
    pub(super) fn new(fields: usize) -> Self {
        Self { fields, trees: (0..TREES).map(|tree| splits(tree, fields)).collect() }
    }

    /// Says where a point lies among those of the last full window, and takes it into the next. None before the first
    /// is full.
    pub(super) fn push(&self, masses: &mut Masses, point: &[f64]) -> Option<Place> {
        let place = (!masses.counts.is_empty()).then(|| self.place(masses, point));
        masses.next.extend_from_slice(point);
        if masses.next.len() >= WINDOW * self.fields {
            self.count(masses);
        }
        place
    }

    fn place(&self, masses: &Masses, point: &[f64]) -> Place {
        let scaled = scale(point, &masses.ranges);
        let of_tree = |(splits, counts): (&Vec<Split>, &[u16])| {
            let (mut node, mut depth) = (0, 0);
            while depth < DEPTH && counts[node] > FEW {
                node = splits[node].half(node, &scaled);
                depth += 1;
            }
            u32::from(counts[node]) << depth
        };
        let masses_of_trees = self.trees.iter().zip(masses.counts.chunks(NODES)).map(of_tree).collect();
        Place { ranges: masses.ranges.clone(), masses: masses_of_trees }
    }

    /// The points that have come are a full window: they are counted, and no others any more.
    fn count(&self, masses: &mut Masses) {
        let points = std::mem::take(&mut masses.next);
        let field = |field: usize| points.iter().skip(field).step_by(self.fields).copied();
        let range = |number| {
            field(number)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        };
        masses.ranges = (0..self.fields).map(range).collect();
        masses.counts = vec![0; TREES * NODES];
        for point in points.chunks(self.fields) {
            let scaled = scale(point, &masses.ranges);
            for (splits, counts) in self.trees.iter().zip(masses.counts.chunks_mut(NODES)) {
                let mut node = 0;
                counts[node] += 1;
                for _ in 0..DEPTH {
                    node = splits[node].half(node, &scaled);
                    counts[node] += 1;
                }
            }
        }
    }
}

impl Split {
    /// The half of `node` that a point is in.
    fn half(self, node: usize, point: &[f64]) -> usize {
        2 * node + if point[self.field] < self.at { 1 } else { 2 }
    }
}

/// The point in units of the ranges: from 0 to 1 where it is within. A level field has some width, too.
fn scale(point: &[f64], ranges: &[(f64, f64)]) -> Vec<f64> {
    let one = |(&value, &(low, high)): (&f64, &(f64, f64))| {
        let least = (low.abs().max(high.abs()) * RELATIVE_FLOOR).max(f64::MIN_POSITIVE);
        (value - low) / (high - low).max(least)
    };
    point.iter().zip(ranges).map(one).collect()
}

/// The splits of one tree. Its space reaches beyond the range of the data, on one side or both, as the paper has it.
fn splits(tree: usize, fields: usize) -> Vec<Split> {
    let around = |field| {
        let center = chance(tree, 0, field);
        let reach = 2.0 * center.max(1.0 - center);
        (center - reach, center + reach)
    };
    let mut spaces: Vec<Vec<(f64, f64)>> = vec![(0..fields).map(around).collect()];
    let mut splits = Vec::with_capacity(NODES / 2);
    for node in 0..NODES / 2 {
        let field = ((chance(tree, 1, node) * fields as f64) as usize).min(fields - 1);
        let (low, high) = spaces[node][field];
        let at = f64::midpoint(low, high);
        let (mut first, mut second) = (spaces[node].clone(), spaces[node].clone());
        (first[field], second[field]) = ((low, at), (at, high));
        spaces.extend([first, second]);
        splits.push(Split { field, at });
    }
    splits
}

/// A number from 0 to 1 that looks like chance, the same in every run.
fn chance(tree: usize, purpose: usize, number: usize) -> f64 {
    let bytes: Vec<u8> = [tree, purpose, number].iter().flat_map(|part| (*part as u64).to_le_bytes()).collect();
    // 53 bits, as many as a number of this type holds.
    (xxh3_64(&bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> impl Iterator<Item = f64> {
        (0..n).map(|number| chance(1000, 7, number))
    }

    /// Two fields that go together, from 0 to 1 each.
    fn fed() -> (Forest, Masses) {
        let (forest, mut masses) = (Forest::new(2), Masses::default());
        for (index, value) in noise(WINDOW).enumerate() {
            let place = forest.push(&mut masses, &[value, value * 1e6]);
            assert!(place.is_none(), "{index}: the first window is not full");
        }
        (forest, masses)
    }

    #[test]
    fn every_point_is_in_every_tree_at_every_depth() {
        let (_, masses) = fed();
        for counts in masses.counts.chunks(NODES) {
            for depth in 0..=DEPTH {
                let level = (1 << depth) - 1..(1 << (depth + 1)) - 1;
                assert_eq!(counts[level].iter().map(|&count| usize::from(count)).sum::<usize>(), WINDOW);
            }
        }
    }

    #[test]
    fn empty_places_are_strange_also_where_each_value_is_usual() {
        let (forest, masses) = fed();
        let strangeness = |point: [f64; 2]| strangeness(&forest.place(&masses, &point).masses);
        let usual = [0.2, 0.4, 0.6, 0.8].map(|value| strangeness([value, value * 1e6])).into_iter().fold(0.0, f64::max);
        assert!(strangeness([0.1, 0.9e6]) > 1.5 * usual, "the combination never was");
        assert!(strangeness([5.0, 5e6]) > 2.0 * usual);
    }

    #[test]
    fn a_level_field_has_a_width() {
        let (forest, mut masses) = (Forest::new(1), Masses::default());
        (0..WINDOW).for_each(|_| drop(forest.push(&mut masses, &[42.0])));
        let of = |value: f64| strangeness(&forest.place(&masses, &[value]).masses);
        assert!(of(42.0) < 0.05 && of(42.0 + 1e-9) < 0.05 && of(43.0) > 0.9, "{} {}", of(42.0), of(43.0));
    }

    #[test]
    fn another_window_takes_the_place_of_the_last() {
        let (forest, mut masses) = fed();
        let strange = |masses: &Masses| strangeness(&forest.place(masses, &[7.0, 7e6]).masses);
        let before = strange(&masses);
        noise(WINDOW).for_each(|value| drop(forest.push(&mut masses, &[7.0 + value, 7e6 + value * 1e6])));
        assert!(before > 0.9 && strange(&masses) < 0.6);
        assert!(masses.next.is_empty());
    }
}
