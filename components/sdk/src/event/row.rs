//! A row (one event), the block of bytes that it stands in, and the partition that the block came from.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use bytestring::ByteString;
use vrl::value::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::time::Time;

/// One stream of events whose order is kept: a file, a Kafka partition, a window's results.
///
/// Watermarks are kept for each partition, and an event's identity begins with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    name: String,
    hash: u64,
}

impl Partition {
    /// The partition `part` of the component `component` (`pipeline/id`). Where a component has one stream only,
    /// `part` is empty.
    #[must_use]
    pub fn new(component: &str, part: &str) -> Arc<Self> {
        let name = if part.is_empty() { component.to_owned() } else { format!("{component}:{part}") };
        let hash = xxh3_64(name.as_bytes());
        Arc::new(Self { name, hash })
    }

    /// `pipeline/component`, or `pipeline/component:part`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A hash of the name that is the same on every machine and in every version.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

/// Bytes of one partition that rows point into.
#[derive(Clone, Debug)]
pub struct Block {
    /// What was read, undivided.
    pub bytes: Bytes,
    /// Where it was read.
    pub partition: Arc<Partition>,
    /// The greatest event time that this batch has from the partition, of the rows that a filter took away too:
    /// watermarks follow it. [`Time::MIN`] where it has none, [`Time::MAX`] when the partition has ended.
    pub greatest: Time,
    /// The bytes as text, if all of them are: looked at once, and not for every field that is read.
    text: OnceLock<Option<ByteString>>,
}

impl Block {
    /// A block that has said nothing of time yet.
    #[must_use]
    pub fn new(bytes: Bytes, partition: Arc<Partition>) -> Self {
        Self { bytes, partition, greatest: Time::MIN, text: OnceLock::new() }
    }

    /// The same block, of a partition that is as far as `greatest`.
    #[must_use]
    pub fn reaching(self, greatest: Time) -> Self {
        Self { greatest, ..self }
    }

    /// A copy of the block, which like itself knows from now on whether it is text.
    #[must_use]
    pub fn known(&self) -> Self {
        let _ = self.text(0..0);
        self.clone()
    }

    /// The text at this range, if it is UTF-8.
    #[must_use]
    #[inline]
    pub fn text(&self, range: Range<usize>) -> Option<&str> {
        let whole = self.text.get_or_init(|| ByteString::try_from(self.bytes.clone()).ok());
        match whole {
            Some(text) => text.get(range),
            // Somewhere in the block is something else; here there may be text all the same.
            None => str::from_utf8(self.bytes.get(range)?).ok(),
        }
    }

    /// The same block with other bytes.
    pub(super) fn replace(&mut self, bytes: Bytes) {
        self.bytes = bytes;
        self.text = OnceLock::new();
    }
}

/// What an event is.
#[derive(Clone, Debug)]
pub enum Body {
    /// A line of text, which may not be UTF-8; its only field is `message`.
    Line,
    /// A JSON object, valid to its end.
    Json,
    /// The columns of the batch are the event's fields.
    Columns,
    /// A value that a program made or changed; the row's bytes are the event as it came in.
    Value(Arc<Value>),
}

/// One event.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which of the batch's blocks.
    pub block: u32,
    /// Where the event's bytes begin in the block.
    pub start: u32,
    /// Where they end.
    pub end: u32,
    /// Where it stands in its partition: a byte or message offset, or a hash of what made a derived event.
    pub position: u64,
    /// When it happened.
    pub time: Time,
    /// The greatest event time among this block's events up to this one: what decides whether it is late.
    pub seen: Time,
    /// What it is.
    pub body: Body,
}

impl Row {
    /// A line at `start..end` of block 0, that happened at `time`.
    #[must_use]
    pub fn line(start: u32, end: u32, position: u64, time: Time) -> Self {
        Self { block: 0, start, end, position, time, seen: time, body: Body::Line }
    }

    /// Where the event's bytes stand in its block.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}
