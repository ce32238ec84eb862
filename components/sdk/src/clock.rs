//! The wall clock as a value, so that tests can set it.
//!
//! Durations are measured with `tokio::time::Instant`, which a test can pause; the time of day comes from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::Time;

/// Tells the time of day: the system's, or one that a test moves.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `time` until [`set`](Self::set) moves it. Its clones move with it.
    #[must_use]
    pub fn fixed(time: Time) -> Self {
        Self(Some(Arc::new(AtomicI64::new(time.as_micros()))))
    }

    /// The time of day.
    #[must_use]
    // The one place in which the system's clock is read.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> Time {
        match &self.0 {
            Some(fixed) => Time::from_micros(fixed.load(Ordering::Relaxed)),
            None => match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
                Ok(since) => Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
                // A clock before 1970 is a broken clock; the epoch is the nearest honest answer.
                Err(_) => Time::EPOCH,
            },
        }
    }

    /// Moves a fixed clock; does nothing to the system's.
    pub fn set(&self, time: Time) {
        if let Some(fixed) = &self.0 {
            fixed.store(time.as_micros(), Ordering::Relaxed);
        }
    }
}
