//! How time is cut: buckets, slots of the day, and the six lengths of time that signals look back.

use std::time::Duration;

use crate::time::Micros;

/// How many lengths of time signals look back.
pub(super) const SCALES: usize = 6;

/// They are these, in seconds; the first is one bucket, whatever its length.
const SECONDS: [u32; SCALES] = [10, 60, 300, 900, 1800, 7200];

/// The scale of half an hour.
pub(super) const HALF_HOUR: usize = 4;

/// How many slots the day has: one for each five minutes.
pub(super) const SLOTS: usize = 288;

/// Seconds of a day.
const DAY: u32 = 86_400;

/// Time in buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales {
    /// Microseconds of a bucket.
    bucket: i64,
    /// Seconds of a bucket.
    seconds: u32,
    /// How many buckets each scale has.
    pub(super) widths: [usize; SCALES],
}

impl Scales {
    /// For buckets of this length: whole seconds of which a minute has a whole number.
    pub(super) fn new(bucket: Duration) -> Self {
        let seconds = u32::try_from(bucket.as_secs()).unwrap_or(DAY).clamp(1, 60);
        Self {
            bucket: i64::from(seconds) * 1_000_000,
            seconds,
            widths: SECONDS.map(|scale| (scale / seconds).max(1) as usize),
        }
    }

    /// Seconds of a scale.
    pub(super) fn seconds(&self, scale: usize) -> u32 {
        u32::try_from(self.widths[scale]).unwrap_or(u32::MAX).saturating_mul(self.seconds)
    }

    /// Buckets in a time.
    pub(super) fn buckets(&self, time: Duration) -> u64 {
        time.as_secs() / u64::from(self.seconds)
    }

    /// The most buckets that a scale has.
    pub(super) fn longest(&self) -> usize {
        self.widths[SCALES - 1]
    }

    /// Buckets of an hour.
    pub(super) fn hour(&self) -> u64 {
        self.buckets(Duration::from_secs(3600))
    }

    /// Buckets of a day.
    pub(super) fn day(&self) -> u64 {
        self.buckets(Duration::from_secs(u64::from(DAY)))
    }

    /// The start of the bucket that a moment belongs to.
    pub(super) fn start(&self, at: Micros) -> Micros {
        Micros(at.0.saturating_sub(at.0.rem_euclid(self.bucket)))
    }

    /// The start of the next bucket.
    pub(super) fn next(&self, start: Micros) -> Micros {
        Micros(start.0.saturating_add(self.bucket))
    }

    /// The slot of the day (UTC) of the bucket that begins at `start`, or, negative, one that ended so many buckets
    /// before it.
    pub(super) fn slot(&self, start: Micros, before: usize) -> usize {
        let back = i64::try_from(before).unwrap_or(0).saturating_mul(self.bucket);
        let of_day = start.0.saturating_sub(back).rem_euclid(i64::from(DAY) * 1_000_000);
        usize::try_from(of_day / (i64::from(DAY) * 1_000_000 / SLOTS as i64)).unwrap_or(0)
    }

    /// Whether the bucket that begins at `start` is the last one of its hour; and of its day.
    pub(super) fn ends(&self, start: Micros) -> (bool, bool) {
        let end = self.next(start).0;
        (end.rem_euclid(3_600_000_000) == 0, end.rem_euclid(i64::from(DAY) * 1_000_000) == 0)
    }
}

/// The weight of a new value in a moving average whose memory halves after so many steps.
pub(super) fn weight(half_life: u64) -> f64 {
    1.0 - 0.5_f64.powf(1.0 / half_life.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_cut_by_the_time_of_day() {
        let scales = Scales::new(Duration::from_secs(10));
        assert_eq!(scales.widths, [1, 6, 30, 90, 180, 720]);
        assert_eq!((scales.hour(), scales.day()), (360, 8640));
        // 2023-11-14T22:13:20Z is 80,000 s into its day.
        let start = Micros(1_700_000_000_000_000);
        assert_eq!((scales.slot(start, 0), scales.slot(start, 30)), (266, 265));
        assert_eq!(scales.start(Micros(start.0 + 9_999_999)), start);
        assert_eq!(scales.slot(Micros(-1), 0), 287);
        assert_eq!(scales.ends(Micros(86_390_000_000)), (true, true));
        assert_eq!(scales.ends(Micros(86_380_000_000)), (false, false));
        assert_eq!(scales.ends(Micros(-10_000_000)), (true, true));
        assert_eq!(Scales::new(Duration::from_secs(60)).widths, [1, 1, 5, 15, 30, 120]);
    }
}
