//! The cells of series, as they are asked for.

use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable};

use super::tables::{HOURS, SECONDS};
use super::{Broken, Store, decode};
use crate::series::{Cell, Grid, SeriesName};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

impl Store {
    /// Calls `each` with the stored cells of a series that lie within a grid's range, in no order.
    pub(crate) fn cells(
        &self,
        read: &ReadTransaction,
        name: &Arc<SeriesName>,
        grid: &Grid,
        mut each: impl FnMut(i64, &Cell),
    ) -> Result<(), Broken> {
        let Some(id) = self.ids().get(name).copied() else { return Ok(()) };
        let hours = read.open_table(HOURS)?;
        let first = hours.first()?.map_or(i64::MAX, |(key, _)| key.value().0);
        let last = hours.last()?.map_or(i64::MIN, |(key, _)| key.value().0);
        for hour in first.max(grid.from.div_euclid(HOUR))..=last.min(grid.to.div_euclid(HOUR)) {
            let Some(cells) = hours.get((hour, id))? else { continue };
            for (minute, cell) in decode::<Vec<(u8, Cell)>>(cells.value())? {
                each(hour * HOUR + i64::from(minute) * MINUTE, &cell);
            }
        }
        let seconds = read.open_table(SECONDS)?;
        let first = seconds.first()?.map_or(i64::MAX, |(key, _)| key.value().0);
        let last = seconds.last()?.map_or(i64::MIN, |(key, _)| key.value().0);
        for minute in first.max(grid.from.div_euclid(MINUTE))..=last.min(grid.to.div_euclid(MINUTE)) {
            for row in seconds.range((minute, id, 0)..=(minute, id, u8::MAX))? {
                let (key, cell) = row?;
                each(minute * MINUTE + i64::from(key.value().2), &decode(cell.value())?);
            }
        }
        Ok(())
    }
}
