//! The partition of a generator: lines become batches, and its beginning and end are told.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use logd_sdk::source::Next;
use logd_sdk::{Batch, Block, Partition, Row, Time};

use crate::generator::Line;

/// What a generator writes into, used again and again, and where it goes.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) partition: Arc<Partition>,
    pub(super) bytes: Vec<u8>,
    pub(super) lines: Vec<Line>,
    /// The file for labels, until it is written.
    pub(super) labels: Option<PathBuf>,
    pub(super) phase: Phase,
}

/// What has been told so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing.
    New,
    /// That there is a partition.
    Running,
    /// That it has ended.
    Ended,
}

impl Feed {
    /// A feed that has told nothing.
    pub(super) fn new(partition: Arc<Partition>, labels: Option<PathBuf>) -> Self {
        Self { partition, bytes: Vec::new(), lines: Vec::new(), labels, phase: Phase::New }
    }

    /// Says that there is the partition, and writes the labels, if that was not done before.
    pub(super) fn begin(&mut self, labels: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<Next> {
        if let Some(path) = &self.labels {
            fs::write(path, labels()?).with_context(|| format!("the labels can't be written to {}", path.display()))?;
            self.labels = None;
        }
        self.phase = Phase::Running;
        Ok(self.notice(Time::MIN))
    }

    /// Says that the partition has ended, and then that there is nothing more.
    pub(super) fn end(&mut self) -> Next {
        if self.phase == Phase::Ended {
            return Next::End;
        }
        self.phase = Phase::Ended;
        self.notice(Time::MAX)
    }

    /// The lines that were written, of which the first is number `first`; none if there are none.
    pub(super) fn batch(&mut self, first: u64) -> Option<Batch> {
        if self.lines.is_empty() {
            return None;
        }
        let row = |(line, number): (Line, u64)| {
            Row::line(line.start as u32, line.end as u32, number, Time::from_micros(line.time))
        };
        let rows = self.lines.drain(..).zip(first..).map(row).collect();
        let block = Block::new(Bytes::copy_from_slice(&self.bytes), Arc::clone(&self.partition));
        self.bytes.clear();
        let mut batch = Batch::new(block, rows);
        batch.note_times();
        Some(batch)
    }

    fn notice(&self, greatest: Time) -> Next {
        let block = Block::new(Bytes::new(), Arc::clone(&self.partition));
        Next::Batch(Batch::notice(block.reaching(greatest)))
    }
}
