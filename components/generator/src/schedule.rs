//! When each slot of the stream stands on the time axis: whole-number arithmetic, so nothing drifts.

/// Microseconds in a second.
const SECOND: u64 = 1_000_000;

/// Slots in a second of event time where the rate is "as fast as it can": a stream must not depend on the speed of
/// the machine that makes it, so its time stamps advance as those of the classic workload.
pub const NOMINAL_RATE: u32 = 1000;

/// The time of every slot: slot *n* stands at `start + n / rate`, rounded down to a microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The time of slot 0, in microseconds since the epoch.
    start: i64,
    /// Slots a second; 0 is [`NOMINAL_RATE`] on the time axis, with every slot due at once.
    rate: u32,
}

impl Schedule {
    /// A schedule from `start`, in microseconds since the epoch, with `rate` slots a second, 0 for as fast as can be.
    pub const fn new(start: i64, rate: u32) -> Self {
        Self { start, rate }
    }

    /// The time of a slot, in microseconds since the epoch.
    pub fn time(&self, slot: u64) -> i64 {
        let rate = if self.rate == 0 { NOMINAL_RATE } else { self.rate };
        let (seconds, rest) = (slot / u64::from(rate), slot % u64::from(rate));
        let since = seconds.saturating_mul(SECOND).saturating_add(rest * SECOND / u64::from(rate));
        self.start.saturating_add_unsigned(since)
    }

    /// How many slots stand at or before `now`, in microseconds since the epoch: slots below that number are due.
    pub fn due(&self, now: i64) -> u64 {
        if self.rate == 0 {
            return u64::MAX;
        }
        let Ok(since) = u64::try_from(now.saturating_sub(self.start)) else { return 0 };
        // Slot n is due if n × SECOND / rate, not rounded, is less than the microsecond after `now`.
        let (seconds, rest) = ((since + 1) / SECOND, (since + 1) % SECOND);
        let rate = u64::from(self.rate);
        seconds.saturating_mul(rate).saturating_add((rest * rate).div_ceil(SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000_123;

    #[test]
    fn times_do_not_drift() {
        let schedule = Schedule::new(START, 3);
        assert_eq!(schedule.time(1), START + 333_333);
        assert_eq!(schedule.time(2), START + 666_666);
        assert_eq!(schedule.time(3_000_000_000), START + 1_000_000_000_000_000);
    }

    #[test]
    fn a_slot_is_due_from_its_own_time_on() {
        for rate in [1, 3, 7, 1000, 999_983, 4_000_000_000] {
            let schedule = Schedule::new(START, rate);
            for slot in [0, 1, 2, 5, 1000, 123_456_789] {
                let time = schedule.time(slot);
                assert!(schedule.due(time) > slot, "slot {slot} at rate {rate}");
                assert!(schedule.due(time - 1) <= slot, "slot {slot} at rate {rate}");
            }
        }
    }

    #[test]
    fn without_a_rate_everything_is_due_and_a_second_holds_a_thousand() {
        let schedule = Schedule::new(START, 0);
        assert_eq!(schedule.due(START - 1), u64::MAX);
        assert_eq!(schedule.time(1500), START + 1_500_000);
    }

    #[test]
    fn nothing_is_due_before_the_start() {
        assert_eq!(Schedule::new(START, 1000).due(START - 1), 0);
        assert_eq!(Schedule::new(START, 1000).due(START), 1);
    }
}
