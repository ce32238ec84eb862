//! The tables, and what is in them.

use redb::{TableDefinition, WriteTransaction};

use super::Broken;

type Table<K, V> = TableDefinition<'static, K, V>;

/// The version of the tables.
pub(super) const FORMAT: u64 = 1;

/// What holds for the database as a whole.
pub(super) const FACTS: Table<&str, u64> = TableDefinition::new("facts");
/// By feed: the epoch that was applied last.
pub(super) const FEEDS: Table<&str, u64> = TableDefinition::new("feeds");
/// By pipeline and service: [`super::StoredService`].
pub(super) const SERVICES: Table<(&str, &str), &[u8]> = TableDefinition::new("services");
/// By id: the name of a series, and the last second that was known when it was written.
pub(super) const SERIES: Table<u32, &[u8]> = TableDefinition::new("series");
/// By minute since the epoch, series, second of the minute: a cell. So one epoch's points lie next to each other, and
/// what is old goes as one range.
pub(super) const SECONDS: Table<(i64, u32, u8), &[u8]> = TableDefinition::new("seconds");
/// By hour since the epoch and series: the cells of its minutes, in order.
pub(super) const HOURS: Table<(i64, u32), &[u8]> = TableDefinition::new("hours");
/// By time and id: an anomaly, as it stands in lists.
pub(super) const ANOMALIES: Table<(i64, &str), &[u8]> = TableDefinition::new("anomalies");
/// By id: an anomaly's time, and its event as JSON.
pub(super) const EVENTS: Table<&str, (i64, &str)> = TableDefinition::new("events");
/// By opening and id: an incident's record, and when it last changed by this machine's clock.
pub(super) const INCIDENTS: Table<(i64, &str), &[u8]> = TableDefinition::new("incidents");
/// By id: an incident's opening.
pub(super) const OPENINGS: Table<&str, i64> = TableDefinition::new("openings");
/// By incident: what people did, and when they last did, by this machine's clock.
pub(super) const ACTIONS: Table<&str, &[u8]> = TableDefinition::new("actions");

/// Makes them all, so that readers find them.
pub(super) fn make(write: &WriteTransaction) -> Result<(), Broken> {
    write.open_table(FEEDS)?;
    write.open_table(SERVICES)?;
    write.open_table(SERIES)?;
    write.open_table(SECONDS)?;
    write.open_table(HOURS)?;
    write.open_table(ANOMALIES)?;
    write.open_table(EVENTS)?;
    write.open_table(INCIDENTS)?;
    write.open_table(OPENINGS)?;
    write.open_table(ACTIONS)?;
    Ok(())
}
