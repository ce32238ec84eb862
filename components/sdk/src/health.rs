//! Whether a component can do its work right now. One that can't tries again by itself, and says so here: `/ready` shows
//! it, and nobody restarts what would only fail again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A component's state, as it says itself. Its clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<Ailment>>>);

/// Why a component does not work.
#[derive(Clone, Debug)]
struct Ailment {
    reason: String,
    /// Whether that is because what it reads from can't be reached.
    away: bool,
}

impl Health {
    /// It works. Returns whether it did not before.
    pub fn well(&self) -> bool {
        self.ailment().take().is_some()
    }

    /// It does not, for this reason, in one line and without a secret.
    pub fn ill(&self, reason: impl Into<String>) {
        *self.ailment() = Some(Ailment { reason: reason.into(), away: false });
    }

    /// The same of a source that can't reach what it reads: that nothing comes is no silence of those who write there.
    pub fn away(&self, reason: impl Into<String>) {
        *self.ailment() = Some(Ailment { reason: reason.into(), away: true });
    }

    /// Whether it can't reach what it reads.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.ailment().as_ref().is_some_and(|ailment| ailment.away)
    }

    /// Why it does not work, if it does not.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.ailment().as_ref().map(|ailment| ailment.reason.clone())
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn ailment(&self) -> MutexGuard<'_, Option<Ailment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
