//! The stretches of a histogram, as `date_histogram` makes them: from 1970 on, by a fixed step.

use std::time::Duration;

use logd_sdk::Time;
use logd_sdk::shared_stores::LogCounts;

/// No histogram has more stretches, but for one that is cut by the range's beginning.
const MOST: i64 = 1000;
const SECOND: i64 = 1_000_000;

/// Stretches of time, in seconds since 1970.
pub(super) struct Grid {
    first: i64,
    step: i64,
    stretches: usize,
}

impl Grid {
    /// Divides a range into stretches of `step`, or of longer ones if there would be too many.
    pub(super) fn new(from: Time, to: Time, step: Duration) -> Self {
        let from = from.as_micros().div_euclid(SECOND);
        let to = to.as_micros().div_euclid(SECOND) + i64::from(to.as_micros().rem_euclid(SECOND) > 0);
        let span = (to - from).max(0);
        let least = if span <= MOST { 1 } else { span / MOST + 1 };
        let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).clamp(1, 1 << 40).max(least);
        let first = from - from.rem_euclid(step);
        let stretches = if span == 0 { 0 } else { (to - 1 - first).div_euclid(step) + 1 };
        Self { first, step, stretches: usize::try_from(stretches).unwrap_or(0) }
    }

    /// The length of a stretch, in seconds.
    pub(super) fn step(&self) -> i64 {
        self.step
    }

    /// Counts of nothing.
    pub(super) fn nothing(&self) -> LogCounts {
        let starts = (0_i64..).take(self.stretches).map(|stretch| self.first + stretch * self.step);
        LogCounts {
            step: Duration::from_secs(self.step.unsigned_abs()),
            times: starts.map(|start| Time::from_micros(start.saturating_mul(SECOND))).collect(),
            total: vec![0; self.stretches],
            errors: vec![0; self.stretches],
        }
    }

    /// Which stretch begins at so many milliseconds since 1970.
    pub(super) fn place(&self, millis: i64) -> Option<usize> {
        let stretch = (millis.div_euclid(1000) - self.first).div_euclid(self.step);
        usize::try_from(stretch).ok().filter(|place| *place < self.stretches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(from: i64, to: i64, step: u64) -> Grid {
        Grid::new(Time::from_micros(from), Time::from_micros(to), Duration::from_secs(step))
    }

    #[test]
    fn a_range_is_divided_from_1970_on() {
        let counts = grid(12 * SECOND, 31 * SECOND, 10).nothing();
        let times: Vec<i64> = counts.times.iter().map(|time| time.as_micros() / SECOND).collect();
        assert_eq!((times, counts.total.len(), counts.errors.len()), (vec![10, 20, 30], 3, 3));
        assert_eq!(grid(12 * SECOND, 30 * SECOND, 10).stretches, 2);
        assert_eq!(grid(12 * SECOND, 30 * SECOND + 1, 10).stretches, 3);
        assert_eq!(grid(-1, 1, 10).first, -10);
        assert_eq!((grid(5, 5, 1).stretches, grid(9 * SECOND, 0, 1).stretches), (1, 0));
        let grid = grid(12 * SECOND, 31 * SECOND, 10);
        assert_eq!([9_999, 10_000, 30_000, 40_000].map(|millis| grid.place(millis)), [None, Some(0), Some(2), None]);
    }

    #[test]
    fn no_answer_is_too_long() {
        assert_eq!(grid(0, 1000 * SECOND, 1).stretches, 1000);
        assert_eq!(grid(0, 3600 * SECOND, 1).step, 4);
        for step in [0, u64::MAX] {
            assert!(grid(i64::MIN, i64::MAX, step).stretches <= 1001);
        }
    }
}
