//! From events back to bytes.

use memchr::memchr2;

use super::MESSAGE;
use super::batch::Batch;
use super::row::Body;

/// Appends the event as one line of JSON, without the line's end. The bytes of an unchanged JSON object are copied.
pub fn write_json(batch: &Batch, row: usize, out: &mut Vec<u8>) {
    let raw = batch.raw(row);
    // A document over several lines is still one event, and must be one line.
    if matches!(batch.rows()[row].body, Body::Json) && memchr2(b'\n', b'\r', raw).is_none() {
        out.extend_from_slice(raw);
        return;
    }
    let start = out.len();
    if serde_json::to_writer(&mut *out, &batch.value(row)).is_err() {
        // A `Vec` takes every write, and a `Value` has no key that is no text; but half a line must never stand.
        out.truncate(start);
        out.extend_from_slice(b"{}");
    }
}

/// Appends the event as text, without a line's end: its `message`, or all of it as JSON where it has none.
pub fn write_text(batch: &Batch, row: usize, out: &mut Vec<u8>) {
    match &batch.rows()[row].body {
        Body::Line => out.extend_from_slice(batch.raw(row)),
        Body::Value(value) => match value.as_object().and_then(|fields| fields.get(MESSAGE)?.as_bytes()) {
            Some(message) => out.extend_from_slice(message),
            _ => write_json(batch, row, out),
        },
        Body::Json | Body::Columns => write_json(batch, row, out),
    }
}
