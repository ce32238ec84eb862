//! What becomes of what is old: seconds are rolled up to minutes, and in the end all goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use logd_sdk::Time;
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::tables::{ACTIONS, ANOMALIES, EVENTS, HOURS, INCIDENTS, OPENINGS, SECONDS, SERIES, SERVICES};
use super::{Broken, Store, decode, encode};
use crate::board::Forgotten;
use crate::events::MAX_ANOMALIES;
use crate::incident::{Actions, Record};
use crate::series::{Cell, SeriesName};

/// Seconds are kept for so many whole hours.
const KEPT_HOURS: i64 = 2;
const HOUR: i64 = 3600;
/// No transaction rolls up more hours: after a time of rest there may be many.
const HOURS_AT_ONCE: i64 = 6;

impl Store {
    /// Rolls up the seconds of hours that are over. Blocks. Says whether there is more to do.
    pub(crate) fn roll_up(&self, now: i64) -> Result<bool, Broken> {
        let _writing = self.writing();
        let write = self.begin_write()?;
        let mut left = HOURS_AT_ONCE;
        let end = now.div_euclid(HOUR) - KEPT_HOURS;
        {
            let mut seconds = write.open_table(SECONDS)?;
            let mut hours = write.open_table(HOURS)?;
            while left > 0 {
                let first = seconds.first()?.map(|(key, _)| key.value().0.div_euclid(60));
                let Some(hour) = first.filter(|hour| *hour < end) else { break };
                roll_up_hour(&mut seconds, &mut hours, hour)?;
                left -= 1;
            }
        }
        write.commit()?;
        Ok(left == 0)
    }

    /// Deletes what is older than `oldest`: series by their own time, incidents by their last change. Blocks. Says how
    /// many incidents went.
    pub(crate) fn delete_old(&self, oldest: Time) -> Result<u64, Broken> {
        let _writing = self.writing();
        let write = self.begin_write()?;
        let second = oldest.as_micros().div_euclid(1_000_000);
        write.open_table(SECONDS)?.retain_in(..(second.div_euclid(60), 0, 0), |_, _| false)?;
        write.open_table(HOURS)?.retain_in(..(second.div_euclid(HOUR), 0), |_, _| false)?;
        let mut gone = Vec::new();
        {
            let incidents = write.open_table(INCIDENTS)?;
            let mut excess = incidents.len()?.max(write.open_table(ANOMALIES)?.len()?).saturating_sub(MAX_ANOMALIES);
            for row in incidents.iter()? {
                let (record, changed): (Record, Time) = decode(row?.1.value())?;
                if changed < oldest || excess > 0 {
                    excess = excess.saturating_sub(record.anomalies.len() as u64);
                    gone.push(record);
                }
            }
        }
        for record in &gone {
            delete(&write, record)?;
        }
        {
            let mut actions = write.open_table(ACTIONS)?;
            let openings = write.open_table(OPENINGS)?;
            let mut orphans = Vec::new();
            for row in actions.iter()? {
                let (id, found) = row?;
                let (_, acted): (Actions, Time) = decode(found.value())?;
                if acted < oldest && openings.get(id.value())?.is_none() {
                    orphans.push(id.value().to_owned());
                }
            }
            for orphan in orphans {
                actions.remove(orphan.as_str())?;
            }
        }
        write.commit()?;
        Ok(gone.len() as u64)
    }

    /// Makes room: deletes the older half of the series' minutes. Blocks.
    pub(crate) fn halve_series(&self) -> Result<(), Broken> {
        let _writing = self.writing();
        let write = self.begin_write()?;
        {
            let mut hours = write.open_table(HOURS)?;
            let first = hours.first()?.map(|(key, _)| key.value().0);
            let last = hours.last()?.map(|(key, _)| key.value().0);
            if let (Some(first), Some(last)) = (first, last) {
                hours.retain_in(..=(first.midpoint(last), u32::MAX), |_, _| false)?;
            }
        }
        write.commit()?;
        Ok(())
    }

    /// The bytes of the file that are in use: what was deleted is free, and the file does not shrink at once.
    pub(crate) fn used_bytes(&self) -> Result<u64, Broken> {
        let _writing = self.writing();
        let write = self.begin_write()?;
        let stats = write.stats()?;
        let used = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        write.abort()?;
        Ok(used)
    }

    /// Forgets services and series, and notes how far the others are. Blocks.
    pub(crate) fn forget(&self, forgotten: &Forgotten, known: &[(Arc<SeriesName>, i64)]) -> Result<(), Broken> {
        let _writing = self.writing();
        let write = self.begin_write()?;
        {
            let mut table = write.open_table(SERVICES)?;
            for (pipeline, service) in &forgotten.services {
                table.remove((&**pipeline, &**service))?;
            }
            let mut table = write.open_table(SERIES)?;
            for name in &forgotten.series {
                if let Some(id) = self.ids().get(name) {
                    table.remove(*id)?;
                }
            }
            for (name, last) in known {
                if let Some(id) = self.ids().get(name) {
                    table.insert(*id, encode(&(name, last))?.as_slice())?;
                }
            }
        }
        write.commit()?;
        let mut ids = self.ids();
        for name in &forgotten.series {
            ids.remove(name);
        }
        Ok(())
    }
}

type Seconds<'t> = redb::Table<'t, (i64, u32, u8), &'static [u8]>;
type Hours<'t> = redb::Table<'t, (i64, u32), &'static [u8]>;

fn roll_up_hour(seconds: &mut Seconds<'_>, hours: &mut Hours<'_>, hour: i64) -> Result<(), Broken> {
    let range = (hour * 60, 0, 0)..(hour * 60 + 60, 0, 0);
    let mut series: BTreeMap<u32, BTreeMap<u8, Cell>> = BTreeMap::new();
    for row in seconds.range(range.clone())? {
        let (key, cell) = row?;
        let (minute, id, _) = key.value();
        let minute = u8::try_from(minute.rem_euclid(60)).unwrap_or(0);
        add(series.entry(id).or_default(), minute, decode(cell.value())?);
    }
    for (id, mut cells) in series {
        // There is something already if points came later than their hour was rolled up.
        let before = hours.get((hour, id))?.map(|before| decode::<Vec<(u8, Cell)>>(before.value())).transpose()?;
        for (minute, cell) in before.unwrap_or_default() {
            add(&mut cells, minute, cell);
        }
        let cells: Vec<(u8, Cell)> = cells.into_iter().collect();
        hours.insert((hour, id), encode(&cells)?.as_slice())?;
    }
    seconds.retain_in(range, |_, _| false)?;
    Ok(())
}

fn add(cells: &mut BTreeMap<u8, Cell>, minute: u8, cell: Cell) {
    cells.entry(minute).and_modify(|mine| mine.add(&cell)).or_insert(cell);
}

/// Deletes an incident with its anomalies.
fn delete(write: &WriteTransaction, record: &Record) -> Result<(), Broken> {
    let mut anomalies = write.open_table(ANOMALIES)?;
    let mut events = write.open_table(EVENTS)?;
    for id in &record.anomalies {
        let time = events.remove(id.as_str())?.map(|event| event.value().0);
        if let Some(time) = time {
            anomalies.remove((time, id.as_str()))?;
        }
    }
    write.open_table(INCIDENTS)?.remove((record.opened_at().as_micros(), record.incident_id()))?;
    write.open_table(OPENINGS)?.remove(record.incident_id())?;
    write.open_table(ACTIONS)?.remove(record.incident_id())?;
    Ok(())
}
