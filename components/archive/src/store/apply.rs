//! Epochs that become part of the database: each once, all of a checkpoint in one transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use logd_sdk::Time;
use redb::{ReadableTable, WriteTransaction};

use super::tables::{ANOMALIES, EVENTS, FEEDS, INCIDENTS, OPENINGS, SECONDS, SERIES, SERVICES};
use super::{Broken, Store, StoredService, decode, encode};
use crate::events::{Anomaly, WholeAnomaly};
use crate::incident::Record;
use crate::sealed::{EpochPart, Sealed, SeriesDelta, ServiceDelta};
use crate::series::{Cell, SeriesName};

const MINUTE: i64 = 60;

/// An epoch that is durable now.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) part: Arc<EpochPart>,
    /// Whether it was not before.
    pub(crate) is_new: bool,
    /// The anomalies that were not there.
    pub(crate) anomalies: Vec<Anomaly>,
}

impl Store {
    /// Makes the epochs of a feed durable that are not yet, and calls `then` before anybody can read them. Blocks.
    pub(crate) fn apply(
        &self,
        feed: &str,
        sealed: &Sealed,
        now: Time,
        then: impl FnOnce(&[Applied]),
    ) -> Result<(), Broken> {
        let _writing = self.writing();
        let write = self.begin_write()?;
        let mut new_ids = HashMap::new();
        let mut applied = Vec::new();
        {
            let mut feeds = write.open_table(FEEDS)?;
            let last = feeds.get(feed)?.map_or(0, |last| last.value());
            for part in &sealed.parts {
                let is_new = part.epoch > last;
                let mut anomalies = Vec::new();
                if is_new {
                    services(&write, &part.services)?;
                    self.add_series(&write, &part.series, &mut new_ids)?;
                    anomalies = incidents(&write, &part.anomalies, now)?;
                }
                applied.push(Applied { part: Arc::clone(part), is_new, anomalies });
            }
            feeds.insert(feed, last.max(sealed.epoch))?;
        }
        let _guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        write.commit()?;
        self.ids().extend(new_ids);
        then(&applied);
        Ok(())
    }

    fn add_series(
        &self,
        write: &WriteTransaction,
        deltas: &[SeriesDelta],
        new_ids: &mut HashMap<Arc<SeriesName>, u32>,
    ) -> Result<(), Broken> {
        let mut series = write.open_table(SERIES)?;
        let mut seconds = write.open_table(SECONDS)?;
        // In the order of keys: each page is touched once.
        let mut cells: BTreeMap<(i64, u32, u8), &Cell> = BTreeMap::new();
        for delta in deltas {
            let known = self.ids().get(&delta.name).or_else(|| new_ids.get(&delta.name)).copied();
            let id = match known {
                Some(id) => id,
                None => {
                    let id = series.last()?.map_or(0, |(last, _)| last.value() + 1);
                    let last = delta.cells.last().map_or(i64::MIN, |(second, _)| *second);
                    series.insert(id, encode(&(&delta.name, last))?.as_slice())?;
                    new_ids.insert(Arc::clone(&delta.name), id);
                    id
                }
            };
            for (second, cell) in &delta.cells {
                let within = u8::try_from(second.rem_euclid(MINUTE)).unwrap_or(0);
                cells.insert((second.div_euclid(MINUTE), id, within), cell);
            }
        }
        for (key, cell) in cells {
            let known = seconds.get(key)?.map(|known| decode::<Cell>(known.value())).transpose()?;
            let mut sum = known.unwrap_or(*cell);
            if known.is_some() {
                sum.add(cell);
            }
            seconds.insert(key, encode(&sum)?.as_slice())?;
        }
        Ok(())
    }
}

fn services(write: &WriteTransaction, deltas: &[ServiceDelta]) -> Result<(), Broken> {
    let mut services = write.open_table(SERVICES)?;
    for delta in deltas {
        let key = (&*delta.pipeline, &*delta.service);
        let known = services.get(key)?.map(|known| decode::<StoredService>(known.value())).transpose()?;
        let (mut counts, anomalies, spoke) = known.unwrap_or_default();
        counts.add(&delta.counts);
        services.insert(key, encode(&(counts, anomalies, spoke.later(delta.spoke)))?.as_slice())?;
    }
    Ok(())
}

/// Stores the anomalies that are not known, and returns them.
fn incidents(write: &WriteTransaction, told: &[Arc<WholeAnomaly>], now: Time) -> Result<Vec<Anomaly>, Broken> {
    let mut new = Vec::new();
    if told.is_empty() {
        return Ok(new);
    }
    let mut anomalies = write.open_table(ANOMALIES)?;
    let mut events = write.open_table(EVENTS)?;
    let mut incidents = write.open_table(INCIDENTS)?;
    let mut openings = write.open_table(OPENINGS)?;
    let mut services = write.open_table(SERVICES)?;
    for WholeAnomaly { anomaly, event } in told.iter().map(|whole| &**whole) {
        let (id, time) = (anomaly.id.as_str(), anomaly.time.as_micros());
        if events.get(id)?.is_some() {
            continue;
        }
        let incident = anomaly.incident_id.as_str();
        let opening = openings.get(incident)?.map(|opening| opening.value());
        let before = match opening {
            Some(opening) => incidents.get((opening, incident))?.map(|before| decode::<(Record, Time)>(before.value())),
            None => None,
        };
        let before = before.transpose()?.map(|(record, _)| record);
        let Some(record) = Record::after(before, anomaly) else { continue };
        let opening = record.opened_at().as_micros();
        openings.insert(incident, opening)?;
        incidents.insert((opening, incident), encode(&(record, now))?.as_slice())?;
        events.insert(id, (time, event.to_string().as_str()))?;
        anomalies.insert((time, id), encode(anomaly)?.as_slice())?;
        let service = (anomaly.pipeline.as_str(), anomaly.service.as_str());
        let known = services.get(service)?.map(|known| decode::<StoredService>(known.value())).transpose()?;
        let (counts, count, spoke) = known.unwrap_or_default();
        services.insert(service, encode(&(counts, count + 1, spoke))?.as_slice())?;
        new.push(anomaly.clone());
    }
    Ok(new)
}
