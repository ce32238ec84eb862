//! How many attempts may be under way at once.
//!
//! Adaptive: additive increase, multiplicative decrease, as TCP finds its window (Chiu and Jain, 1989), judged by the
//! time that an answer takes as in Vector's adaptive request concurrency. One attempt more is allowed as long as answers
//! take no longer than usual; a failure, or answers that come later than the usual scatter explains, take a tenth away.

use std::time::Duration;

use logd_sdk::sink::Concurrency;

/// The limit of attempts that may be under way at once.
#[derive(Debug)]
pub(crate) struct Limit {
    /// The limit; a fraction counts as work towards the next whole one.
    now: f64,
    most: usize,
    adaptive: bool,
    /// How long an answer takes: mean and mean deviation, in seconds, of recent ones.
    usual: Option<(f64, f64)>,
}

/// What is left of the limit after a failure.
const DECREASE: f64 = 0.9;
/// The share of the newest answer in what is usual.
const SHARE: f64 = 0.1;
/// Answers that take this many deviations longer than usual mean that the service is busy.
const SCATTER: f64 = 3.0;

impl Limit {
    pub(crate) fn new(concurrency: Concurrency) -> Self {
        let adaptive = matches!(concurrency, Concurrency::Adaptive(_));
        let most = concurrency.most();
        #[allow(clippy::cast_precision_loss)]
        let now = if adaptive { 1.0 } else { most as f64 };
        Self { now, most, adaptive, usual: None }
    }

    /// How many attempts may be under way.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn allowed(&self) -> usize {
        (self.now as usize).clamp(1, self.most)
    }

    /// Takes note of an attempt that took so long: whether it failed, and how many were under way with it.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn note(&mut self, took: Duration, failed: bool, under_way: usize) {
        if !self.adaptive {
            return;
        }
        let took = took.as_secs_f64();
        let (mean, deviation) = self.usual.unwrap_or((took, took / 2.0));
        let busy = took > mean + SCATTER * deviation;
        if failed || busy {
            self.now = (self.now * DECREASE).max(1.0);
        } else if under_way >= self.allowed() {
            // One more for each time that all that are allowed have answered.
            self.now = (self.now + 1.0 / self.now).min(self.most as f64);
        }
        if !failed {
            self.usual = Some((mean + SHARE * (took - mean), deviation + SHARE * ((took - mean).abs() - deviation)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn limit(most: usize) -> Limit {
        Limit::new(Concurrency::Adaptive(NonZeroUsize::new(most).expect("not 0")))
    }

    #[test]
    fn grows_while_answers_come_as_fast_and_shrinks_with_failures() {
        let mut limit = limit(8);
        assert_eq!(limit.allowed(), 1);
        for _ in 0..200 {
            limit.note(Duration::from_millis(10), false, limit.allowed());
        }
        assert_eq!(limit.allowed(), 8);
        for _ in 0..30 {
            limit.note(Duration::from_millis(10), true, 8);
        }
        assert_eq!(limit.allowed(), 1);
    }

    #[test]
    fn does_not_grow_without_need_and_shrinks_when_the_service_gets_slow() {
        let mut limit = limit(8);
        for _ in 0..200 {
            limit.note(Duration::from_millis(10), false, 0);
        }
        assert_eq!(limit.allowed(), 1);
        for _ in 0..200 {
            limit.note(Duration::from_millis(10), false, limit.allowed());
        }
        limit.note(Duration::from_millis(500), false, 8);
        assert_eq!(limit.allowed(), 7);
    }

    #[test]
    fn a_fixed_one_stays() {
        let mut limit = Limit::new(Concurrency::Fixed(NonZeroUsize::new(3).expect("not 0")));
        limit.note(Duration::from_secs(1), true, 3);
        assert_eq!(limit.allowed(), 3);
    }
}
