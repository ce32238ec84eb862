//! How many logs there were when: over all that a search finds, not over a page.

use std::time::Duration;

use logd_sdk::Time;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use super::Logs;
use super::query::Wanted;
use crate::error::Error;
use crate::series::Grid;

/// No histogram has more stretches, but for one that is cut by the range's beginning.
const MOST: i64 = 1000;
const SECOND: i64 = 1_000_000;

/// Counts of logs, by stretches of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// The length of a stretch.
    pub step: Duration,
    /// Where each begins: a multiple of the step. All of the range are there, those with no log too.
    pub times: Vec<Time>,
    /// How many logs each has.
    pub total: Vec<u64>,
    /// How many of them are errors.
    pub errors: Vec<u64>,
}

/// The grid of a histogram.
pub(crate) fn grid(from: Time, to: Time, step: Duration) -> Grid {
    Grid::new(from, to, step, MOST)
}

impl Logs {
    /// Counts the logs that are wanted. Blocks. `go_on` is asked between parts.
    pub(crate) fn histogram(
        &self,
        wanted: &Wanted,
        grid: &Grid,
        mut go_on: impl FnMut() -> Result<(), Error>,
    ) -> Result<Histogram, Error> {
        let first = grid.from - grid.from.rem_euclid(grid.step);
        let stretches =
            (grid.to - first).div_euclid(grid.step) + i64::from((grid.to - first).rem_euclid(grid.step) > 0);
        let stretches = usize::try_from(stretches).unwrap_or(0);
        let buckets = Buckets { first, step: grid.step, stretches };
        let mut sums = vec![(0, 0); stretches];
        for part in self.parts.list() {
            if !wanted.may_be_in(part.committed().facts.times) {
                continue;
            }
            go_on()?;
            let counted = self.ask(&part, |searcher| Ok(searcher.search(&wanted.query, &buckets)?))?;
            add(&mut sums, &counted.unwrap_or_default());
        }
        let times = (0..stretches as i64)
            .map(|stretch| Time::from_micros((first + stretch * grid.step).saturating_mul(SECOND)));
        let (total, errors) = sums.into_iter().unzip();
        Ok(Histogram { step: grid.step(), times: times.collect(), total, errors })
    }
}

fn add(sums: &mut [(u64, u64)], more: &[(u64, u64)]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        sum.0 += more.0;
        sum.1 += more.1;
    }
}

/// Counts documents by time, and the errors among them.
struct Buckets {
    /// The second in which the first stretch begins.
    first: i64,
    step: i64,
    stretches: usize,
}

struct Segment {
    times: Column<i64>,
    errors: Column<bool>,
    /// In microseconds.
    first: i64,
    step: i64,
    sums: Vec<(u64, u64)>,
}

impl Collector for Buckets {
    type Fruit = Vec<(u64, u64)>;
    type Child = Segment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<Segment> {
        let fast = segment.fast_fields();
        Ok(Segment {
            times: fast.i64("time")?,
            errors: fast.bool("error")?,
            first: self.first.saturating_mul(SECOND),
            step: self.step.saturating_mul(SECOND),
            sums: vec![(0, 0); self.stretches],
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Self::Fruit>) -> tantivy::Result<Self::Fruit> {
        let mut sums = vec![(0, 0); self.stretches];
        segments.iter().for_each(|segment| add(&mut sums, segment));
        Ok(sums)
    }
}

impl SegmentCollector for Segment {
    type Fruit = Vec<(u64, u64)>;

    fn collect(&mut self, document: DocId, _: Score) {
        let Some(time) = self.times.first(document) else { return };
        let stretch = usize::try_from(time.saturating_sub(self.first) / self.step).ok();
        if let Some(sum) = stretch.and_then(|stretch| self.sums.get_mut(stretch)) {
            sum.0 += 1;
            sum.1 += u64::from(self.errors.first(document).unwrap_or(false));
        }
    }

    fn harvest(self) -> Self::Fruit {
        self.sums
    }
}
