//! A service that can be told what goes wrong: events drawn from whole numbers alone, so that they are the same
//! everywhere.

use logd_detect::signals::Bucket;

/// Buckets of a day.
pub(crate) const DAY: usize = 8640;

/// Buckets of an hour.
pub(crate) const HOUR: usize = 360;

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to less than 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal: the sum of twelve uniform numbers.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// What a service does in one bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doing {
    /// Events, on average.
    pub(crate) events: f64,
    /// The median latency.
    pub(crate) latency: f64,
    /// The share of errors.
    pub(crate) errors: f64,
    /// The share of answers that take twenty times as long.
    pub(crate) slow: f64,
}

/// A service of four events a bucket, more by day than by night.
pub(crate) fn usual(tick: usize) -> Doing {
    // 0 at midnight, 1 at noon.
    let noon = 1.0 - (2.0 * (tick % DAY) as f64 / DAY as f64 - 1.0).abs();
    Doing { events: 3.0 + 4.0 * noon, latency: 180.0, errors: 0.01, slow: 0.0 }
}

/// An event: its latency, and whether it failed.
pub(crate) type Event = (Option<f64>, bool);

/// The events of one bucket. Latencies scatter by half an e-fold.
pub(crate) fn events(random: &mut Random, doing: Doing) -> Vec<Event> {
    let spread = doing.events.sqrt() * random.normal();
    let count = if doing.events > 0.0 { (doing.events + spread).round().max(0.0) as usize } else { 0 };
    let event = |_| {
        let slower = if random.uniform() < doing.slow { 20.0 } else { 1.0 };
        let latency = doing.latency * slower * (0.5 * random.normal()).exp();
        (Some(latency), random.uniform() < doing.errors)
    };
    (0..count).map(event).collect()
}

/// A bucket of these events; none without any.
pub(crate) fn bucket(events: &[Event]) -> Option<Bucket> {
    let mut bucket = Bucket::default();
    events.iter().for_each(|&(latency, error)| bucket.add(latency, error));
    (!events.is_empty()).then_some(bucket)
}
