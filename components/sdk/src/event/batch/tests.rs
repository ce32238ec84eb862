use std::str::FromStr;

use super::*;
use crate::event::{Partition, write_json, write_text};

fn path(text: &str) -> OwnedValuePath {
    OwnedValuePath::from_str(text).expect("a path")
}

fn lines(texts: &[&str], body: &Body) -> Batch {
    let partition = Partition::new("test/lines", "");
    let mut bytes = Vec::new();
    let mut rows = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(text.as_bytes());
        let mut row = Row::line(start, bytes.len() as u32, position as u64, Time::from_micros(position as i64));
        row.body = body.clone();
        rows.push(row);
        bytes.push(b'\n');
    }
    Batch::new(Block::new(Bytes::from(bytes), partition), rows)
}

fn texts(batch: &Batch, column: &str) -> Vec<String> {
    let column = batch.columns().find(&path(column)).expect("a column");
    (0..batch.len()).map(|row| batch.field(row, column).display().unwrap_or_default().into_owned()).collect()
}

#[test]
fn fields_are_taken_when_they_are_asked_for() {
    let mut batch = lines(&[r#"{"a":"x","b":{"c":1}}"#, r#"{"a":"\u0079"}"#], &Body::Json);
    batch.require(&Columns::new([path("a")]));
    assert_eq!(texts(&batch, "a"), ["x", "y"]);
    batch.require(&Columns::new([path("b.c")]));
    assert_eq!(texts(&batch, "b.c"), ["1", ""]);
    assert_eq!(texts(&batch, "a"), ["x", "y"]);
}

#[test]
fn a_line_has_a_message_and_nothing_else() {
    let mut batch = lines(&["one", "two"], &Body::Line);
    batch.require(&Columns::new([path("message"), path("other")]));
    assert_eq!(texts(&batch, "message"), ["one", "two"]);
    assert_eq!(texts(&batch, "other"), ["", ""]);
    let mut json = Vec::new();
    write_json(&batch, 0, &mut json);
    assert_eq!(json, br#"{"message":"one"}"#);
}

#[test]
fn filtering_keeps_rows_columns_and_bytes_together() {
    let documents: Vec<String> = (0..100).map(|n| format!(r#"{{"n":"number {n}"}}"#)).collect();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let mut batch = lines(&documents, &Body::Json);
    batch.require(&Columns::new([path("n")]));
    let ids: Vec<EventId> = (0..100).map(|row| batch.id(row)).collect();
    let size = batch.size();
    let selected = batch.select(&[70, 7]);
    batch.retain(|row| row % 50 == 7);
    assert_eq!(texts(&batch, "n"), ["number 7", "number 57"]);
    assert_eq!(batch.raw(1), br#"{"n":"number 57"}"#);
    assert_eq!((batch.id(0), batch.id(1)), (ids[7], ids[57]));
    assert!(batch.size() < size / 10, "a large block is not held by two rows");
    assert_eq!(texts(&selected, "n"), ["number 70", "number 7"]);
    assert_eq!((selected.id(0), selected.id(1)), (ids[70], ids[7]));
}

#[test]
fn appended_batches_agree_on_their_columns() {
    let mut left = lines(&[r#"{"a":"1\n","b":"2"}"#], &Body::Json);
    left.require(&Columns::new([path("a")]));
    let mut right = lines(&[r#"{"a":"3","b":"4\n"}"#], &Body::Json);
    right.require(&Columns::new([path("b")]));
    left.append(right);
    assert_eq!(texts(&left, "a"), ["1\n", "3"]);
    assert_eq!(texts(&left, "b"), ["2", "4\n"]);
    assert_eq!(left.raw(1), br#"{"a":"3","b":"4\n"}"#);
}

#[test]
fn columns_become_an_object() {
    let mut batch = lines(&[""], &Body::Columns);
    let slots = vec![Slot::Integer(3), Slot::Missing, Slot::Time(Time::EPOCH)];
    batch.set_columns(Columns::new([path("count"), path("gone"), path("window.start")]), slots, String::new());
    let mut json = Vec::new();
    write_json(&batch, 0, &mut json);
    assert_eq!(json, br#"{"count":3,"window":{"start":"1970-01-01T00:00:00Z"}}"#);
}

#[test]
fn a_document_over_several_lines_is_written_as_one() {
    let batch = lines(&["{\n \"a\": 1\n}"], &Body::Json);
    let mut json = Vec::new();
    write_json(&batch, 0, &mut json);
    assert_eq!(json, br#"{"a":1}"#);
}

#[test]
fn text_is_the_message_where_there_is_one() {
    let changed = Body::Value(Arc::new(Value::from_iter([("message".to_owned(), Value::from("hello"))])));
    let mut text = Vec::new();
    write_text(&lines(&["raw"], &changed), 0, &mut text);
    assert_eq!(text, b"hello");
}

#[test]
fn times_are_noted_as_they_come() {
    let mut batch = lines(&["a", "b", "c"], &Body::Line);
    for (row, time) in batch.rows_mut().iter_mut().zip([5, 9, 7]) {
        row.time = Time::from_micros(time);
    }
    batch.note_times();
    assert_eq!(batch.blocks()[0].greatest, Time::from_micros(9));
    assert_eq!(batch.rows().iter().map(|row| row.seen.as_micros()).collect::<Vec<_>>(), [5, 9, 9]);
}
