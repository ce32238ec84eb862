//! Between slots and VRL's values.

use std::sync::Arc;

use vrl::value::Value;

use super::slot::Slot;
use crate::time::Time;

/// The slot that holds this value; text goes to the end of `text`.
pub(super) fn slot_of(value: &Value, text: &mut String) -> Slot {
    match value {
        Value::Null => Slot::Null,
        Value::Boolean(value) => Slot::Boolean(*value),
        Value::Integer(value) => Slot::Integer(*value),
        Value::Float(value) => Slot::Float(value.into_inner()),
        Value::Timestamp(time) => Slot::Time(Time::from_chrono(*time)),
        Value::String(value) => text_slot(value, text),
        Value::Bytes(bytes) => text_slot(&String::from_utf8_lossy(bytes), text),
        _ => Slot::Value(Arc::new(value.clone())),
    }
}

/// A slot for `value`, put at the end of `text`.
pub(super) fn text_slot(value: &str, text: &mut String) -> Slot {
    let start = text.len();
    match (u32::try_from(start), u32::try_from(start + value.len())) {
        (Ok(start), Ok(end)) => {
            text.push_str(value);
            Slot::Text { start, end }
        }
        // Four gigabytes of text in one batch: it finds room beside it.
        _ => Slot::Value(Arc::new(Value::from(value))),
    }
}
