//! Anomalies: each is a change of an incident.

use logd_sdk::Batch;
use logd_sdk::sink::Attempt;

use super::{MALFORMED, Open, component};
use crate::webhooks::Change;

impl Open {
    /// Takes changes of incidents, and hands them to those who are told.
    pub(super) async fn anomalies(&self, batch: &Batch) -> Attempt {
        let (mut drop, mut changes) = (Vec::new(), Vec::new());
        for (number, row) in (0..).zip(0..batch.len()) {
            let mut event = serde_json::to_value(batch.value(row)).unwrap_or_default();
            // A fact of the daemon, not of the detector, whose events are the same wherever it runs.
            if let (Some(event), Some(generation)) = (event.as_object_mut(), self.host.generation()) {
                event.insert("generation".to_owned(), generation.into());
            }
            match self.feed.anomaly(&component(batch, row), event) {
                Ok(whole) => changes.push(Change::told(&whole)),
                Err(_) => drop.push((number, MALFORMED)),
            }
        }
        // One that is told again, to the archive or to a webhook, changes nothing.
        match self.alerts.take(changes).await {
            Ok(()) => Attempt { drop, ..Attempt::delivered() },
            Err(error) => Attempt::failed(batch, format!("{error:#}")),
        }
    }
}
