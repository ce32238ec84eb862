//! Whether a component can do its work right now. One that can't tries again by itself, and says so here: `/ready` shows
//! it, and nobody restarts what would only fail again.

use std::sync::{Arc, Mutex, PoisonError};

/// A component's state, as it says itself. Its clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// It works. Returns whether it did not before.
    pub fn well(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// It does not, for this reason, in one line and without a secret.
    pub fn ill(&self, reason: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.into());
    }

    /// Why it does not work, if it does not.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
