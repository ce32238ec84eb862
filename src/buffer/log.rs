//! The log of a buffer, which its writer and its reader share.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::Context as _;
use logd_disklog::fs::Real;
use logd_disklog::{Log, Writer};
use logd_sdk::{ComponentId, snapshot};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The version of what is kept of an epoch.
const VERSION: u8 = 1;

/// What the writer keeps of an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The last record of the epoch.
    pub(super) last: u64,
    /// Records that a crash has left behind an epoch: they came again, under other numbers.
    pub(super) void: Vec<RangeInclusive<u64>>,
}

impl Kept {
    pub(super) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        snapshot::decode(VERSION, bytes)
    }

    pub(super) fn encode(&self) -> anyhow::Result<Vec<u8>> {
        snapshot::encode(VERSION, self)
    }

    /// Whether a record of this number is one that came again.
    pub(super) fn is_void(&self, number: u64) -> bool {
        self.void.iter().any(|range| range.contains(&number))
    }
}

/// An open buffer.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) writer: Writer,
    /// Up to which record the reader may go, and what it leaves out.
    complete: watch::Sender<Kept>,
}

impl Buffer {
    fn open(folder: &Path, max_size: u64, kept: &Kept) -> anyhow::Result<Self> {
        let shown = folder.display();
        let (log, found) = Log::open(Arc::new(Real), folder, max_size)
            .with_context(|| format!("the disk buffer in {shown} can't be opened"))?;
        if !found.is_clean() {
            tracing::warn!(folder = %shown, torn_bytes = found.torn, broken_records = found.broken,
                missing = ?found.missing, odd = ?found.odd, "A disk buffer is damaged; what is whole is delivered.");
        }
        let writer = Writer::start(log).context("a disk buffer has no thread")?;
        let buffer = Self { writer, complete: watch::channel(kept.clone()).0 };
        buffer.rewind(kept);
        Ok(buffer)
    }

    /// Goes back to an epoch: what was written behind it comes again.
    pub(super) fn rewind(&self, kept: &Kept) {
        let next = self.writer.view().borrow().next();
        self.complete.send_modify(|complete| {
            let mut void = kept.void.clone();
            if next > kept.last + 1 {
                void.push(kept.last + 1..=next - 1);
            }
            *complete = Kept { last: kept.last, void };
        });
    }

    /// What is to be kept of an epoch whose last record is `last`.
    pub(super) fn kept(&self, last: u64) -> Kept {
        let released = self.writer.view().borrow().released();
        let mut void = self.complete.borrow().void.clone();
        void.retain(|range| *range.end() > released);
        Kept { last, void }
    }

    /// An epoch is complete: its records may be read.
    pub(super) fn completed(&self, kept: Kept) {
        self.complete.send_replace(kept);
    }

    /// Tells up to where records may be read.
    pub(super) fn complete(&self) -> watch::Receiver<Kept> {
        self.complete.subscribe()
    }
}

/// The buffers that are open: each has two sides, which are built one after the other and may fail apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<HashMap<ComponentId, Weak<Buffer>>>>);

impl Buffers {
    /// The buffer in front of `sink`. `kept` is what its writer has left, for when it is not open yet.
    pub(super) fn open(
        &self,
        sink: &ComponentId,
        folder: &Path,
        max_size: u64,
        kept: impl FnOnce() -> anyhow::Result<Kept>,
    ) -> anyhow::Result<Arc<Buffer>> {
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = buffers.get(sink).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let buffer = Arc::new(Buffer::open(folder, max_size, &kept()?)?);
        buffers.insert(sink.clone(), Arc::downgrade(&buffer));
        Ok(buffer)
    }
}
