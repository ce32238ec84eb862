//! The side of a buffer that gives events: a source that reads the log.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use logd_disklog::Follower;
use logd_sdk::event::stored;
use logd_sdk::snapshot;
use logd_sdk::source::{Next, Source};
use metrics::Counter;

use super::log::Buffer;

/// The version of the position.
const VERSION: u8 = 1;
/// What is read at once, in bytes.
const CHUNK: usize = 1 << 20;

/// The last record that was delivered at a position.
pub(super) fn delivered(position: &[u8]) -> Option<u64> {
    snapshot::decode(VERSION, position).ok()
}

/// Reads batches from the log of a buffer, as far as epochs are complete.
pub(super) struct BufferReader {
    buffer: Arc<Buffer>,
    follower: Follower,
    /// Records that were read and not returned yet.
    read: VecDeque<(u64, Bytes)>,
    /// The last record that was returned, or left out.
    last: u64,
    /// Records that are broken: each was a batch.
    lost: Counter,
}

impl BufferReader {
    pub(super) fn new(buffer: Arc<Buffer>, lost: Counter) -> Self {
        let follower = buffer.writer.follow(logd_disklog::Follow::Durable);
        let last = follower.position().saturating_sub(1);
        Self { buffer, follower, read: VecDeque::new(), last, lost }
    }
}

impl Source for BufferReader {
    async fn next(&mut self) -> anyhow::Result<Next> {
        let mut complete = self.buffer.complete();
        loop {
            if self.read.is_empty() {
                let chunk = self.follower.next(CHUNK).await.context("the disk buffer can't be read")?;
                if chunk.lost > 0 {
                    self.lost.increment(chunk.lost);
                    tracing::error!(batches = chunk.lost, "A disk buffer is damaged: batches in it are lost.");
                }
                self.read.extend(chunk.records);
                continue;
            }
            let Some(&(number, _)) = self.read.front() else { continue };
            let is_void = {
                let kept = complete.wait_for(|kept| kept.is_void(number) || number <= kept.last).await;
                kept.context("the disk buffer is closed")?.is_void(number)
            };
            let Some((_, record)) = self.read.pop_front() else { continue };
            self.last = number;
            if !is_void {
                return Ok(Next::Batch(stored::decode(&record).context("a record of the disk buffer can't be read")?));
            }
        }
    }

    fn position(&self) -> Option<Vec<u8>> {
        snapshot::encode(VERSION, &self.last).ok()
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        self.last = snapshot::decode(VERSION, position)?;
        self.follower.seek(self.last + 1);
        Ok(())
    }

    async fn commit(&mut self, position: &[u8]) -> anyhow::Result<()> {
        self.buffer.writer.release(snapshot::decode(VERSION, position)?).await?;
        Ok(())
    }
}
