//! How fast and how often a receiver is called.
//!
//! Three things hold calls back. Each call has its own back-off, which grows to a day. A receiver has a breaker: if calls
//! fail one after the other, whichever they are, it is left alone for a while, and then one call finds out whether it is
//! back. And there is a limit to the calls of a minute. The times are those of the clock on the wall, since waits outlive
//! the process.

use std::collections::VecDeque;
use std::time::Duration;

use logd_sdk::Time;
use rand::Rng as _;

/// How long to wait after the first failure of a call, the second, and so on; the last one for ever.
const WAITS: [Duration; 10] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// A call that its receiver refuses is made so often: what was refused may be mended, but not for days.
const REFUSALS: u32 = 6;

/// A call is given up when it can't be made for so long, and a webhook disabled when none of its calls can.
pub(super) const LONGEST: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// After so many failures in a row a receiver is left alone.
const BREAK_AFTER: u32 = 5;
/// For so long at first, then twice as long, and so on.
const FIRST_BREAK: Duration = Duration::from_secs(30);
const LONGEST_BREAK: Duration = Duration::from_secs(10 * 60);

/// The span of the limit.
const MINUTE: Duration = Duration::from_secs(60);

/// A receiver's wish to be left alone is heeded up to this.
const LONGEST_WISH: Duration = Duration::from_secs(60 * 60);

/// How long to wait after so many failed attempts of a call: between three quarters of its wait and all of it, drawn at
/// random, so that calls that failed together do not come back together.
pub(super) fn wait(attempts: u32) -> Duration {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(WAITS.len() - 1);
    WAITS[place].mul_f64(rand::rng().random_range(0.75..=1.0))
}

/// Whether a call is given up after so many attempts, the last of which was refused or failed.
pub(super) fn is_over(attempts: u32, refused: bool, since: Time, now: Time) -> bool {
    (refused && attempts >= REFUSALS) || now.since(since) >= LONGEST
}

/// How one receiver is doing. Not kept: after a start it is simply tried.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How many calls failed in a row.
    failures: u32,
    /// How often the breaker has opened since a call was taken.
    breaks: u32,
    /// Until when it is left alone.
    until: Option<Time>,
    /// When the last calls were made, as many as there may be within a minute.
    made: VecDeque<Time>,
}

impl Pace {
    /// From when on it may be called.
    pub(super) fn ready(&self, now: Time, per_minute: usize) -> Time {
        self.until.unwrap_or(Time::MIN).max(self.limit(now, per_minute))
    }

    /// From when on the limit lets it be called.
    pub(super) fn limit(&self, now: Time, per_minute: usize) -> Time {
        let full = self.made.len() >= per_minute;
        // A clock that was set back must not hold calls back for longer than the limit does.
        let limit = self.made.front().filter(|_| full).map(|first| (*first).min(now).after(MINUTE));
        limit.unwrap_or(Time::MIN)
    }

    /// It is called.
    pub(super) fn call(&mut self, now: Time, per_minute: usize) {
        while self.made.len() >= per_minute.max(1) {
            self.made.pop_front();
        }
        self.made.push_back(now);
    }

    /// A call was taken. Returns whether it had been left alone: what waits need not wait any longer.
    pub(super) fn well(&mut self) -> bool {
        let was_broken = self.breaks > 0;
        (self.failures, self.breaks, self.until) = (0, 0, None);
        was_broken
    }

    /// A call failed, and the receiver asked not to be called for a while, if it did.
    pub(super) fn ill(&mut self, now: Time, wish: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        let mut alone = wish.map(|wish| wish.min(LONGEST_WISH));
        if self.failures >= BREAK_AFTER {
            let rest = FIRST_BREAK.saturating_mul(1 << self.breaks.min(16)).min(LONGEST_BREAK);
            self.breaks = self.breaks.saturating_add(1);
            alone = alone.max(Some(rest));
        }
        if let Some(alone) = alone {
            self.until = self.until.max(Some(now.after(alone)));
        }
    }

    /// It is left alone for so long, whatever it does.
    pub(super) fn rest(&mut self, now: Time, span: Duration) {
        self.until = self.until.max(Some(now.after(span)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_grow_to_a_day_with_some_jitter() {
        for (attempts, longest) in [(1, 5), (2, 30), (3, 120), (4, 600), (6, 3600), (10, 86_400), (u32::MAX, 86_400)] {
            for _ in 0..20 {
                let wait = wait(attempts);
                assert!(wait <= seconds(longest) && wait >= seconds(longest) * 3 / 4, "{attempts}: {wait:?}");
            }
        }
    }

    #[test]
    fn a_call_is_given_up_after_some_refusals_or_days() {
        let now = Time::EPOCH.after(LONGEST);
        assert!(!is_over(5, true, now, now) && is_over(6, true, now, now));
        assert!(!is_over(1000, false, now, now));
        assert!(!is_over(1, false, Time::EPOCH.after(seconds(1)), now) && is_over(1, false, Time::EPOCH, now));
    }

    #[test]
    fn a_receiver_that_fails_is_left_alone_for_longer_and_longer() {
        let mut pace = Pace::default();
        let mut now = Time::EPOCH;
        for _ in 0..4 {
            pace.ill(now, None);
            assert!(pace.ready(now, 60) <= now);
        }
        for expected in [30, 60, 120, 240, 480, 600, 600] {
            pace.ill(now, None);
            assert_eq!(pace.ready(now, 60), now.after(seconds(expected)));
            now = now.after(seconds(expected));
        }
        assert!(pace.well(), "it was left alone");
        assert!(pace.ready(now, 60) <= now && !pace.well());
        pace.ill(now, None);
        assert!(pace.ready(now, 60) <= now, "the count begins anew");
    }

    #[test]
    fn a_wish_is_heeded_for_an_hour_at_most() {
        let mut pace = Pace::default();
        pace.ill(Time::EPOCH, Some(seconds(90)));
        assert_eq!(pace.ready(Time::EPOCH, 60), Time::EPOCH.after(seconds(90)));
        pace.ill(Time::EPOCH, Some(seconds(10)));
        assert_eq!(pace.ready(Time::EPOCH, 60), Time::EPOCH.after(seconds(90)), "a later wish does not shorten it");
        pace.ill(Time::EPOCH, Some(seconds(1_000_000)));
        assert_eq!(pace.ready(Time::EPOCH, 60), Time::EPOCH.after(LONGEST_WISH));
    }

    #[test]
    fn no_minute_has_more_calls_than_it_may() {
        let mut pace = Pace::default();
        for second in 0..3 {
            let now = Time::EPOCH.after(seconds(second));
            assert!(pace.ready(now, 3) <= now);
            pace.call(now, 3);
        }
        let now = Time::EPOCH.after(seconds(3));
        assert_eq!(pace.ready(now, 3), Time::EPOCH.after(seconds(60)));
        pace.call(Time::EPOCH.after(seconds(60)), 3);
        assert_eq!(pace.ready(now, 3), Time::EPOCH.after(seconds(61)));
        // The clock is set back by a year.
        let past = Time::EPOCH.before(seconds(31_536_000));
        assert_eq!(pace.ready(past, 3), past.after(MINUTE));
    }
}
