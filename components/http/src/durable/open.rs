//! Opens the log, and finds the keys that stand in it.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context as _;
use logd_disklog::fs::Real;
use logd_disklog::{Error, Follow, Log, Reader};
use logd_sdk::Time;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::keys::Keys;
use super::record;

/// How long a source that was dropped a moment ago may take to let go of the log: it makes durable what it has.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read at once, in bytes.
const CHUNK: usize = 1 << 20;

/// Opens the log in `folder`, or makes one.
///
/// # Errors
/// Somebody else has it open, or the folder can't be read or written.
pub(crate) async fn open(folder: PathBuf, max_size: u64) -> anyhow::Result<Log> {
    let shown = folder.display().to_string();
    let deadline = Instant::now() + PATIENCE;
    let (log, found) = loop {
        let folder = folder.clone();
        match spawn_blocking(move || Log::open(Arc::new(Real), &folder, max_size)).await? {
            Err(Error::Locked(_)) if Instant::now() < deadline => sleep(Duration::from_millis(5)).await,
            opened => break opened.with_context(|| format!("the disk log in {shown} can't be opened"))?,
        }
    };
    if !found.is_clean() {
        tracing::warn!(folder = shown, torn_bytes = found.torn, broken_records = found.broken,
            missing = ?found.missing, odd = ?found.odd, "A disk log of requests is damaged; what is whole is read.");
    }
    Ok(log)
}

/// What finds the keys of requests that are in the log, up to a number.
#[derive(Debug)]
pub(super) struct KeyFinder {
    reader: Reader,
    /// The first number that is not to be read.
    end: u64,
}

impl KeyFinder {
    /// For all that is in the log now. Delivered requests that are still there count too.
    pub(super) fn new(log: &Log) -> Self {
        let end = log.view().borrow().next();
        Self { reader: log.reader(Follow::Appended), end }
    }

    /// Goes through the log. Blocks. What can't be read has no keys; that is found, and counted, when its turn comes.
    pub(super) fn run(mut self, keys: &Weak<Keys>) {
        let mut next = 1;
        while next < self.end {
            let Some(keys) = keys.upgrade() else { return };
            let chunk = match self.reader.read(next, CHUNK) {
                Ok(chunk) => chunk,
                Err(error) => {
                    tracing::warn!(%error, "Keys of earlier requests can't be read: what is sent again is taken again.");
                    break;
                }
            };
            for (number, record) in &chunk.records {
                if let Ok(record::Head { received, key: Some(key) }) = record::head(record) {
                    keys.taken(key, *number, Time::from_micros(received));
                }
            }
            if chunk.next == next {
                break;
            }
            next = chunk.next;
        }
        if let Some(keys) = keys.upgrade() {
            keys.set_loaded();
        }
    }
}
