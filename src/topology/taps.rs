//! Taps: where somebody can look at events as they pass, without holding them up.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logd_sdk::Batch;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Whoever looks is so many batches behind at most; what comes then is not shown to him.
const BEHIND: usize = 16;

/// The taps of all outputs, by the names that inputs have for them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taps(Arc<Mutex<HashMap<String, Arc<Tap>>>>);

/// The tap of one output.
#[derive(Default)]
pub(crate) struct Tap {
    /// Whether anybody looks: asked for every batch.
    is_open: AtomicBool,
    watchers: Mutex<Vec<Sender<Arc<Batch>>>>,
}

impl Taps {
    /// The tap of an output.
    pub(crate) fn of(&self, output: &str) -> Arc<Tap> {
        let mut taps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(taps.entry(output.to_owned()).or_default())
    }

    /// Looks at what passes these outputs from now on.
    pub(crate) fn watch(&self, outputs: &[String]) -> Receiver<Arc<Batch>> {
        let (sender, receiver) = channel(BEHIND);
        for output in outputs {
            let tap = self.of(output);
            tap.watchers().push(sender.clone());
            tap.is_open.store(true, Ordering::Relaxed);
        }
        receiver
    }
}

impl Tap {
    /// Shows a batch to those who look, if there are any.
    pub(crate) fn show(&self, batch: &Arc<Batch>) {
        if !self.is_open.load(Ordering::Relaxed) || batch.is_empty() {
            return;
        }
        let mut watchers = self.watchers();
        watchers.retain(|watcher| !matches!(watcher.try_send(Arc::clone(batch)), Err(TrySendError::Closed(_))));
        self.is_open.store(!watchers.is_empty(), Ordering::Relaxed);
    }

    fn watchers(&self) -> MutexGuard<'_, Vec<Sender<Arc<Batch>>>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row, Time};

    use super::*;

    #[test]
    fn whoever_is_slow_misses_some_and_whoever_is_gone_is_forgotten() {
        let block = Block::new(Bytes::from_static(b"x"), Partition::new("p/s", ""));
        let batch = Arc::new(Batch::new(block, vec![Row::line(0, 1, 0, Time::EPOCH)]));
        let taps = Taps::default();
        let tap = taps.of("p/s");
        tap.show(&batch);
        let mut watching = taps.watch(&["p/s".to_owned()]);
        (0..100).for_each(|_| tap.show(&batch));
        let mut seen = 0;
        while watching.try_recv().is_ok() {
            seen += 1;
        }
        assert_eq!(seen, BEHIND);
        drop(watching);
        tap.show(&batch);
        assert!(!tap.is_open.load(Ordering::Relaxed) && tap.watchers().is_empty());
    }
}
