//! Incidents that are not over, as far as they are told.

use std::sync::Arc;

use super::Board;
use super::stage::Stage;
use crate::events::{Anomaly, WholeAnomaly};
use crate::incident::{Actions, Incident, Record};

impl Board {
    /// Takes in an anomaly of a feed. Returns its incident, if it is told for the first time.
    pub(crate) fn anomaly(&mut self, token: u64, whole: &Arc<WholeAnomaly>, bytes: usize) -> Option<Incident> {
        if !self.stage(token)?.open.anomaly(whole, bytes) {
            self.anomalies_left_out += 1;
            return None;
        }
        let anomaly = &whole.anomaly;
        if !self.note(anomaly) {
            return None;
        }
        let (before, actions) = self.watched.remove(&anomaly.incident_id).unzip();
        let actions = actions.unwrap_or_default();
        let record = Record::after(before.clone(), anomaly).or(before)?;
        let incident = record.with(&actions);
        self.watch(record, actions);
        Some(incident)
    }

    /// Counts an anomaly that begins an incident, unless it is known.
    pub(super) fn note(&mut self, anomaly: &Anomaly) -> bool {
        let is_new = self.seen.insert(&anomaly.id);
        if is_new && anomaly.opens() {
            let service = self.service(&anomaly.pipeline, &anomaly.service);
            if let Some(entry) = self.services.table.get_mut(service) {
                entry.anomalies += 1;
            }
        }
        is_new
    }

    /// Remembers an incident until its detector resolves it.
    pub(crate) fn watch(&mut self, record: Record, actions: Actions) {
        if record.resolved.is_none() {
            self.watched.insert(record.incident_id().to_owned(), (record, actions));
        } else {
            self.watched.remove(record.incident_id());
        }
    }

    /// Begins anew with the incidents that are watched.
    pub(crate) fn set_watched(&mut self, watched: Vec<(Record, Actions)>) {
        self.watched.clear();
        self.is_stale = false;
        for (record, actions) in watched {
            self.watch(record, actions);
        }
        let told: Vec<_> = self.stages.iter().flat_map(Stage::anomalies).cloned().collect();
        for whole in told {
            let (before, actions) = self.watched.remove(&whole.anomaly.incident_id).unzip();
            if let Some(record) = Record::after(before.clone(), &whole.anomaly).or(before) {
                self.watch(record, actions.unwrap_or_default());
            }
        }
    }

    /// What people did about an incident.
    pub(crate) fn act(&mut self, id: &str, actions: &Actions) {
        if let Some((_, mine)) = self.watched.get_mut(id) {
            mine.clone_from(actions);
        }
    }
}
