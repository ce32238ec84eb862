//! What happened in one bucket of time of one key: counts, and exact sums of logarithms.
//!
//! Everything in it is an integer, so that it comes out the same, bit for bit, however the events were parted into
//! batches and in whichever order they came.

use serde::{Deserialize, Serialize};

/// One in the fixed point in which logarithms are added up: 2^32, so that rounding costs less than 1e-9 for an event.
const ONE: f64 = 4_294_967_296.0;

/// Logarithms beyond this count as this: 2e-22 to 5e21, whatever the unit is. So a histogram is never wider than 8 kB.
const LARGEST: f64 = 50.0;

/// How many bins of the histogram a logarithm of one has: a bin is 5 % wide.
const BINS: f64 = 20.0;

/// What happened in one bucket of time. Takes 112 bytes, and 4 for each bin between its least and its greatest latency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    events: u64,
    errors: u64,
    markers: u64,
    unusable: u64,
    latencies: u64,
    /// Σ ln x in units of 1 / [`ONE`].
    sum: i128,
    /// Σ ln² x in the same.
    squares: i128,
    histogram: Histogram,
}

/// How many latencies are in which bin of ln x.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Histogram {
    /// The bin of the first count.
    lowest: i32,
    /// From the bin of the least latency to that of the greatest.
    counts: Vec<u32>,
}

impl Bucket {
    /// Adds an event. A `latency` that is missing, NaN, infinite, zero or negative is none; all but a missing one are
    /// counted as unusable.
    pub fn add(&mut self, latency: Option<f64>, error: bool) {
        self.add_many(1, latency, u64::from(error));
    }

    /// Adds `events` events, each with this latency, `errors` of which failed: what a window knows of its events.
    pub fn add_many(&mut self, events: u64, latency: Option<f64>, errors: u64) {
        self.events = self.events.saturating_add(events);
        self.errors = self.errors.saturating_add(errors.min(events));
        match latency {
            Some(latency) if latency > 0.0 && latency.is_finite() => self.add_latency(latency, events),
            Some(_) => self.unusable += events,
            None => {}
        }
    }

    fn add_latency(&mut self, latency: f64, times: u64) {
        let logarithm = latency.ln().clamp(-LARGEST, LARGEST);
        // Both are far from the limits of the type: the clamped logarithm has 6 bits, its square 12.
        let fixed = |value: f64| (value * ONE).round() as i64;
        self.latencies = self.latencies.saturating_add(times);
        self.sum += i128::from(fixed(logarithm)) * i128::from(times);
        self.squares += i128::from(fixed(logarithm * logarithm)) * i128::from(times);
        self.histogram.add((logarithm * BINS).floor() as i32, u32::try_from(times).unwrap_or(u32::MAX));
    }

    /// Notes that something was deployed: from here on, other values may be usual.
    pub fn mark(&mut self) {
        self.markers += 1;
    }

    /// Adds what happened elsewhere in the same bucket of time.
    pub fn merge(&mut self, other: &Self) {
        self.events = self.events.saturating_add(other.events);
        self.errors = self.errors.saturating_add(other.errors);
        self.markers += other.markers;
        self.unusable += other.unusable;
        self.latencies = self.latencies.saturating_add(other.latencies);
        self.sum += other.sum;
        self.squares += other.squares;
        for (bin, count) in other.histogram.bins() {
            self.histogram.add(bin, count);
        }
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many of the events failed.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// How many latencies could be used.
    #[must_use]
    pub fn latencies(&self) -> u64 {
        self.latencies
    }

    /// How many latencies could not be used, for they were no positive finite number.
    #[must_use]
    pub fn unusable(&self) -> u64 {
        self.unusable
    }

    /// Whether something was deployed.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.markers > 0
    }

    /// How the latencies are distributed.
    pub(super) fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// Σ ln x and Σ ln² x, where a latency whose logarithm is outside `least..=most` counts as the nearer of the two, to
    /// a bin's width.
    pub(super) fn sums(&self, least: f64, most: f64) -> (f64, f64) {
        let (mut sum, mut squares) = (self.sum as f64 / ONE, self.squares as f64 / ONE);
        let (lowest, highest) = (bin_below(least), bin_below(most));
        if self.histogram.is_within(lowest, highest) {
            return (sum, squares);
        }
        for (bin, count) in self.histogram.bins() {
            let limit = match bin {
                bin if bin < lowest => least,
                bin if bin > highest => most,
                _ => continue,
            };
            let was = middle(bin);
            sum += f64::from(count) * (limit - was);
            squares += f64::from(count) * (limit * limit - was * was);
        }
        (sum, squares)
    }
}

impl Histogram {
    fn add(&mut self, bin: i32, count: u32) {
        if self.counts.is_empty() {
            self.lowest = bin;
        }
        if bin < self.lowest {
            let more = self.lowest.abs_diff(bin) as usize;
            self.counts.splice(..0, std::iter::repeat_n(0, more));
            self.lowest = bin;
        }
        let place = bin.abs_diff(self.lowest) as usize;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] = self.counts[place].saturating_add(count);
    }

    /// The bins that have a count, the lowest first.
    pub(super) fn bins(&self) -> impl DoubleEndedIterator<Item = (i32, u32)> {
        let from = self.lowest;
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(place, &count)| {
            // There are no more than 2,001 bins.
            (from + i32::try_from(place).unwrap_or(i32::MAX), count)
        })
    }

    fn is_within(&self, lowest: i32, highest: i32) -> bool {
        let greatest = self.lowest.saturating_add(i32::try_from(self.counts.len()).unwrap_or(i32::MAX) - 1);
        self.counts.is_empty() || (lowest <= self.lowest && greatest <= highest)
    }

    /// How many latencies are in bins that begin at the logarithm `limit` or above.
    pub(super) fn above(&self, limit: f64) -> u64 {
        let first = (limit * BINS).ceil() as i32;
        self.bins().filter(|&(bin, _)| bin >= first).map(|(_, count)| u64::from(count)).sum()
    }

    /// The middle of the bin in which the median is; none without latencies.
    pub(super) fn median(&self) -> Option<f64> {
        let half = self.bins().map(|(_, count)| u64::from(count)).sum::<u64>() / 2;
        let mut below = 0;
        let found = self.bins().find(|&(_, count)| {
            below += u64::from(count);
            below > half
        });
        found.map(|(bin, _)| middle(bin))
    }
}

/// The bin that a logarithm is in.
pub(super) fn bin_below(logarithm: f64) -> i32 {
    (logarithm * BINS).floor() as i32
}

/// Where a bin begins.
pub(super) fn begin(bin: i32) -> f64 {
    f64::from(bin) / BINS
}

fn middle(bin: i32) -> f64 {
    (f64::from(bin) + 0.5) / BINS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(events: &[(Option<f64>, bool)]) -> Bucket {
        let mut bucket = Bucket::default();
        events.iter().for_each(|&(latency, error)| bucket.add(latency, error));
        bucket
    }

    fn event() -> impl Strategy<Value = (Option<f64>, bool)> {
        (prop_oneof![Just(None), any::<f64>().prop_map(Some), (0.1..1e4_f64).prop_map(Some)], any::<bool>())
    }

    proptest! {
        #[test]
        fn order_and_division_do_not_matter(events in prop::collection::vec(event(), 0..50), cut in 0..50_usize) {
            let whole = bucket(&events);
            let (one, other) = events.split_at(cut.min(events.len()));
            let mut merged = bucket(other);
            merged.merge(&bucket(one));
            prop_assert_eq!(&whole, &merged);
            let backwards: Vec<_> = events.iter().rev().copied().collect();
            prop_assert_eq!(&whole, &bucket(&backwards));
        }
    }

    #[test]
    fn sums_are_those_of_logarithms() {
        let latencies = [12.0, 180.0, 0.4, 2500.0];
        let bucket = bucket(&latencies.map(|latency| (Some(latency), false)));
        let (sum, squares) = bucket.sums(f64::MIN, f64::MAX);
        let logarithms = latencies.map(f64::ln);
        assert!((sum - logarithms.iter().sum::<f64>()).abs() < 1e-8);
        assert!((squares - logarithms.iter().map(|x| x * x).sum::<f64>()).abs() < 1e-8);
    }

    #[test]
    fn strange_latencies_are_counted_and_not_used() {
        let strange = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -5.0];
        let mut bucket = bucket(&strange.map(|latency| (Some(latency), true)));
        bucket.add(None, false);
        assert_eq!((bucket.events(), bucket.errors(), bucket.latencies(), bucket.unusable()), (6, 5, 0, 5));
        assert_eq!(bucket.histogram().median(), None);
    }

    #[test]
    fn a_latency_beyond_the_limits_counts_as_the_limit() {
        let mut bucket = bucket(&[(Some(100.0), false), (Some(100.0), false)]);
        let limits = (100_f64.ln() - 4.0, 100_f64.ln() + 4.0);
        let before = bucket.sums(limits.0, limits.1);
        bucket.add(Some(1e300), false);
        let after = bucket.sums(limits.0, limits.1);
        assert!((after.0 - before.0 - limits.1).abs() < 0.05, "{after:?}");
        assert!((after.1 - before.1 - limits.1 * limits.1).abs() < 3.0, "{after:?}");
    }

    #[test]
    fn the_histogram_answers_for_the_tail() {
        let bucket = bucket(&[1.0, 2.0, 3.0, 50.0, 60.0].map(|latency| (Some(latency), false)));
        assert_eq!(bucket.histogram().above(40_f64.ln()), 2);
        assert!((bucket.histogram().median().unwrap() - 3_f64.ln()).abs() < 0.05);
    }
}
