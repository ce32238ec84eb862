//! The general path: events whose fields are not known beforehand, or that hold the text in a field. Each becomes a
//! value.

use std::borrow::Cow;
use std::sync::Arc;

use logd_sdk::event::{JsonReader, MESSAGE};
use logd_sdk::{Batch, Body, Columns, Outputs, Port, Slot, Time};
use vrl::path::OwnedValuePath;
use vrl::value::{ObjectMap, Value};

use super::failures::Failures;
use super::format::open::{slot_value, type_numbers};
use super::format::{Line, Reason};
use super::settings::OnError;
use super::{Parse, Reader, invalid_json, missing_time, timed_out};
use crate::program::{BATCH, Budget};

impl Parse {
    /// Makes a value of every event of the batch.
    pub(super) fn make_values(&self, mut batch: Batch, out: &mut Outputs) {
        let mut failures = Failures::default();
        let mut budget = Budget::new(BATCH);
        for place in 0..batch.len() {
            let read = if budget.begin() { self.read(&batch, place) } else { Err(timed_out()) };
            let time = read.as_ref().map_or(Ok(None), |value| self.time(value));
            let (read, failure) = match (read, time) {
                (Err(reason), _) => (None, Some(reason)),
                // What could be read of a kept event stays.
                (Ok(value), Err(reason)) => ((self.on_error == OnError::Keep).then_some(value), Some(reason)),
                (Ok(value), Ok(time)) => {
                    let row = &mut batch.rows_mut()[place];
                    row.time = time.unwrap_or(row.time);
                    (Some(value), None)
                }
            };
            if let Some(reason) = failure {
                failures.add(place, reason);
            }
            // The columns are about to be cleared, and an event that could not be read may consist of them.
            let unread = || matches!(batch.rows()[place].body, Body::Columns).then(|| batch.value(place));
            if let Some(value) = read.or_else(unread) {
                batch.rows_mut()[place].body = Body::Value(Arc::new(value));
            }
        }
        failures.settle(self.on_error, self.stamp.is_some(), &mut batch, out);
        batch.clear_columns();
        batch.require(&self.columns);
        out.send(Port::MAIN, batch);
    }

    /// The event that a row becomes.
    fn read(&self, batch: &Batch, row: usize) -> Result<Value, Reason> {
        if self.is_text(&batch.rows()[row].body) {
            let text = String::from_utf8_lossy(batch.raw(row));
            let mut fields = self.reader.fields(&text)?;
            if !matches!(self.reader, Reader::Json) && !fields.contains_key(MESSAGE) {
                fields.insert(MESSAGE.into(), Value::from(text));
            }
            return Ok(Value::Object(fields));
        }
        let mut event = batch.value(row);
        let message = OwnedValuePath::single_field(MESSAGE);
        let path = self.field.as_ref().unwrap_or(&message);
        let no_text = || Reason::new("no_text", format!("the event has no text in `{path}`"));
        let text = event.get(path).and_then(|value| value.to_str_lossy().map(Cow::into_owned)).ok_or_else(no_text)?;
        let fields = self.reader.fields(&text)?;
        if matches!(self.reader, Reader::Json) {
            event.remove(path, true);
        }
        if let Value::Object(event) = &mut event {
            event.extend(fields);
        }
        Ok(event)
    }

    /// When the event happened, if that is looked for.
    fn time(&self, event: &Value) -> Result<Option<Time>, Reason> {
        let Some((path, stamp)) = &self.stamp else { return Ok(None) };
        let value = event.get(path).filter(|value| !value.is_null()).ok_or_else(|| missing_time(path))?;
        stamp.value(value).map(Some).map_err(|message| Reason::new("invalid_timestamp", message))
    }
}

impl Reader {
    /// The fields of a text.
    fn fields(&self, text: &str) -> Result<ObjectMap, Reason> {
        match self {
            Self::Json => {
                // The reader checks what all readers check, above all the depth.
                let checked = JsonReader::new(Columns::new([])).read(text.as_bytes(), 0, &mut [], &mut String::new());
                checked.map_err(|error| invalid_json(&error))?;
                match sonic_rs::from_str(text) {
                    Ok(Value::Object(fields)) => Ok(fields),
                    _ => Err(Reason::new("invalid_json", "not an object")),
                }
            }
            Self::Open { format, numbers } => {
                let mut fields = format.read(text)?;
                if *numbers {
                    type_numbers(&mut fields);
                }
                Ok(fields)
            }
            Self::Flat { format, names } => {
                let (mut slots, mut copied) = (vec![Slot::Missing; names.len()], String::new());
                format.read(&mut Line { text, base: 0, slots: &mut slots, copied: &mut copied })?;
                let fields = names.iter().zip(&slots);
                Ok(fields
                    .filter_map(|(name, slot)| Some((name.as_str().into(), slot_value(slot, text, &copied)?)))
                    .collect())
            }
        }
    }
}
