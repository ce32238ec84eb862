//! The body of a bulk request: for each event a line that says where it goes, and a line that is the event.
//!
//! The bytes of an event that nobody changed are copied into it and parsed by nobody. The body is made once for a batch;
//! a part of it, where the whole is too large for the service, is a slice of the same bytes.

use std::ops::Range;

use bytes::Bytes;
use logd_sdk::event::write_json;
use logd_sdk::{Batch, EventId};
use vrl::path::OwnedValuePath;

use crate::index::Indices;

/// The field by which a data stream orders its events.
const TIMESTAMP: &str = "@timestamp";
/// What stands around a document, in bytes: the line before it, with an index's name of usual length.
const AROUND: usize = 112;

/// What is done with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is put in the place of one with its id.
    Index,
    /// It is put where no other has its id.
    Create,
}

/// How events become documents.
#[derive(Debug)]
pub(crate) struct Form {
    /// Where they go.
    pub(crate) indices: Indices,
    /// How they are put there.
    pub(crate) action: Action,
    /// Whether each has to have a time in [`TIMESTAMP`].
    pub(crate) timestamp: bool,
}

/// The body for a batch.
#[derive(Debug)]
pub(crate) struct Bulk {
    bytes: Bytes,
    /// The rows of the batch that are in it, in order.
    rows: Vec<u32>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

/// The path of [`TIMESTAMP`].
pub(crate) fn timestamp() -> OwnedValuePath {
    OwnedValuePath::single_field(TIMESTAMP)
}

impl Form {
    /// Writes the events of a batch. Those that make no name for an index are left out, and returned with the reason.
    pub(crate) fn write(&self, batch: &Batch) -> (Bulk, Vec<(u32, String)>) {
        let mut out = Vec::with_capacity(batch.event_bytes() + batch.len() * AROUND);
        let (mut rows, mut ends) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let mut refused = Vec::new();
        let names = self.indices.of(batch);
        let timestamp = batch.columns().find(&timestamp());
        for (row, number) in (0..batch.len()).zip(0_u32..) {
            match names.name(row) {
                Ok(name) => {
                    self.write_action(&name, batch.id(row), &mut out);
                    let timed = timestamp.is_some_and(|column| !batch.field(row, column).is_missing());
                    if self.timestamp && !timed {
                        write_timed(batch, row, &mut out);
                    } else {
                        write_json(batch, row, &mut out);
                    }
                    out.push(b'\n');
                    rows.push(number);
                    ends.push(out.len());
                }
                Err(reason) => refused.push((number, reason)),
            }
        }
        (Bulk { bytes: out.into(), rows, ends }, refused)
    }

    fn write_action(&self, index: &str, id: EventId, out: &mut Vec<u8>) {
        let action = match self.action {
            Action::Index => "index",
            Action::Create => "create",
        };
        for text in ["{\"", action, "\":{\"_index\":\"", index, "\",\"_id\":\""] {
            out.extend_from_slice(text.as_bytes());
        }
        write_hex(id, out);
        out.extend_from_slice(b"\"}}\n");
    }
}

/// The 32 digits of an id, as its `Display` has them, without the machinery of formatting: every event has one.
fn write_hex(EventId(id): EventId, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pairs = id.to_be_bytes().map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    out.extend_from_slice(pairs.as_flattened());
}

/// Writes an event with its time in front, as `{"@timestamp":"…","message":"…"}`.
fn write_timed(batch: &Batch, row: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let time = format!("{{\"{TIMESTAMP}\":\"{}\"", batch.rows()[row].time);
    out.extend_from_slice(time.as_bytes());
    let event = out.len();
    write_json(batch, row, out);
    // The event is an object: its brace gives way to the comma behind the time, if there is anything behind it.
    let mut inside = out[event..].iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace());
    match (inside.next(), inside.next()) {
        (Some((brace, b'{')), Some((_, next))) => out[event + brace] = if *next == b'}' { b' ' } else { b',' },
        // It is none (a value that a program made of something else): it goes as it is, and is refused by its mapping.
        _ => drop(out.drain(start..event)),
    }
}

impl Bulk {
    /// All events in it; a part of them is any range within this.
    pub(crate) fn whole(&self) -> Range<usize> {
        0..self.rows.len()
    }

    /// The body of a part of the events.
    pub(crate) fn bytes(&self, part: &Range<usize>) -> Bytes {
        let end = |event: usize| event.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.bytes.slice(end(part.start)..end(part.end))
    }

    /// The rows of a part of the events.
    pub(crate) fn rows(&self, part: &Range<usize>) -> &[u32] {
        &self.rows[part.clone()]
    }
}

#[cfg(test)]
mod tests {
    use logd_sdk::Columns;
    use vrl::value::Value;

    use super::*;
    use crate::testing::{NOW, changed, json, lines};

    fn form(index: &str, action: Action, timestamp: bool) -> Form {
        Form { indices: Indices::new(index.parse().unwrap()), action, timestamp }
    }

    /// The lines of the body that a batch makes.
    fn body(form: &Form, mut batch: Batch) -> Vec<String> {
        if form.timestamp {
            batch.require(&Columns::new([timestamp()]));
        }
        let (bulk, refused) = form.write(&batch);
        assert_eq!(refused, []);
        let text = String::from_utf8(bulk.bytes(&bulk.whole()).to_vec()).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_unchanged_event_is_copied_byte_for_byte() {
        let batch = json([r#"{ "b":1,  "a" : "ä\n" }"#]);
        let id = batch.id(0);
        let lines = body(&form("logs-%Y.%m.%d", Action::Index, false), batch);
        assert_eq!(lines[0], format!(r#"{{"index":{{"_index":"logs-2026.11.23","_id":"{id}"}}}}"#));
        assert_eq!(lines[1], r#"{ "b":1,  "a" : "ä\n" }"#);
    }

    #[test]
    fn no_event_can_bring_a_line_of_its_own() {
        let evil = "{\"a\":\n1}\n{\"delete\":{\"_index\":\"x\",\"_id\":\"1\"}}";
        let form = form("logs", Action::Create, false);
        assert_eq!(body(&form, json(["{\"a\":\n1\r\n}"]))[1], r#"{"a":1}"#);
        let text = body(&form, lines([evil]));
        assert_eq!(text.len(), 2);
        assert!(text[0].starts_with(r#"{"create":{"_index":"logs","_id":""#));
        assert_eq!(body(&form, changed(Value::Object([("message".into(), evil.into())].into()))).len(), 2);
    }

    #[test]
    fn an_event_of_a_data_stream_has_a_time() {
        let form = form("logs-app-prod", Action::Create, true);
        let now = NOW.to_string();
        let document = |event: &str| body(&form, json([event]))[1].clone();
        assert_eq!(document(r#" {"a":1}"#), format!(r#"{{"@timestamp":"{now}" ,"a":1}}"#));
        assert_eq!(document("{ }"), format!(r#"{{"@timestamp":"{now}"  }}"#));
        assert_eq!(document(r#"{"@timestamp":"2020-01-01"}"#), r#"{"@timestamp":"2020-01-01"}"#);
        assert_eq!(body(&form, lines(["x"]))[1], format!(r#"{{"@timestamp":"{now}","message":"x"}}"#));
        assert_eq!(body(&form, changed(Value::Array(vec![1.into()])))[1], "[1]", "not ours to mend");
        for document in [document("{ }"), document(r#" {"a":1}"#)] {
            assert!(serde_json::from_str::<serde_json::Value>(&document).is_ok(), "{document}");
        }
    }

    #[test]
    fn a_part_is_a_slice_of_the_whole() {
        let mut batch = json([r#"{"s":"a"}"#, r#"{"s":"B"}"#, r#"{"s":"c"}"#]);
        batch.require(&Columns::new(["s".parse::<logd_sdk::settings::FieldPath>().unwrap().path().clone()]));
        let (bulk, refused) = form("logs-{{ s }}", Action::Index, false).write(&batch);
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].0, 1);
        assert_eq!((bulk.whole(), bulk.rows(&(1..2))), (0..2, &[2][..]));
        let whole = bulk.bytes(&(0..2));
        assert_eq!([bulk.bytes(&(0..1)), bulk.bytes(&(1..2))].concat(), whole);
        assert!(bulk.bytes(&(1..2)).ends_with(b"{\"s\":\"c\"}\n"));
        assert!(bulk.bytes(&(0..0)).is_empty());
    }
}
