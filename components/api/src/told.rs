//! What detectors told, event by event, for those who ask the daemon itself and not its API.

use std::sync::Arc;

use logd_archive::{Scope, WholeAnomaly};
use serde_json::Value;

use crate::host::Host;

impl Host {
    /// The anomaly event of this id; or of the incident of this id all that are kept, the oldest first. None if nothing is
    /// known of it.
    ///
    /// # Errors
    /// What was kept can't be read.
    pub async fn told(&self, id: &str) -> anyhow::Result<Vec<Arc<Value>>> {
        // Who has never kept anything has no archive, and needs none for this.
        if !self.folder().exists() {
            return Ok(Vec::new());
        }
        let (archive, scope) = (self.archive().await?, Scope::all());
        let told = match archive.anomaly(&scope, id).await? {
            Some(anomaly) => vec![anomaly],
            None => archive.incident(&scope, id).await?.map_or_else(Vec::new, |whole| whole.anomalies),
        };
        Ok(told.into_iter().map(|WholeAnomaly { event, .. }| event).collect())
    }
}
