//! Anomalies and incidents, as they are asked for: what is stored and what feeds have told since, as one list.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use logd_sdk::Time;
use redb::{ReadTransaction, ReadableDatabase, ReadableTable};

use super::tables::{ACTIONS, ANOMALIES, EVENTS, INCIDENTS, OPENINGS};
use super::{Broken, Store, decode, encode};
use crate::events::{Anomaly, WholeAnomaly};
use crate::incident::{Acted, Action, Actions, Incident, Record};

/// The largest id, for the end of a range: ids are texts.
const LAST: &str = "\u{10ffff}";

/// The incidents that their detector has not resolved.
pub(super) fn watched(read: &ReadTransaction) -> Result<Vec<(Record, Actions)>, Broken> {
    let actions = read.open_table(ACTIONS)?;
    let mut watched = Vec::new();
    for row in read.open_table(INCIDENTS)?.iter()? {
        let (record, _): (Record, Time) = decode(row?.1.value())?;
        if record.resolved.is_none() {
            let actions = actions_of(&actions, record.incident_id())?;
            watched.push((record, actions));
        }
    }
    Ok(watched)
}

fn actions_of(table: &impl ReadableTable<&'static str, &'static [u8]>, id: &str) -> Result<Actions, Broken> {
    let found = table.get(id)?.map(|found| decode::<(Actions, Time)>(found.value())).transpose()?;
    Ok(found.map(|(actions, _)| actions).unwrap_or_default())
}

/// A reader of anomalies and incidents.
pub(crate) struct Told {
    read: ReadTransaction,
    /// What feeds have told that is not durable, in order.
    staged: Vec<Arc<WholeAnomaly>>,
}

impl Told {
    pub(crate) fn new(read: ReadTransaction, staged: Vec<Arc<WholeAnomaly>>) -> Self {
        Self { read, staged }
    }

    /// The anomalies behind `after` (from the newest, without it) that are `wanted`, by time and id, downwards; at most
    /// `limit`.
    pub(crate) fn anomalies(
        &self,
        after: Option<(Time, &str)>,
        limit: usize,
        wanted: impl Fn(&Anomaly) -> bool,
    ) -> Result<Vec<Anomaly>, Broken> {
        let staged = self.staged.iter().map(|whole| &whole.anomaly).filter(|anomaly| wanted(anomaly));
        let mut found: BTreeMap<(i64, String), Anomaly> = BTreeMap::new();
        let end = after.map_or((i64::MAX, LAST), |(time, id)| (time.as_micros(), id));
        for anomaly in staged {
            let key = (anomaly.time.as_micros(), anomaly.id.clone());
            if (key.0, key.1.as_str()) < end {
                found.insert(key, anomaly.clone());
            }
        }
        let mut stored = 0;
        for row in self.read.open_table(ANOMALIES)?.range(..end)?.rev() {
            let (key, anomaly) = row?;
            let anomaly: Anomaly = decode(anomaly.value())?;
            if wanted(&anomaly) {
                let (time, id) = key.value();
                found.insert((time, id.to_owned()), anomaly);
                stored += 1;
            }
            if stored >= limit {
                break;
            }
        }
        Ok(found.into_values().rev().take(limit).collect())
    }

    /// An anomaly.
    pub(crate) fn anomaly(&self, id: &str) -> Result<Option<WholeAnomaly>, Broken> {
        if let Some(staged) = self.staged.iter().find(|whole| whole.anomaly.id == id) {
            return Ok(Some(WholeAnomaly::clone(staged)));
        }
        let events = self.read.open_table(EVENTS)?;
        let Some(row) = events.get(id)? else { return Ok(None) };
        let (time, event) = row.value();
        let event = serde_json::from_str(event).map_err(|error| Broken::Record(error.into()))?;
        let anomalies = self.read.open_table(ANOMALIES)?;
        let Some(anomaly) = anomalies.get((time, id))? else { return Ok(None) };
        Ok(Some(WholeAnomaly { anomaly: decode(anomaly.value())?, event: Arc::new(event) }))
    }

    /// The incidents behind `after` (from the newest, without it) that are `wanted`, by opening and id, downwards; at
    /// most `limit`.
    pub(crate) fn incidents(
        &self,
        after: Option<(Time, &str)>,
        limit: usize,
        wanted: impl Fn(&Incident) -> bool,
    ) -> Result<Vec<Incident>, Broken> {
        let actions = self.read.open_table(ACTIONS)?;
        let end = after.map_or((i64::MAX, LAST), |(time, id)| (time.as_micros(), id));
        let staged = self.staged_records()?;
        let mut found: BTreeMap<(i64, String), Incident> = BTreeMap::new();
        for record in staged.values() {
            let key = (record.opened_at().as_micros(), record.incident_id().to_owned());
            let incident = record.with(&actions_of(&actions, record.incident_id())?);
            if (key.0, key.1.as_str()) < end && wanted(&incident) {
                found.insert(key, incident);
            }
        }
        let mut stored = 0;
        for row in self.read.open_table(INCIDENTS)?.range(..end)?.rev() {
            let (key, record) = row?;
            let (opening, id) = key.value();
            // What feeds have told since is in the other list.
            if staged.contains_key(id) {
                continue;
            }
            let (record, _): (Record, Time) = decode(record.value())?;
            let incident = record.with(&actions_of(&actions, id)?);
            if wanted(&incident) {
                found.insert((opening, id.to_owned()), incident);
                stored += 1;
            }
            if stored >= limit {
                break;
            }
        }
        Ok(found.into_values().rev().take(limit).collect())
    }

    /// The records of the incidents of which feeds have told since, by id.
    fn staged_records(&self) -> Result<BTreeMap<&str, Record>, Broken> {
        let mut records: BTreeMap<&str, Record> = BTreeMap::new();
        for whole in &self.staged {
            let id = whole.anomaly.incident_id.as_str();
            let before = match records.remove(id) {
                Some(before) => Some(before),
                None => self.stored(id)?,
            };
            if let Some(record) = Record::after(before.clone(), &whole.anomaly).or(before) {
                records.insert(id, record);
            }
        }
        Ok(records)
    }

    fn stored(&self, id: &str) -> Result<Option<Record>, Broken> {
        let Some(opening) = self.read.open_table(OPENINGS)?.get(id)?.map(|opening| opening.value()) else {
            return Ok(None);
        };
        let incidents = self.read.open_table(INCIDENTS)?;
        let record = incidents.get((opening, id))?.map(|record| decode::<(Record, Time)>(record.value()));
        Ok(record.transpose()?.map(|(record, _)| record))
    }

    /// An incident: what was told, and what people did.
    pub(crate) fn incident(&self, id: &str) -> Result<Option<(Record, Actions)>, Broken> {
        let mut record = self.stored(id)?;
        for whole in self.staged.iter().filter(|whole| whole.anomaly.incident_id == id) {
            record = Record::after(record.clone(), &whole.anomaly).or(record);
        }
        let actions = actions_of(&self.read.open_table(ACTIONS)?, id)?;
        Ok(record.map(|record| (record, actions)))
    }
}

impl Store {
    /// Keeps what a person did about an incident, and calls `then` with it. Blocks.
    pub(crate) fn act(
        &self,
        record: &Record,
        action: Action,
        acted: Acted,
        then: impl FnOnce(&Actions),
    ) -> Result<Actions, Broken> {
        let now = acted.at;
        let _writing = self.writing();
        let write = self.begin_write()?;
        let actions = {
            let mut table = write.open_table(ACTIONS)?;
            let mut actions = actions_of(&table, record.incident_id())?;
            actions.take(action, acted, record);
            table.insert(record.incident_id(), encode(&(&actions, now))?.as_slice())?;
            actions
        };
        write.commit()?;
        then(&actions);
        Ok(actions)
    }

    /// Calls `then` with the incidents that their detector has not resolved, before anything is applied.
    pub(crate) fn watched(&self, then: impl FnOnce(Vec<(Record, Actions)>)) -> Result<(), Broken> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        then(watched(&database.begin_read()?)?);
        Ok(())
    }
}
