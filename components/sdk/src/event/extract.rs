//! Takes the fields that are asked for out of a JSON object, in one pass, typed.
//!
//! The whole document is checked, whichever fields are read: whether it is valid and which of two equal keys wins
//! (the last) never depends on who reads. Text without escapes is not copied: its slot points into the document.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use vrl::path::OwnedSegment;
use vrl::value::Value;

use super::columns::Columns;
use super::slot::Slot;
use super::values::slot_of;

/// How deep a document may nest. `sonic-rs` and VRL recurse, so a bound there must be.
const MAX_DEPTH: usize = 128;

/// A document that is no JSON object.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// What stands where in the text can't be JSON.
    #[error("invalid JSON at byte {offset}: {message}")]
    Invalid {
        /// Where, from the document's first byte.
        offset: usize,
        /// What is wrong.
        message: String,
    },
    /// It nests deeper than can be read.
    #[error("JSON nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl JsonError {
    pub(super) fn new(error: &sonic_rs::Error) -> Self {
        let text = error.to_string();
        // The library's message goes on with an excerpt of the document, over several lines.
        let message = text.lines().next().unwrap_or_default().split(" at line ").next().unwrap_or_default();
        Self::Invalid { offset: error.offset(), message: message.to_owned() }
    }
}

/// Reads the fields of one set of columns.
#[derive(Debug)]
pub struct JsonReader {
    columns: Arc<Columns>,
    keys: Vec<Key>,
}

/// A key of an object, and what is wanted of its value.
#[derive(Debug)]
struct Key {
    name: String,
    want: Want,
}

#[derive(Debug)]
enum Want {
    /// The value, in this column.
    Whole(usize),
    /// Members of the object that it is, and nothing else.
    Members(Vec<Key>),
    /// Several things at once, or elements of an array: the columns whose paths begin with this key.
    Value(Vec<usize>),
}

impl JsonReader {
    /// A reader for these columns.
    #[must_use]
    pub fn new(columns: Arc<Columns>) -> Self {
        let wanted: Vec<usize> = (0..columns.len()).collect();
        let keys = plan(&columns, &wanted, 0);
        Self { columns, keys }
    }

    /// The columns that it fills.
    #[must_use]
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// Reads one document. `slots` has a place for each column; those that the document lacks become missing.
    /// `base` is where the document begins in its block, `text` takes what can't be pointed at there.
    ///
    /// # Errors
    /// The document is no valid JSON object.
    pub fn read(&self, document: &[u8], base: u32, slots: &mut [Slot], text: &mut String) -> Result<(), JsonError> {
        let document = str::from_utf8(document)
            .map_err(|error| JsonError::Invalid { offset: error.valid_up_to(), message: "not UTF-8".to_owned() })?;
        self.read_text(document, base, slots, text)
    }

    /// The same of a document that is known to be text.
    ///
    /// # Errors
    /// The document is no valid JSON object.
    pub fn read_text(&self, document: &str, base: u32, slots: &mut [Slot], text: &mut String) -> Result<(), JsonError> {
        check_depth(document.as_bytes())?;
        check_escapes(document)?;
        slots.fill(Slot::Missing);
        let mut deserializer = sonic_rs::Deserializer::from_str(document);
        let mut reading = Reading { columns: &self.columns, start: document.as_ptr().addr(), base, slots, text };
        let object = Object { keys: &self.keys, reading: &mut reading };
        object.deserialize(&mut deserializer).map_err(|error| JsonError::new(&error))?;
        deserializer.end().map_err(|error| JsonError::new(&error))
    }
}

/// Refuses what would take a reader's stack, before any reader sees it.
fn check_depth(document: &[u8]) -> Result<(), JsonError> {
    // Each level takes two bytes, so that a common log line needs no look at all, and a long one seldom a second.
    if document.len() < 2 * MAX_DEPTH || memchr::memchr2_iter(b'{', b'[', document).count() <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_text, mut bytes) = (0_usize, false, document.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => drop(bytes.next()),
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
    }
    Ok(())
}

/// Refuses half a surrogate pair (RFC 8259, section 8.2) in a text that is skipped, which `sonic-rs` finds only in a
/// text that it reads.
fn check_escapes(document: &str) -> Result<(), JsonError> {
    // A backslash is rare, and is found faster than two bytes would be.
    if !memchr::memchr_iter(b'\\', document.as_bytes()).any(|at| document.as_bytes().get(at + 1) == Some(&b'u')) {
        return Ok(());
    }
    sonic_rs::from_str::<Value>(document).map(drop).map_err(|error| JsonError::new(&error))
}

/// Groups the columns `wanted` by the key at `depth` of their paths.
fn plan(columns: &Columns, wanted: &[usize], depth: usize) -> Vec<Key> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for &column in wanted {
        // An index, or the root, at the top: an object has no such member, so it stays missing.
        let Some(OwnedSegment::Field(name)) = columns.paths()[column].segments.get(depth) else { continue };
        match groups.iter_mut().find(|(known, _)| known == name.as_str()) {
            Some((_, group)) => group.push(column),
            None => groups.push((name.to_string(), vec![column])),
        }
    }
    let want = |group: Vec<usize>| {
        let next = |column: usize| columns.paths()[column].segments.get(depth + 1);
        match group[..] {
            [column] if next(column).is_none() => Want::Whole(column),
            _ if group.iter().all(|&column| matches!(next(column), Some(OwnedSegment::Field(_)))) => {
                Want::Members(plan(columns, &group, depth + 1))
            }
            _ => Want::Value(group),
        }
    };
    groups.into_iter().map(|(name, group)| Key { name, want: want(group) }).collect()
}

/// Where what is read goes to.
struct Reading<'r> {
    columns: &'r Columns,
    /// The address of the document's first byte: borrowed text is turned into offsets against it.
    start: usize,
    base: u32,
    slots: &'r mut [Slot],
    text: &'r mut String,
}

impl Reading<'_> {
    /// Forgets what an earlier key of the same name has left.
    fn clear(&mut self, keys: &[Key]) {
        for key in keys {
            match &key.want {
                Want::Whole(column) => self.slots[*column] = Slot::Missing,
                Want::Members(keys) => self.clear(keys),
                Want::Value(columns) => columns.iter().for_each(|&column| self.slots[column] = Slot::Missing),
            }
        }
    }

    /// Takes the columns whose paths go on inside `value`, the first `depth` segments behind them.
    fn spread(&mut self, value: &Value, columns: &[usize], depth: usize) {
        for &column in columns {
            let path = &self.columns.paths()[column].segments[depth..];
            self.slots[column] = value.get(path).map_or(Slot::Missing, |value| slot_of(value, self.text));
        }
    }
}

/// Reads the members of an object; of anything else there are none.
struct Object<'o, 'r> {
    keys: &'o [Key],
    reading: &'o mut Reading<'r>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        members(self.keys, self.reading, 0, map)
    }
}

fn members<'de, A: MapAccess<'de>>(
    keys: &[Key],
    reading: &mut Reading<'_>,
    depth: usize,
    mut map: A,
) -> Result<(), A::Error> {
    while let Some(key) = map.next_key_seed(Name(keys))? {
        match key.map(|index| &keys[index].want) {
            None => drop(map.next_value::<IgnoredAny>()?),
            Some(Want::Whole(column)) => reading.slots[*column] = map.next_value_seed(Scalar(reading))?,
            Some(Want::Members(keys)) => {
                reading.clear(keys);
                map.next_value_seed(Inner { keys, reading, depth: depth + 1 })?;
            }
            Some(Want::Value(columns)) => {
                let value: Value = map.next_value()?;
                reading.spread(&value, columns, depth + 1);
            }
        }
    }
    Ok(())
}

/// Which of the wanted keys the next one is.
struct Name<'k>(&'k [Key]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|key| key.name == name))
    }
}

/// A value of which members are wanted, if it is an object.
struct Inner<'o, 'r> {
    keys: &'o [Key],
    reading: &'o mut Reading<'r>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Inner<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inner<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        members(self.keys, self.reading, self.depth, map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A value that goes into one slot.
struct Scalar<'o, 'r>(&'o mut Reading<'r>);

impl<'de> DeserializeSeed<'de> for Scalar<'_, '_> {
    type Value = Slot;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar<'_, '_> {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Slot, E> {
        Ok(Slot::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Slot, E> {
        Ok(Slot::Integer(value))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, value: u64) -> Result<Slot, E> {
        // As VRL has it: what no 64 signed bits hold becomes a float.
        Ok(i64::try_from(value).map_or(Slot::Float(value as f64), Slot::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Slot, E> {
        Ok(Slot::Float(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Slot, E> {
        let offset = value.as_ptr().addr().wrapping_sub(self.0.start);
        match (u32::try_from(offset), u32::try_from(offset + value.len())) {
            (Ok(start), Ok(end)) => Ok(Slot::Block { start: self.0.base + start, end: self.0.base + end }),
            _ => Err(E::custom("a document larger than 4 GiB")),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Slot, E> {
        Ok(super::values::text_slot(value, self.0.text))
    }

    fn visit_unit<E>(self) -> Result<Slot, E> {
        Ok(Slot::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Slot, A::Error> {
        let value = serde::Deserialize::deserialize(de::value::SeqAccessDeserializer::new(seq))?;
        Ok(Slot::Value(Arc::new(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Slot, A::Error> {
        let value = serde::Deserialize::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Slot::Value(Arc::new(value)))
    }
}

#[cfg(test)]
mod tests;
