//! Puts templates into the events of a batch: two more fields.
//!
//! Both are columns, so that whoever reads them downstream takes nothing apart. An event that is not made of columns
//! becomes a value, with both in it, for whoever writes it out.

use std::sync::Arc;

use logd_sdk::{Batch, Body, Slot};
use vrl::path::OwnedValuePath;
use vrl::value::Value;

use super::shard::Yield;
use super::track::template_id;

/// The fields that the template and its id go to.
#[derive(Clone, Debug)]
pub(super) struct Label([OwnedValuePath; 2]);

/// Nothing was found for a row.
const NONE: (u32, u32) = (u32::MAX, u32::MAX);

impl Label {
    /// Fields of these names, at the top of an event.
    pub(super) fn new(names: [&str; 2]) -> Self {
        Self(names.map(OwnedValuePath::single_field))
    }

    /// The batch with what the shards have found for its rows.
    pub(super) fn apply(&self, batch: &Batch, yields: &[Yield]) -> Batch {
        let mut text = String::new();
        // A template stands in the text once, and all its events point there.
        let templates: Vec<Vec<[Slot; 2]>> = yields
            .iter()
            .map(|made| {
                let slots = |(template, id): &(Arc<str>, u64)| {
                    [template, &*template_id(*id)].map(|field| put(field, &mut text))
                };
                made.templates.iter().map(slots).collect()
            })
            .collect();
        let mut found = vec![NONE; batch.len()];
        for (shard, made) in (0..).zip(yields) {
            for &(row, place) in &made.rows {
                found[row as usize] = (shard, place);
            }
        }
        let mut labelled = batch.clone();
        let mut slots = Vec::with_capacity(2 * batch.len());
        for (row, &(shard, place)) in found.iter().enumerate() {
            let Some(both) = templates.get(shard as usize).and_then(|templates| templates.get(place as usize)) else {
                // It leaves as it came, with what it may have there itself.
                let value = batch.value(row);
                slots.extend(self.0.each_ref().map(|path| own(value.get(path), &mut text)));
                continue;
            };
            slots.extend_from_slice(both);
            if !matches!(batch.rows()[row].body, Body::Columns) {
                let (template, id) = &yields[shard as usize].templates[place as usize];
                let mut value = batch.value(row);
                value.insert(&self.0[0], Value::from(&**template));
                value.insert(&self.0[1], Value::from(template_id(*id)));
                labelled.rows_mut()[row].body = Body::Value(Arc::new(value));
            }
        }
        labelled.add_columns(&self.0, &slots, &text);
        labelled
    }
}

/// A value of the event's own.
fn own(value: Option<&Value>, text: &mut String) -> Slot {
    match value {
        None => Slot::Missing,
        Some(Value::Null) => Slot::Null,
        Some(Value::Bytes(bytes)) => put(&String::from_utf8_lossy(bytes), text),
        Some(value) => Slot::Value(Arc::new(value.clone())),
    }
}

/// A text at the end of `all`.
fn put(text: &str, all: &mut String) -> Slot {
    let start = all.len();
    all.push_str(text);
    match (u32::try_from(start), u32::try_from(all.len())) {
        (Ok(start), Ok(end)) => Slot::Text { start, end },
        // Beyond four gigabytes of text in one batch, it stands beside it.
        _ => Slot::Value(Arc::new(Value::from(text))),
    }
}
