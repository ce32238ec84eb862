//! The batch: what travels through the graph.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use vrl::path::OwnedValuePath;
use vrl::value::{ObjectMap, Value};

use super::MESSAGE;
use super::columns::Columns;
use super::extract::JsonReader;
use super::id::EventId;
use super::row::{Block, Body, Row};
use super::slot::{Field, Slot};
use super::values::{slot_of, text_slot};
use crate::time::Time;

/// Events that travel together. See the [module](super) for how they are laid out.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    blocks: Vec<Block>,
    rows: Vec<Row>,
    columns: Arc<Columns>,
    /// One for each row and column, row by row.
    slots: Vec<Slot>,
    /// What [`Slot::Text`] points into.
    text: String,
    input: u8,
}

impl Batch {
    /// A batch of these rows, all of one block, with no field taken out yet.
    #[must_use]
    pub fn new(block: Block, rows: Vec<Row>) -> Self {
        Self { blocks: vec![block], rows, ..Self::default() }
    }

    /// A batch without events that says how far `block.partition` is: a new partition, or one that has ended.
    #[must_use]
    pub fn notice(block: Block) -> Self {
        Self::new(block, Vec::new())
    }

    /// How many events it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no event. It may still say how far its partitions are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bytes of memory that it holds: what channels are bounded by. Of values this is an estimate.
    #[must_use]
    pub fn size(&self) -> usize {
        /// A value takes so many times the room of its text: each key and each text is allocated, and each field has a
        /// place in a tree.
        const VALUE_FACTOR: usize = 8;
        /// What a value takes that never was a text.
        const SMALLEST_VALUE: usize = 1024;
        let value = |row: &Row| match row.body {
            Body::Value(_) => SMALLEST_VALUE.max(VALUE_FACTOR * row.range().len()),
            Body::Line | Body::Json | Body::Columns => 0,
        };
        self.blocks.iter().map(|block| block.bytes.len()).sum::<usize>()
            + self.rows.iter().map(value).sum::<usize>()
            + self.rows.len() * size_of::<Row>()
            + self.slots.len() * size_of::<Slot>()
            + self.text.len()
    }

    /// The bytes of its events as they came in.
    #[must_use]
    pub fn event_bytes(&self) -> usize {
        self.rows.iter().map(|row| row.range().len()).sum()
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Its rows, to set their times and bodies. Whoever sets times must call [`note_times`](Self::note_times).
    pub fn rows_mut(&mut self) -> &mut [Row] {
        &mut self.rows
    }

    /// Its blocks.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Its blocks, to say how far their partitions are.
    pub fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }

    /// A batch of these blocks, as it is read back from a disk: rows are [pushed](Self::push).
    pub(super) fn set_blocks(&mut self, blocks: Vec<Block>) {
        self.blocks = blocks;
    }

    /// Adds a row of which no field has been taken out.
    pub(super) fn push(&mut self, row: Row) {
        debug_assert!(self.columns.is_empty(), "a row without slots");
        self.rows.push(row);
    }

    /// By which of its inputs the component received it, by the place in
    /// [`Settings::INPUTS`](crate::component::Settings::INPUTS).
    #[must_use]
    pub fn input(&self) -> usize {
        self.input.into()
    }

    /// Says by which input it is received.
    pub fn set_input(&mut self, input: u8) {
        self.input = input;
    }

    /// The columns that are taken out.
    #[must_use]
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// The event as it came in.
    #[must_use]
    pub fn raw(&self, row: usize) -> &[u8] {
        let row = &self.rows[row];
        self.blocks[row.block as usize].bytes.get(row.range()).unwrap_or_default()
    }

    /// The event's identity.
    #[must_use]
    pub fn id(&self, row: usize) -> EventId {
        let row = &self.rows[row];
        EventId::of(&self.blocks[row.block as usize], row)
    }

    /// A field by its row and the place of its column.
    #[must_use]
    #[inline]
    pub fn field(&self, row: usize, column: usize) -> Field<'_> {
        match &self.slots[row * self.columns.len() + column] {
            Slot::Missing => Field::Missing,
            Slot::Null => Field::Null,
            Slot::Boolean(value) => Field::Boolean(*value),
            Slot::Integer(value) => Field::Integer(*value),
            Slot::Float(value) => Field::Float(*value),
            Slot::Time(value) => Field::Time(*value),
            Slot::Value(value) => Field::Value(value),
            Slot::Text { start, end } => Field::Text(self.text.get(*start as usize..*end as usize).unwrap_or_default()),
            Slot::Block { start, end } => {
                let block = &self.blocks[self.rows[row].block as usize];
                Field::Text(block.text(*start as usize..*end as usize).unwrap_or_default())
            }
        }
    }

    /// A field by its row and the place of its column, if there is such a column.
    #[must_use]
    #[inline]
    pub fn field_if(&self, row: usize, column: Option<usize>) -> Field<'_> {
        column.map_or(Field::Missing, |column| self.field(row, column))
    }

    /// The event as a value: for a program that needs all of it, or a sink that writes it anew.
    #[must_use]
    pub fn value(&self, row: usize) -> Value {
        match &self.rows[row].body {
            Body::Value(value) => Value::clone(value),
            Body::Line => {
                let message = Value::from(String::from_utf8_lossy(self.raw(row)).into_owned());
                Value::Object(ObjectMap::from([(MESSAGE.into(), message)]))
            }
            // It was checked when it became a JSON body.
            Body::Json => sonic_rs::from_slice(self.raw(row)).unwrap_or(Value::Null),
            Body::Columns => {
                let mut value = Value::Object(ObjectMap::new());
                for (column, path) in self.columns.paths().iter().enumerate() {
                    let field = self.field(row, column);
                    if !field.is_missing() {
                        value.insert(path, Value::from(field));
                    }
                }
                value
            }
        }
    }

    /// The batch with the fields `wanted` taken out: itself, if all of them are already. See [`require`](Self::require).
    #[must_use]
    pub fn with_fields(&self, wanted: &Arc<Columns>) -> Cow<'_, Self> {
        let mut batch = Cow::Borrowed(self);
        if !self.columns.contains(wanted) {
            batch.to_mut().require(wanted);
        }
        batch
    }

    /// Takes the fields `wanted` out, unless all of them are already. What a row lacks is missing.
    pub fn require(&mut self, wanted: &Arc<Columns>) {
        if self.columns.contains(wanted) {
            return;
        }
        let columns = if self.columns.is_empty() {
            Arc::clone(wanted)
        } else {
            Columns::new(self.columns.paths().iter().chain(wanted.paths()).cloned())
        };
        let reader = JsonReader::new(Arc::clone(&columns));
        let message = columns.find(&OwnedValuePath::single_field(MESSAGE));
        let mut slots = vec![Slot::Missing; self.rows.len() * columns.len()];
        let known = self.columns.len();
        for (row, slots) in slots.chunks_exact_mut(columns.len()).enumerate() {
            // The old columns are the first of the new ones.
            for (slot, old) in slots.iter_mut().zip(&mut self.slots[row * known..(row + 1) * known]) {
                *slot = std::mem::take(old);
            }
            let Row { block, body, .. } = &self.rows[row];
            let bytes = &self.blocks[*block as usize].bytes;
            let range = self.rows[row].range();
            match body {
                Body::Columns => {}
                Body::Json => {
                    let document = bytes.get(range).unwrap_or_default();
                    // It was checked when it became a JSON body: nothing is left to fail.
                    let _ = reader.read(document, self.rows[row].start, slots, &mut self.text);
                }
                Body::Value(value) => {
                    for (slot, path) in slots.iter_mut().zip(columns.paths()).skip(known) {
                        *slot = value.get(path).map_or(Slot::Missing, |value| slot_of(value, &mut self.text));
                    }
                }
                Body::Line => {
                    if let Some(column) = message {
                        let line = bytes.get(range).unwrap_or_default();
                        slots[column] = match str::from_utf8(line) {
                            Ok(_) => Slot::Block { start: self.rows[row].start, end: self.rows[row].end },
                            Err(_) => text_slot(&String::from_utf8_lossy(line), &mut self.text),
                        };
                    }
                }
            }
        }
        self.columns = columns;
        self.slots = slots;
    }

    /// Sets all columns at once: `slots` holds one for each row and column, row by row, `text` what their text slots
    /// point into. What was taken out before is forgotten.
    pub fn set_columns(&mut self, columns: Arc<Columns>, slots: Vec<Slot>, text: String) {
        debug_assert_eq!(slots.len(), self.rows.len() * columns.len(), "one slot for each row and column");
        self.columns = columns;
        self.slots = slots;
        self.text = text;
    }

    /// Forgets the columns, after the bodies have been changed.
    pub fn clear_columns(&mut self) {
        self.set_columns(Arc::default(), Vec::new(), String::new());
    }

    /// Works out, from the rows' times, how far each block's partition is. To be called by whoever sets times.
    pub fn note_times(&mut self) {
        for block in &mut self.blocks {
            if block.greatest != Time::MAX {
                block.greatest = Time::MIN;
            }
        }
        for row in &mut self.rows {
            let block = &mut self.blocks[row.block as usize];
            block.greatest = block.greatest.max(row.time);
            row.seen = block.greatest;
        }
    }

    /// Keeps the rows for which `keep` holds. What the blocks say of time stays.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let width = self.columns.len();
        let mut kept = 0;
        for row in 0..self.rows.len() {
            if keep(row) {
                if kept != row {
                    self.rows.swap(kept, row);
                    for column in 0..width {
                        self.slots.swap(kept * width + column, row * width + column);
                    }
                }
                kept += 1;
            }
        }
        self.rows.truncate(kept);
        self.slots.truncate(kept * width);
        self.compact();
    }

    /// A batch of these rows, in this order.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let mut selected = self.pick(rows, self.blocks.clone());
        selected.compact();
        selected
    }

    /// One event by itself: with the block that it stands in, and no other.
    #[must_use]
    pub fn alone(&self, row: u32) -> Self {
        let block = self.rows[row as usize].block;
        let mut alone = self.pick(&[row], vec![self.blocks[block as usize].clone()]);
        alone.rows[0].block = 0;
        alone.compact();
        alone
    }

    fn pick(&self, rows: &[u32], blocks: Vec<Block>) -> Self {
        let width = self.columns.len();
        let mut slots = Vec::with_capacity(rows.len() * width);
        // The text of these rows only: who takes a batch apart row by row must not copy all of it each time.
        let mut text = String::new();
        for &row in rows {
            for slot in &self.slots[row as usize * width..(row as usize + 1) * width] {
                slots.push(match slot {
                    Slot::Text { start, end } => {
                        text_slot(self.text.get(*start as usize..*end as usize).unwrap_or_default(), &mut text)
                    }
                    slot => slot.clone(),
                });
            }
        }
        Self {
            blocks,
            rows: rows.iter().map(|&row| self.rows[row as usize].clone()).collect(),
            columns: Arc::clone(&self.columns),
            slots,
            text,
            input: self.input,
        }
    }

    /// Copies what is left of a block when a few rows hold a large one.
    fn compact(&mut self) {
        /// A block is copied when less than this share of it is still in use.
        const SPARSE: usize = 4;
        let width = self.columns.len();
        for (index, block) in self.blocks.iter_mut().enumerate() {
            let mine = |row: &Row| row.block as usize == index;
            let used: usize = self.rows.iter().filter(|row| mine(row)).map(|row| row.range().len()).sum();
            if used * SPARSE >= block.bytes.len() {
                continue;
            }
            let mut bytes = Vec::with_capacity(used);
            for (place, row) in self.rows.iter_mut().enumerate().filter(|(_, row)| mine(row)) {
                // The copy is no longer than the block, whose ranges fit into 32 bits.
                let start = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                bytes.extend_from_slice(block.bytes.get(row.range()).unwrap_or_default());
                for slot in &mut self.slots[place * width..(place + 1) * width] {
                    if let Slot::Block { start: from, end } = slot {
                        (*from, *end) = (*from - row.start + start, *end - row.start + start);
                    }
                }
                (row.start, row.end) = (start, row.end - row.start + start);
            }
            block.replace(Bytes::from(bytes));
        }
    }

    /// Puts the events of `other` behind its own.
    pub fn append(&mut self, mut other: Self) {
        if self.rows.is_empty() && self.blocks.is_empty() {
            *self = other;
            return;
        }
        if self.columns != other.columns {
            let columns = Columns::new(self.columns.paths().iter().chain(other.columns.paths()).cloned());
            self.require(&columns);
            other.require(&columns);
            other.reorder(&self.columns);
        }
        let blocks = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        let text = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.blocks.append(&mut other.blocks);
        self.text.push_str(&other.text);
        self.rows.extend(other.rows.into_iter().map(|row| Row { block: row.block + blocks, ..row }));
        self.slots.extend(other.slots.into_iter().map(|slot| match slot {
            Slot::Text { start, end } => Slot::Text { start: start + text, end: end + text },
            slot => slot,
        }));
    }

    /// Puts the columns, which are those of `order`, into its order.
    fn reorder(&mut self, order: &Arc<Columns>) {
        let from: Vec<usize> = order.paths().iter().filter_map(|path| self.columns.find(path)).collect();
        let width = self.columns.len();
        let slots = (0..self.rows.len()).flat_map(|row| from.iter().map(move |column| row * width + column));
        self.slots = slots.map(|slot| self.slots[slot].clone()).collect();
        self.columns = Arc::clone(order);
    }
}

mod add;
#[cfg(test)]
mod tests;
