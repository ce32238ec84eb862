//! The parts that run now, for all who ask how they are: `/ready`, the metrics, the status line, the log.

use std::sync::{Arc, Mutex, PoisonError};

use logd_sdk::control::Broken;

use super::reload::Fleet;
use crate::admin::{Reason, Watched};
use crate::telemetry::Account;
use crate::topology::Status;

/// The parts that run now. Its clones show the same.
#[derive(Clone, Default)]
pub(super) struct Parts(Arc<Mutex<Now>>);

#[derive(Clone, Default)]
struct Now {
    parts: Vec<Status>,
    broken: Vec<Broken>,
}

impl Parts {
    /// Shows what runs from now on.
    pub(super) fn show(&self, fleet: &Fleet) {
        let now = Now { parts: fleet.statuses(), broken: fleet.broken() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// The accounts of all components.
    pub(super) fn accounts(&self) -> Vec<Arc<Account>> {
        self.now().parts.iter().flat_map(Status::accounts).collect()
    }

    /// Says at the end which events did not come through; and if some have vanished without a word, which never happens
    /// unless logd has a bug.
    pub(super) fn report(&self) {
        for account in self.accounts() {
            let (component, tally) = (account.component(), account.tally());
            if tally.dead + tally.late + tally.lost > 0 {
                tracing::warn!(%component, dead = tally.dead, late = tally.late, lost = tally.lost,
                    "Some events did not come through.");
            }
            let unaccounted = tally.unaccounted();
            if unaccounted != 0 {
                tracing::error!(%component, unaccounted, "Events are unaccounted for; please report this.");
            }
        }
    }

    fn now(&self) -> Now {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watched for Parts {
    fn refresh(&self) {
        for account in self.accounts() {
            account.refresh();
        }
    }

    fn unready(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for status in self.now().parts {
            let pipeline = status.pipelines().to_owned();
            reasons.extend(status.failure().map(|reason| Reason { pipeline, component: None, reason }));
            reasons.extend(status.accounts().iter().filter_map(|account| {
                let (pipeline, component) = (account.component().pipeline(), account.component().id());
                let reason = account.health().reason()?;
                Some(Reason { pipeline: pipeline.to_owned(), component: Some(component.to_owned()), reason })
            }));
        }
        reasons
    }

    fn broken(&self) -> Vec<Broken> {
        self.now().broken
    }
}
