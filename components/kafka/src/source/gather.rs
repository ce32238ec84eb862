//! From messages to batches: the values of one partition's messages, one behind the other in a block.
//!
//! A message lies in a buffer of librdkafka that is freed with it, so each value is copied once, into the block in which it
//! then stays. Batches leave by size, or by time where little comes.

use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::{Batch, Block, Body, Clock, Partition, Row, Time};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Timestamp};

use super::fields::{Fields, Filled};

/// A batch has at most so many events, …
const MOST_EVENTS: usize = 4096;
/// … and is full with so many bytes.
const MOST_BYTES: usize = 512 * 1024;

/// The messages of a partition that are on their way to be a batch.
#[derive(Debug)]
pub(crate) struct Gather {
    partition: Arc<Partition>,
    bytes: Vec<u8>,
    rows: Vec<Row>,
    filled: Filled,
    /// How many bytes and events the last batch had: the next will be about as large.
    expected: (usize, usize),
}

impl Gather {
    /// For the messages of a partition.
    pub(crate) fn new(partition: Arc<Partition>) -> Self {
        Self { partition, bytes: Vec::new(), rows: Vec::new(), filled: Filled::default(), expected: (0, 0) }
    }

    /// Adds a message.
    pub(crate) fn add(&mut self, message: &BorrowedMessage<'_>, fields: Option<&Fields>, clock: &Clock) {
        if self.rows.is_empty() {
            self.bytes.reserve(self.expected.0);
            self.rows.reserve(self.expected.1);
        }
        // A message has 100 MB at most, and the block was not full before it: all of it fits into 32 bits.
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(message.payload().unwrap_or_default());
        let end = self.bytes.len() as u32;
        let micros = match message.timestamp() {
            Timestamp::CreateTime(millis) | Timestamp::LogAppendTime(millis) => millis.checked_mul(1000),
            Timestamp::NotAvailable => None,
        };
        let time = micros.map_or_else(|| clock.now(), Time::from_micros);
        // Offsets begin at 0.
        let mut row = Row::line(start, end, message.offset() as u64, time);
        if let Some(fields) = fields {
            fields.fill(message, start, end, &mut self.filled);
            row.body = Body::Columns;
        }
        self.rows.push(row);
    }

    /// Whether it is time for a batch.
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= MOST_EVENTS || self.bytes.len() >= MOST_BYTES
    }

    /// The batch, if there is anything in it.
    pub(crate) fn take(&mut self, fields: Option<&Fields>) -> Option<Batch> {
        if self.rows.is_empty() {
            return None;
        }
        self.expected = (self.bytes.len(), self.rows.len());
        let (mut bytes, rows) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.rows));
        if bytes.len() < bytes.capacity() / 2 {
            // Less came than was expected: what is left of the buffer must not travel along.
            bytes.shrink_to_fit();
        }
        let bytes = Bytes::from(bytes);
        let mut batch = Batch::new(Block::new(bytes, Arc::clone(&self.partition)), rows);
        if let Some(fields) = fields {
            let (slots, text) = self.filled.take();
            batch.set_columns(Arc::clone(fields.columns()), slots, text);
        }
        batch.note_times();
        Some(batch)
    }
}

/// Says of these partitions that they are as far as `greatest`.
pub(crate) fn notice<'p>(partitions: impl IntoIterator<Item = &'p Arc<Partition>>, greatest: Time) -> Batch {
    let mut batch = Batch::default();
    for partition in partitions {
        batch.append(Batch::notice(Block::new(Bytes::new(), Arc::clone(partition)).reaching(greatest)));
    }
    batch
}
