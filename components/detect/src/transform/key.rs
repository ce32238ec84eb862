//! Keys: the values of `group_by`, as the bytes that name a key's state, and as an anomaly shows them.
//!
//! The bytes of a value are a 1, its length in 32 bits (little endian), and its text; a value that is not there is a 0.
//! They stand in snapshots and decide the shard, so they must stay what they are.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use logd_sdk::Batch;
use logd_sdk::keyed::shard_of;
use logd_sdk::settings::FieldPath;
use vrl::path::OwnedValuePath;

use crate::incident::Key;
use crate::short::short;

/// The fields of `group_by`.
#[derive(Debug)]
pub(crate) struct GroupBy {
    /// Where they stand in an event.
    paths: Vec<OwnedValuePath>,
    /// What they are called in a key: the path as it was written, without its first dot.
    names: Vec<String>,
}

/// Where the fields stand in a batch.
pub(crate) struct Places(Vec<Option<usize>>);

impl GroupBy {
    /// Groups by these fields.
    pub(crate) fn new(fields: &[FieldPath]) -> Self {
        Self {
            paths: fields.iter().map(|field| field.path().clone()).collect(),
            names: fields.iter().map(|field| name(field).to_owned()).collect(),
        }
    }

    /// Finds the fields.
    pub(crate) fn places(&self, batch: &Batch) -> Places {
        Places(self.paths.iter().map(|path| batch.columns().find(path)).collect())
    }

    /// The key that the bytes were written of; a field that the event lacks is left out.
    pub(crate) fn key(&self, bytes: &[u8]) -> Key {
        let named = self.names.iter().zip(values(bytes));
        named.filter_map(|(name, value)| Some((name.clone(), value?.to_owned()))).collect()
    }
}

impl Places {
    /// Appends the key of a row. Values count as they are read by a person: the number `1` and the text `"1"` are one
    /// key, as they look the same in an anomaly. A field that is missing or null is none of the values.
    pub(crate) fn write(&self, batch: &Batch, row: usize, bytes: &mut Vec<u8>) {
        for place in &self.0 {
            let field = batch.field_if(row, *place);
            match field.display() {
                None => bytes.push(0),
                Some(value) => {
                    let value = short(&value);
                    let length = value.len() as u32;
                    bytes.push(1);
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(value.as_bytes());
                }
            }
        }
    }
}

/// The keys of a batch. Most rows are of few keys: each is put into bytes of its own once, and sent to its shard once.
#[derive(Default)]
pub(crate) struct Known {
    /// The shard of each, and its number among the keys there.
    keys: HashMap<Arc<[u8]>, (usize, u32), RandomState>,
    /// The key that is looked for.
    bytes: Vec<u8>,
}

impl Known {
    /// The shard of the row's key, and its number among the keys of that shard, to which it is added if it is new.
    pub(crate) fn find<'k>(
        &mut self,
        places: &Places,
        batch: &Batch,
        row: usize,
        shards: usize,
        keys_of: impl FnOnce(usize) -> &'k mut Vec<Arc<[u8]>>,
    ) -> (usize, u32) {
        self.bytes.clear();
        places.write(batch, row, &mut self.bytes);
        if let Some(&known) = self.keys.get(&self.bytes[..]) {
            return known;
        }
        let (shard, name) = (shard_of(&self.bytes, shards), Arc::<[u8]>::from(&self.bytes[..]));
        let keys = keys_of(shard);
        // A batch has no more keys than rows, which are counted in 32 bits.
        let number = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        keys.push(Arc::clone(&name));
        self.keys.insert(name, (shard, number));
        (shard, number)
    }
}

/// What a field of `group_by` is called in a key.
pub(crate) fn name(field: &FieldPath) -> &str {
    field.as_str().trim_start_matches('.')
}

/// The values in a key's bytes, in the order of `group_by`; none where the event had none.
pub(crate) fn values(mut bytes: &[u8]) -> impl Iterator<Item = Option<&str>> {
    std::iter::from_fn(move || {
        let (&is_there, rest) = bytes.split_first()?;
        bytes = rest;
        if is_there == 0 {
            return Some(None);
        }
        let (length, rest) = bytes.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(str::from_utf8(value).ok())
    })
}

/// The key in one word, as a label of metrics: its values, with commas between them.
pub(crate) fn label(key: &Key) -> String {
    key.values().map(String::as_str).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Body, Columns, Partition, Row, Slot, Time};

    use super::*;

    fn group_by(fields: &[&str]) -> GroupBy {
        GroupBy::new(&fields.iter().map(|field| field.parse().unwrap()).collect::<Vec<_>>())
    }

    fn batch(group_by: &GroupBy, slots: Vec<Slot>, text: &str) -> Batch {
        let row = Row { body: Body::Columns, ..Row::line(0, 0, 0, Time::EPOCH) };
        let mut batch = Batch::new(Block::new(Bytes::new(), Partition::new("test", "")), vec![row]);
        batch.set_columns(Columns::new(group_by.paths.iter().cloned()), slots, text.to_owned());
        batch
    }

    fn bytes(group_by: &GroupBy, slots: Vec<Slot>, text: &str) -> Vec<u8> {
        let batch = batch(group_by, slots, text);
        let mut bytes = Vec::new();
        group_by.places(&batch).write(&batch, 0, &mut bytes);
        bytes
    }

    #[test]
    fn reads_what_it_writes() {
        let group_by = group_by(&[".http.status", "service", "host"]);
        let written = bytes(&group_by, vec![Slot::Integer(404), Slot::Text { start: 0, end: 3 }, Slot::Null], "web");
        let key = group_by.key(&written);
        let pairs: Vec<_> = key.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("http.status", "404"), ("service", "web")]);
        assert_eq!(label(&key), "404,web");
        assert_eq!(values(&written).collect::<Vec<_>>(), [Some("404"), Some("web"), None]);
        assert_eq!(values(&written[..4]).count(), 0, "what is cut off is no value");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let (group_by, long) = (group_by(&["url"]), "x".repeat(1_000_000));
        let text = |end| vec![Slot::Text { start: 0, end }];
        let written = bytes(&group_by, text(1_000_000), &long);
        assert_eq!(group_by.key(&written)["url"], short(&long));
        assert!(written.len() < 1100 && written != bytes(&group_by, text(999_999), &long), "what is cut off counts");
    }

    #[test]
    fn what_looks_different_is_different() {
        let group_by = group_by(&["a", "b"]);
        let text = |start, end| Slot::Text { start, end };
        let keys = [
            bytes(&group_by, vec![text(0, 2), text(2, 3)], "abc"),
            bytes(&group_by, vec![text(0, 1), text(1, 3)], "abc"),
            bytes(&group_by, vec![Slot::Missing, text(0, 3)], "abc"),
            bytes(&group_by, vec![text(0, 3), Slot::Missing], "abc"),
            bytes(&group_by, vec![text(0, 0), text(0, 3)], "abc"),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key), "{index}");
        }
        let number = bytes(&group_by, vec![Slot::Integer(1), Slot::Null], "");
        assert_eq!(number, bytes(&group_by, vec![text(0, 1), Slot::Missing], "1"));
    }
}
