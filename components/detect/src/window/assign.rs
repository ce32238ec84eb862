//! From rows to cells: which key and which windows each event of a batch goes into, and which events are late.
//!
//! This is the hot path of the engine: a row costs one lookup in a small table, and allocates nothing. Its key is
//! written into one buffer for all rows, for comparing a few bytes is cheaper than comparing fields.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use logd_sdk::keyed::Floor;
use logd_sdk::{Batch, Row, Time};

use super::panes::{Cursor, Panes, Span};

/// Stands in [`Assigned::cell_of`] for rows that go into no cell.
const NONE: u32 = u32::MAX;

/// A key and windows, with some of the batch's rows in it.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Its windows.
    pub(crate) span: Span,
    /// The latest time of its events.
    pub(crate) newest: Time,
    /// Where its key stands in [`Assigned::keys`].
    pub(crate) key: Range<usize>,
    hash: u64,
}

/// What becomes of the rows of a batch.
#[derive(Debug)]
pub(crate) struct Assigned {
    /// The cells that there are.
    pub(crate) cells: Vec<Cell>,
    /// Their keys' bytes.
    pub(crate) keys: Vec<u8>,
    /// The cell of each row.
    pub(crate) cell_of: Vec<u32>,
    /// Rows that are late for all their windows, or too far ahead.
    pub(crate) late: Vec<u32>,
    /// The least end of a window that rows were taken into, for each block.
    pub(crate) least_end: Vec<Time>,
}

/// Assigns the rows of the batch, whose keys `write_key` appends. With the processing clock, `now` is the time of all of
/// them.
pub(crate) fn assign(
    batch: &Batch,
    floors: &[Floor],
    write_key: impl Fn(usize, &mut Vec<u8>),
    panes: Panes,
    allowed_lateness: Duration,
    now: Option<Time>,
) -> Assigned {
    let mut floors = Floors::new(batch, floors, allowed_lateness);
    let mut cursor = Cursor::new(panes);
    let mut table = Table::default();
    let mut cell_of = vec![NONE; batch.len()];
    let mut late = Vec::new();
    let mut least_end = vec![Time::MAX; batch.blocks().len()];
    for (place, row) in batch.rows().iter().enumerate() {
        let judged = match now {
            // Nothing is late, not even where the clock was set back.
            Some(now) => floors.closed(row).map(|closed| (now.max(closed), closed)),
            None => floors.judge(row).map(|floor| (row.time, floor)),
        };
        match judged.and_then(|(time, floor)| Some((time, cursor.span(time, floor)?))) {
            Some((time, span)) => {
                table.key.clear();
                write_key(place, &mut table.key);
                cell_of[place] = table.cell(span, time);
                if let Some(least) = least_end.get_mut(row.block as usize) {
                    *least = span.first.min(*least);
                }
            }
            None => late.push(u32::try_from(place).unwrap_or(NONE)),
        }
    }
    Assigned { cells: table.cells, keys: table.keys, cell_of, late, least_end }
}

/// What is closed for each block, as its rows go by.
pub(crate) struct Floors {
    blocks: Vec<Progress>,
    /// In microseconds.
    lateness: i64,
}

struct Progress {
    floor: Floor,
    /// The first block of the same partition, which keeps `seen` for all of them.
    leader: usize,
    /// The greatest time so far, in this batch.
    seen: Time,
    /// Whether the rows' own word on what was seen can't be used: it counts an event that is too far ahead, or the
    /// partition's end.
    by_time: bool,
}

impl Floors {
    /// At the beginning of the batch.
    pub(crate) fn new(batch: &Batch, floors: &[Floor], allowed_lateness: Duration) -> Self {
        let leader = |place: usize| {
            let partition = &batch.blocks()[place].partition;
            batch.blocks()[..place].iter().position(|block| block.partition == *partition).unwrap_or(place)
        };
        let progress = |(place, &floor): (usize, &Floor)| {
            let greatest = batch.blocks()[place].greatest;
            let by_time = greatest > floor.ahead || greatest == Time::MAX;
            Progress { floor, leader: leader(place), seen: Time::MIN, by_time }
        };
        let blocks = floors.iter().take(batch.blocks().len()).enumerate().map(progress).collect();
        let lateness = i64::try_from(allowed_lateness.as_micros()).unwrap_or(i64::MAX);
        Self { blocks, lateness }
    }

    /// What was closed before the batch.
    fn closed(&self, row: &Row) -> Option<Time> {
        self.blocks.get(row.block as usize).map(|progress| progress.floor.closed)
    }

    /// What is closed for this row: `None` if it is too far ahead to be judged by. That the row itself is seen already
    /// changes nothing: no window that it belongs to ends before its own time.
    pub(crate) fn judge(&mut self, row: &Row) -> Option<Time> {
        let &Progress { floor, leader, by_time, .. } = self.blocks.get(row.block as usize)?;
        if row.time > floor.ahead {
            return None;
        }
        let leader = &mut self.blocks[leader];
        leader.seen = leader.seen.max(if by_time { row.time } else { row.seen });
        let watermark = leader.seen.as_micros().saturating_sub(self.lateness);
        Some(floor.closed.max(Time::from_micros(watermark)))
    }
}

/// Finds cells by windows and key.
#[derive(Default)]
struct Table {
    /// The key that is looked for.
    key: Vec<u8>,
    state: RandomState,
    /// Places in `cells`.
    places: HashTable<u32>,
    cells: Vec<Cell>,
    keys: Vec<u8>,
}

impl Table {
    /// The place of the cell with these windows and the key; `time` is that of an event that goes into it.
    fn cell(&mut self, span: Span, time: Time) -> u32 {
        let mut hasher = self.state.build_hasher();
        hasher.write_i64(span.first.as_micros());
        hasher.write_i64(span.last.as_micros());
        hasher.write(&self.key);
        let hash = hasher.finish();
        let is_it = |&place: &u32| {
            let cell = &self.cells[place as usize];
            cell.span == span && self.keys[cell.key.clone()] == self.key
        };
        if let Some(&place) = self.places.find(hash, is_it) {
            let newest = &mut self.cells[place as usize].newest;
            *newest = time.max(*newest);
            return place;
        }
        // There are no more cells than rows, and these have 32 bits.
        let place = u32::try_from(self.cells.len()).unwrap_or(NONE);
        let start = self.keys.len();
        self.keys.extend_from_slice(&self.key);
        self.cells.push(Cell { span, newest: time, key: start..self.keys.len(), hash });
        self.places.insert_unique(hash, place, |&place| self.cells[place as usize].hash);
        place
    }
}
