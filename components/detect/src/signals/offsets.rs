//! How far latencies lie from their median: a histogram that fades.

use serde::{Deserialize, Serialize};

use super::bucket::begin;

/// How many bins it has on either side of the median: a factor of 3,000. What is further out counts as that.
const SIDE: i32 = 160;

/// How many latencies lie how many bins above the median's: 4 bytes for each bin between the least and the greatest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Offsets {
    /// The first bin that has a count.
    lowest: i32,
    counts: Vec<f32>,
}

impl Offsets {
    /// Adds so many latencies so many bins above the median's.
    pub(super) fn add(&mut self, offset: i32, count: u32) {
        let offset = offset.clamp(-SIDE, SIDE - 1);
        if self.counts.is_empty() {
            self.lowest = offset;
        }
        if offset < self.lowest {
            let more = self.lowest.abs_diff(offset) as usize;
            self.counts.splice(..0, std::iter::repeat_n(0.0, more));
            self.lowest = offset;
        }
        let place = offset.abs_diff(self.lowest) as usize;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0.0);
        }
        self.counts[place] += count as f32;
    }

    /// From how far above the median on, in logarithms, no more than this share of all lies; none of nothing.
    pub(super) fn above(&self, share: f64) -> Option<f64> {
        let total: f64 = self.counts.iter().copied().map(f64::from).sum();
        let mut above = 0.0;
        let place = self.counts.iter().rposition(|&count| {
            above += f64::from(count);
            above > share * total
        })?;
        // There are no more than 320.
        Some(begin(self.lowest + i32::try_from(place).unwrap_or(SIDE) + 1))
    }

    /// Keeps this part of all counts.
    pub(super) fn fade(&mut self, kept: f64) {
        self.counts.iter_mut().for_each(|count| *count = (f64::from(*count) * kept) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_lies_above() {
        let mut offsets = Offsets::default();
        assert_eq!(offsets.above(0.01), None);
        for offset in [0, -3, 4, -1000] {
            offsets.add(offset, 30);
        }
        offsets.add(40, 1);
        assert_eq!(offsets.above(0.01), Some(0.25), "the bin of 4 ends at 5 / 20");
        offsets.add(40, 2);
        assert_eq!(offsets.above(0.01), Some(2.05));
        offsets.fade(0.5);
        assert_eq!(offsets.above(0.01), Some(2.05));
    }
}
