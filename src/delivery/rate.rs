//! At most so many attempts within a span of time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets attempts through at a rate, with a burst of a whole span's share: the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// Between two attempts, on average.
    gap: Duration,
    span: Duration,
    /// When the next attempt would be due if all came evenly.
    due: Mutex<Instant>,
}

impl RateLimit {
    /// At most `number` attempts within `span`.
    pub(crate) fn new(number: u32, span: Duration) -> Self {
        Self { gap: span / number.max(1), span, due: Mutex::new(Instant::now()) }
    }

    /// Waits for its turn.
    pub(crate) async fn turn(&self) {
        let at = {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let mine = (*due).max(now);
            *due = mine + self.gap;
            // A whole span's share may come at once.
            mine.checked_sub(self.span.saturating_sub(self.gap)).unwrap_or(now)
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_evenly() {
        let limit = RateLimit::new(4, Duration::from_secs(1));
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..8 {
            limit.turn().await;
            at.push(start.elapsed().as_millis());
        }
        assert_eq!(at, [0, 0, 0, 0, 250, 500, 750, 1000]);
    }
}
