//! The hot path: lines whose fields go straight into columns, without a value in between.

use std::sync::Arc;

use logd_sdk::event::{JsonReader, MESSAGE};
use logd_sdk::{Batch, Block, Body, Columns, Outputs, Slot, Time};
use vrl::path::OwnedValuePath;

use super::failures::Failures;
use super::format::{Flat, Line, Reason};
use super::settings::OnError;
use super::timestamp::Stamp;
use super::{Parse, Reader, invalid_json, missing_time, timed_out};
use crate::program::{BATCH, Budget};

/// Where the fields of a format go.
pub(super) struct Columnar {
    /// The format's own fields first, if they are known; then what is read downstream, and the time.
    columns: Arc<Columns>,
    json: Option<JsonReader>,
    /// How many fields the format has.
    fields: usize,
    /// The column of the event's time.
    time: Option<usize>,
    /// The column of `message`.
    message: Option<usize>,
}

impl Columnar {
    /// `None` for a format whose fields are not known.
    pub(super) fn new(reader: &Reader, time: Option<&OwnedValuePath>, read: &Columns) -> Option<Self> {
        let message = OwnedValuePath::single_field(MESSAGE);
        let names: &[String] = match reader {
            Reader::Json => &[],
            Reader::Flat { names, .. } => names,
            Reader::Open { .. } => return None,
        };
        let own = names.iter().map(|name| OwnedValuePath::single_field(name.as_str()));
        let raw = (!names.is_empty()).then(|| message.clone());
        let columns = Columns::new(own.chain(raw).chain(read.paths().iter().cloned()).chain(time.cloned()));
        Some(Self {
            json: matches!(reader, Reader::Json).then(|| JsonReader::new(Arc::clone(&columns))),
            fields: names.len(),
            time: time.and_then(|time| columns.find(time)),
            message: columns.find(&message),
            columns,
        })
    }

    /// Reads one line into its slots.
    fn read(
        &self,
        reader: &Reader,
        (bytes, text): (&[u8], Option<&str>),
        base: u32,
        slots: &mut [Slot],
        copied: &mut String,
    ) -> Result<(), Reason> {
        match (&self.json, reader) {
            (Some(json), _) => match text {
                Some(text) => json.read_text(text, base, slots, copied),
                None => json.read(bytes, base, slots, copied),
            }
            .map_err(|error| invalid_json(&error)),
            (None, Reader::Flat { format, .. }) => {
                read_flat(format.as_ref(), bytes, base, &mut slots[..self.fields], copied)?;
                match self.message {
                    Some(message) if message >= self.fields => put_line(&mut slots[message], bytes, base, copied),
                    _ => {}
                }
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }
}

impl Parse {
    /// Reads the lines, or documents, of the batch into columns.
    pub(super) fn fill_columns(&self, plan: &Columnar, mut batch: Batch, out: &mut Outputs) {
        let width = plan.columns.len();
        // Whether a block is text is found out before it is copied, so that the batch's own block knows it too.
        let blocks: Vec<Block> = batch.blocks().iter().map(Block::known).collect();
        let mut slots = vec![Slot::Missing; batch.len() * width];
        let mut copied = String::new();
        let mut failures = Failures::default();
        let mut budget = Budget::new(BATCH);
        for (place, row) in batch.rows_mut().iter_mut().enumerate() {
            let slots = &mut slots[place * width..(place + 1) * width];
            let block = &blocks[row.block as usize];
            let bytes = block.bytes.get(row.range()).unwrap_or_default();
            let read = if plan.json.is_some() || budget.begin() {
                plan.read(&self.reader, (bytes, block.text(row.range())), row.start, slots, &mut copied)
            } else {
                Err(timed_out())
            };
            if let Err(reason) = read {
                slots.fill(Slot::Missing);
                // If it is kept, it is a line whose only field is its message.
                if let Some(message) = plan.message {
                    put_line(&mut slots[message], bytes, row.start, &mut copied);
                }
                failures.add(place, reason);
                continue;
            }
            if let (Some((path, stamp)), Some(column)) = (&self.stamp, plan.time) {
                match slot_time(stamp, path, &slots[column], &block.bytes, &copied) {
                    Ok(time) => row.time = time,
                    Err(reason) => {
                        failures.add(place, reason);
                        if self.on_error != OnError::Keep {
                            continue;
                        }
                    }
                }
            }
            row.body = if plan.json.is_some() { Body::Json } else { Body::Columns };
        }
        batch.set_columns(Arc::clone(&plan.columns), slots, copied);
        failures.settle(self.on_error, self.stamp.is_some(), &mut batch, out);
        out.send(logd_sdk::Port::MAIN, batch);
    }
}

/// Reads a line that may not be UTF-8; what is not is replaced (U+FFFD).
fn read_flat(
    format: &dyn Flat,
    bytes: &[u8],
    base: u32,
    slots: &mut [Slot],
    copied: &mut String,
) -> Result<(), Reason> {
    if let Ok(text) = str::from_utf8(bytes) {
        return format.read(&mut Line { text, base, slots, copied });
    }
    let text = String::from_utf8_lossy(bytes);
    let mut line = Line { text: &text, base: 0, slots, copied };
    format.read(&mut line)?;
    // The parts of the mended text do not stand in the block.
    for field in 0..line.slots.len() {
        if let Slot::Block { start, end } = line.slots[field] {
            line.put_copied(field, &text[start as usize..end as usize]);
        }
    }
    Ok(())
}

/// The line itself as a field.
fn put_line(slot: &mut Slot, bytes: &[u8], base: u32, copied: &mut String) {
    let slots = std::slice::from_mut(slot);
    match str::from_utf8(bytes) {
        Ok(text) => Line { text, base, slots, copied }.put(0, text),
        Err(_) => Line { text: "", base, slots, copied }.put_copied(0, &String::from_utf8_lossy(bytes)),
    }
}

/// The moment that a slot says.
fn slot_time(stamp: &Stamp, path: &OwnedValuePath, slot: &Slot, block: &[u8], copied: &str) -> Result<Time, Reason> {
    let part =
        |text: &[u8], start: u32, end: u32| stamp.text(text.get(start as usize..end as usize).unwrap_or_default());
    let time = match slot {
        Slot::Time(time) => Ok(*time),
        Slot::Block { start, end } => part(block, *start, *end),
        Slot::Text { start, end } => part(copied.as_bytes(), *start, *end),
        Slot::Integer(number) => stamp.integer(*number),
        Slot::Float(number) => stamp.float(*number),
        Slot::Value(value) => stamp.value(value),
        Slot::Boolean(value) => Err(format!("`{value}` is not a time")),
        Slot::Missing | Slot::Null => return Err(missing_time(path)),
    };
    time.map_err(|message| Reason::new("invalid_timestamp", message))
}
