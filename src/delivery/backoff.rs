//! How long to wait before the next attempt.

use std::time::Duration;

use rand::Rng;

/// Exponential back-off with jitter (Brooker, "Exponential Backoff and Jitter", 2015): the wait is drawn from the upper
/// half of a range that doubles, so that many clients of a service that comes back do not come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// The range of waits is `first`, then twice as much, and so on until `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// How long to wait after another failure. The service's own wish is heeded, if it is longer.
    pub(crate) fn next(&mut self, wish: Option<Duration>) -> Duration {
        let range = self.first.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        range.mul_f64(rand::rng().random_range(0.5..=1.0)).max(wish.unwrap_or_default())
    }

    /// How many attempts have failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_heeds_the_service() {
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(shortest, longest);
        let first = backoff.next(None);
        assert!(first >= shortest / 2 && first <= shortest, "{first:?}");
        for _ in 0..100 {
            assert!(backoff.next(None) <= longest);
        }
        assert!(backoff.next(None) >= longest / 2);
        assert_eq!(backoff.next(Some(Duration::from_secs(60))), Duration::from_secs(60));
    }
}
