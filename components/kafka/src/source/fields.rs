//! What of a message beside its value becomes a field of the event: only what is asked for, so that otherwise an event is
//! the message's value as it came, and nothing is copied for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use logd_sdk::event::MESSAGE;
use logd_sdk::settings::FieldPath;
use logd_sdk::{Columns, Slot};
use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers};
use vrl::path::OwnedValuePath;
use vrl::value::{ObjectMap, Value};

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Topic,
    Partition,
    Offset,
    Headers,
}

/// The fields that were asked for.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    /// The message's value, as `message`, and then each of `parts`.
    columns: Arc<Columns>,
    parts: Vec<Part>,
}

/// The fields of the events that are gathered.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    slots: Vec<Slot>,
    text: String,
    /// Where the topic's name stands in `text`: it is the same for all.
    topic: Option<Slot>,
}

impl Fields {
    /// Of the parts that have a name; `None` if there is none.
    pub(crate) fn new(named: [(Part, Option<&FieldPath>); 5]) -> Option<Self> {
        let (parts, paths): (Vec<_>, Vec<_>) =
            named.into_iter().filter_map(|(part, path)| Some((part, path?.path().clone()))).unzip();
        let message = OwnedValuePath::single_field(MESSAGE);
        let columns = Columns::new([message].into_iter().chain(paths));
        (!parts.is_empty()).then_some(Self { columns, parts })
    }

    /// The columns that they are.
    pub(crate) fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// Adds the fields of a message whose value stands at `start..end` of the block.
    pub(crate) fn fill(&self, message: &BorrowedMessage<'_>, start: u32, end: u32, filled: &mut Filled) {
        let value = match message.payload() {
            None => Slot::Null,
            Some(value) if str::from_utf8(value).is_ok() => Slot::Block { start, end },
            Some(value) => text(&String::from_utf8_lossy(value), &mut filled.text),
        };
        filled.slots.push(value);
        for part in &self.parts {
            let slot = match part {
                Part::Key => match message.key() {
                    Some(key) => text(&String::from_utf8_lossy(key), &mut filled.text),
                    None => Slot::Null,
                },
                Part::Topic => filled.topic.get_or_insert_with(|| text(message.topic(), &mut filled.text)).clone(),
                Part::Partition => Slot::Integer(message.partition().into()),
                Part::Offset => Slot::Integer(message.offset()),
                Part::Headers => {
                    Slot::Value(Arc::new(Value::Object(message.headers().map(headers).unwrap_or_default())))
                }
            };
            filled.slots.push(slot);
        }
    }
}

impl Filled {
    /// The slots, row by row, and the text that they point into.
    pub(crate) fn take(&mut self) -> (Vec<Slot>, String) {
        let Self { slots, text, .. } = std::mem::take(self);
        (slots, text)
    }
}

/// A slot for a text, which is put at the end of `all`.
fn text(value: &str, all: &mut String) -> Slot {
    // A few thousand messages are gathered at once: far from the 4 GiB that a slot can point into.
    let start = all.len() as u32;
    all.push_str(value);
    Slot::Text { start, end: all.len() as u32 }
}

/// All headers by their names; of those with the same name the last.
fn headers(headers: &BorrowedHeaders) -> ObjectMap {
    let mut object = ObjectMap::new();
    for place in 0..headers.count() {
        // The library panics over a name that is not UTF-8, which any producer may send.
        let header = catch_unwind(AssertUnwindSafe(|| headers.try_get(place)));
        if let Ok(Some(header)) = header {
            let value = header.value.map(|value| Value::from(String::from_utf8_lossy(value).into_owned()));
            object.insert(header.key.into(), value.unwrap_or(Value::Null));
        }
    }
    object
}
