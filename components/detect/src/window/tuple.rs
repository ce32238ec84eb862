//! Fields as bytes: the keys of groups, and what a shard hands over.
//!
//! Each field is written with its type, so that `"1"` is not `1` and a missing field is a key of its own, and bytes
//! are ordered as the fields are, so that results leave sorted as a reader expects (the way of FoundationDB's tuple
//! layer). The bytes are kept in snapshots: they must stay what they are.

use std::sync::Arc;

use logd_sdk::{Field, Slot, Time};
use memchr::memchr;
use vrl::value::Value;

use crate::short::short;

/// The first byte of a field: its type.
mod tag {
    pub(super) const MISSING: u8 = 0;
    pub(super) const NULL: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const TRUE: u8 = 3;
    pub(super) const INTEGER: u8 = 4;
    pub(super) const FLOAT: u8 = 5;
    pub(super) const TIME: u8 = 6;
    pub(super) const TEXT: u8 = 7;
    pub(super) const JSON: u8 = 8;
}

/// Ends a text; a zero within it is followed by [`ESCAPE`].
const END: u8 = 0;
const ESCAPE: u8 = 0xff;

/// Turns signed numbers into such as are ordered by their bytes.
const SIGN: u64 = 1 << 63;

/// Appends a field that is kept; of one that is too long, what [`short`] leaves of it.
pub(super) fn write_short(field: Field<'_>, out: &mut Vec<u8>) {
    match field {
        Field::Text(value) => text(tag::TEXT, short(value).as_bytes(), out),
        Field::Value(value) => {
            text(tag::JSON, short(&serde_json::to_string(value).unwrap_or_default()).as_bytes(), out);
        }
        short => write(short, out),
    }
}

/// Appends a field, all of it.
pub(super) fn write(field: Field<'_>, out: &mut Vec<u8>) {
    match field {
        Field::Missing => out.push(tag::MISSING),
        Field::Null => out.push(tag::NULL),
        Field::Boolean(value) => out.push(if value { tag::TRUE } else { tag::FALSE }),
        Field::Integer(value) => number(tag::INTEGER, value as u64 ^ SIGN, out),
        Field::Float(value) => number(tag::FLOAT, from_float(value), out),
        Field::Time(value) => number(tag::TIME, value.as_micros() as u64 ^ SIGN, out),
        Field::Text(value) => text(tag::TEXT, value.as_bytes(), out),
        Field::Value(value) => text(tag::JSON, serde_json::to_string(value).unwrap_or_default().as_bytes(), out),
    }
}

/// Appends an array of JSON documents.
pub(super) fn write_array<'d>(documents: impl Iterator<Item = &'d [u8]>, out: &mut Vec<u8>) {
    let documents: Vec<_> = documents.collect();
    let array = [b"[".as_slice(), &documents.join(b",".as_slice()), b"]"].concat();
    text(tag::JSON, &array, out);
}

/// Takes a field off the front of `bytes`; its text, if it is one, goes to the end of `texts`. What [`write`] has not
/// written is read as missing.
pub(super) fn read(bytes: &mut &[u8], texts: &mut String) -> Slot {
    let Some((&tag, rest)) = bytes.split_first() else { return Slot::Missing };
    *bytes = rest;
    match tag {
        tag::NULL => Slot::Null,
        tag::FALSE | tag::TRUE => Slot::Boolean(tag == tag::TRUE),
        tag::INTEGER => Slot::Integer((take(bytes) ^ SIGN) as i64),
        tag::FLOAT => Slot::Float(to_float(take(bytes))),
        tag::TIME => Slot::Time(Time::from_micros((take(bytes) ^ SIGN) as i64)),
        tag::TEXT => {
            let start = texts.len();
            texts.push_str(&String::from_utf8_lossy(&take_text(bytes)));
            match (u32::try_from(start), u32::try_from(texts.len())) {
                (Ok(start), Ok(end)) => Slot::Text { start, end },
                // Beyond four gigabytes of text in one batch, it stands beside it.
                _ => Slot::Value(Arc::new(Value::from(texts.split_off(start)))),
            }
        }
        tag::JSON => {
            let json = take_text(bytes);
            let value = serde_json::from_slice(&json);
            // Deeper than serde_json goes, or cut: it is still evidence, as text.
            Slot::Value(Arc::new(value.unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&json).into_owned()))))
        }
        _ => Slot::Missing,
    }
}

fn number(tag: u8, ordered: u64, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn text(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    let mut rest = bytes;
    while let Some(zero) = memchr(END, rest) {
        out.extend_from_slice(&rest[..=zero]);
        out.push(ESCAPE);
        rest = &rest[zero + 1..];
    }
    out.extend_from_slice(rest);
    out.push(END);
}

fn take(bytes: &mut &[u8]) -> u64 {
    let Some((number, rest)) = bytes.split_first_chunk() else { return 0 };
    *bytes = rest;
    u64::from_be_bytes(*number)
}

fn take_text(bytes: &mut &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    loop {
        let end = memchr(END, bytes).unwrap_or(bytes.len());
        text.extend_from_slice(&bytes[..end]);
        let rest = bytes.get(end + 1..).unwrap_or_default();
        let Some(rest) = rest.strip_prefix(&[ESCAPE]) else {
            *bytes = rest;
            return text;
        };
        text.push(END);
        *bytes = rest;
    }
}

/// Negative floats are ordered backwards by their bits; zero has one form only.
fn from_float(float: f64) -> u64 {
    let bits = (float + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn to_float(ordered: u64) -> f64 {
    f64::from_bits(if ordered & SIGN == 0 { !ordered } else { ordered & !SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(fields: &[Field<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        fields.iter().for_each(|&field| write(field, &mut bytes));
        bytes
    }

    #[test]
    fn reads_what_it_writes() {
        let value = Value::from(vec![Value::from(1), Value::from("a\0b")]);
        let mut written = bytes(&[
            Field::Missing,
            Field::Null,
            Field::Boolean(true),
            Field::Integer(-5),
            Field::Float(-0.25),
            Field::Time(Time::from_micros(-7)),
            Field::Text("a\0\u{ff}b\0"),
            Field::Text(""),
            Field::Value(&value),
        ]);
        write_array([b"{\"a\":1}".as_slice(), b"null"].into_iter(), &mut written);
        let (mut rest, mut texts) = (written.as_slice(), String::new());
        let mut next = || read(&mut rest, &mut texts);
        assert!(matches!(next(), Slot::Missing));
        assert!(matches!(next(), Slot::Null));
        assert!(matches!(next(), Slot::Boolean(true)));
        assert!(matches!(next(), Slot::Integer(-5)));
        assert!(matches!(next(), Slot::Float(-0.25)));
        assert!(matches!(next(), Slot::Time(time) if time.as_micros() == -7));
        assert!(matches!(next(), Slot::Text { start: 0, end: 6 }));
        assert!(matches!(next(), Slot::Text { start: 6, end: 6 }));
        assert!(matches!(next(), Slot::Value(found) if *found == value));
        assert!(matches!(next(), Slot::Value(found) if found.to_string() == r#"[{ "a": 1 }, null]"#));
        assert!(matches!(next(), Slot::Missing), "the end");
        assert_eq!(texts, "a\0\u{ff}b\0");
    }

    #[test]
    fn what_is_kept_is_short() {
        let kept = |field: Field<'_>| {
            let mut bytes = Vec::new();
            write_short(field, &mut bytes);
            bytes
        };
        let long = "a\0".repeat(1000);
        let value = Value::from(vec![Value::from(long.as_str())]);
        for field in [Field::Text("a"), Field::Integer(7), Field::Null] {
            assert_eq!(kept(field), bytes(&[field]));
        }
        let mut texts = String::new();
        assert!(matches!(read(&mut &kept(Field::Text(&long))[..], &mut texts), Slot::Text { end: 1023.., .. }));
        assert_eq!(texts, short(&long));
        let kept = read(&mut &kept(Field::Value(&value))[..], &mut texts);
        assert!(
            matches!(kept, Slot::Value(text) if text.as_bytes().is_some_and(|text| text.starts_with(b"[\"a\\u0000a")))
        );
    }

    #[test]
    fn bytes_are_ordered_as_fields_are() {
        let ascending = [
            Field::Missing,
            Field::Null,
            Field::Integer(i64::MIN),
            Field::Integer(-1),
            Field::Integer(1),
            Field::Float(f64::NEG_INFINITY),
            Field::Float(-0.5),
            Field::Float(0.0),
            Field::Float(2.0),
            Field::Text(""),
            Field::Text("1"),
            Field::Text("a"),
            Field::Text("a\0"),
            Field::Text("a\u{1}"),
            Field::Text("ab"),
            Field::Text("b"),
        ];
        assert!(ascending.is_sorted_by(|left, right| bytes(&[*left]) < bytes(&[*right])));
        assert_eq!(bytes(&[Field::Float(-0.0)]), bytes(&[Field::Float(0.0)]));
        let (one, other) = ([Field::Text("ab"), Field::Text("c")], [Field::Text("a"), Field::Text("bc")]);
        assert!(bytes(&one) > bytes(&other));
    }
}
