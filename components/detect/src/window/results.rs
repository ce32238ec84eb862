//! The results of windows as events.

use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::{Batch, Block, Body, Partition, Row, Slot, Time};
use xxhash_rust::xxh3::Xxh3;

use super::recipe::Recipe;
use super::shard::Closed;
use super::tuple;

impl Recipe {
    /// The results as events, sorted by (window end, key).
    pub(super) fn results(&self, closed: &[Closed], partition: &Arc<Partition>, watermark: Time) -> Batch {
        let mut block = Block::new(Bytes::new(), Arc::clone(partition));
        block.greatest = watermark;
        let mut rows = Vec::with_capacity(closed.len());
        let mut slots = Vec::with_capacity(closed.len() * self.columns.len());
        // The name stands in the text once, and all results point there. No setting has four gigabytes.
        let mut text = self.samples.clone().unwrap_or_default();
        let samples = Slot::Text { start: 0, end: u32::try_from(text.len()).unwrap_or(0) };
        let samples = self.samples.as_ref().map(|_| samples);
        for Closed { end, key, results } in closed {
            let start = self.panes.window_start(*end);
            let mut hash = Xxh3::new();
            hash.update(&start.as_micros().to_le_bytes());
            hash.update(&end.as_micros().to_le_bytes());
            hash.update(key);
            // The last moment of the window: a window over windows puts it where its events were.
            let time = Time::from_micros(end.as_micros().saturating_sub(1));
            let position = hash.digest();
            rows.push(Row { block: 0, start: 0, end: 0, position, time, seen: time, body: Body::Columns });
            let (mut key, mut results) = (&key[..], &results[..]);
            slots.extend(self.group_by.iter().map(|_| tuple::read(&mut key, &mut text)));
            slots.extend([Slot::Time(start), Slot::Time(*end)]);
            slots.extend(samples.clone());
            slots.extend(self.aggregates.iter().map(|_| tuple::read(&mut results, &mut text)));
        }
        let mut batch = Batch::new(block, rows);
        batch.set_columns(Arc::clone(&self.columns), slots, text);
        batch
    }
}
