//! Events as they pass, for somebody who looks at them: those that he asked for, and no more than he can read.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use logd_sdk::condition::{Condition, Reads};
use logd_sdk::event::write_json;
use logd_sdk::{Batch, Columns};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// Events as they pass.
pub(crate) struct Passing {
    batches: Receiver<Arc<Batch>>,
    condition: Option<Arc<dyn Condition>>,
    /// So many in a second at most.
    rate: u32,
    /// The second that is counted: since when, and how many there were.
    second: (Instant, u32),
}

impl Passing {
    /// Those of these batches that meet the condition.
    pub(crate) fn new(batches: Receiver<Arc<Batch>>, condition: Option<Arc<dyn Condition>>, rate: u32) -> Self {
        Self { batches, condition, rate, second: (Instant::now(), 0) }
    }

    /// All of them, a line of JSON each, until what was looked at is gone.
    pub(crate) fn lines_of_all(self) -> BoxStream<'static, Vec<u8>> {
        stream::unfold(self, async |mut passing| Some((passing.next().await?, passing))).boxed()
    }

    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let batch = self.batches.recv().await?;
            let lines = self.lines(batch);
            if !lines.is_empty() {
                return Some(lines);
            }
        }
    }

    fn lines(&mut self, batch: Arc<Batch>) -> Vec<u8> {
        if self.second.0.elapsed() >= Duration::from_secs(1) {
            self.second = (Instant::now(), 0);
        }
        let mut lines = Vec::new();
        if self.second.1 >= self.rate {
            return lines;
        }
        let mut batch = Arc::unwrap_or_clone(batch);
        let mut answers = Vec::new();
        if let Some(condition) = &self.condition {
            if let Reads::Fields(paths) = condition.reads() {
                batch.require(&Columns::new(paths.iter().cloned()));
            }
            condition.test(&batch, &mut answers);
        }
        for row in (0..batch.len()).filter(|&row| answers.get(row).is_none_or(|meets| *meets)) {
            if self.second.1 >= self.rate {
                break;
            }
            self.second.1 += 1;
            write_json(&batch, row, &mut lines);
            lines.push(b'\n');
        }
        lines
    }
}
