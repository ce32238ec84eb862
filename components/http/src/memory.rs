//! Requests that are answered when the pipeline has taken their events, and are kept nowhere before that.

use std::future::poll_fn;
use std::mem::replace;
use std::sync::Arc;
use std::task::Poll;

use logd_sdk::{Batch, Clock, Columns, Partition};
use tokio::sync::oneshot;

use crate::gather::Gathered;
use crate::queue::{Outcome, Queue, Waiting};

/// Hands on what waits in a queue.
#[derive(Debug)]
pub(crate) struct Memory {
    queue: Arc<Queue>,
    clock: Clock,
    partition: Arc<Partition>,
    columns: Arc<Columns>,
    /// Where the next event stands in the partition.
    sequence: u64,
    /// The request of which a part is handed on.
    current: Option<Waiting>,
    /// Those whose last events are in the batch that was handed on last.
    owed: Vec<oneshot::Sender<Outcome>>,
}

impl Memory {
    /// Of requests that wait in `queue`, whose pieces have these columns.
    pub(crate) fn new(queue: Arc<Queue>, clock: Clock, partition: Arc<Partition>, columns: Arc<Columns>) -> Self {
        Self { queue, clock, partition, columns, sequence: 0, current: None, owed: Vec::new() }
    }

    /// Where requests wait.
    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The partition that its events are of.
    pub(crate) fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// Answers those whose events are in the last batch.
    pub(crate) fn settle(&mut self) {
        for answer in self.owed.drain(..) {
            // The client may have gone.
            let _ = answer.send(Outcome::Taken);
        }
    }

    /// The next batch. Between the wait and the batch nothing is awaited, so that nothing is lost where this is
    /// cancelled.
    pub(crate) async fn next(&mut self) -> Batch {
        loop {
            if let Some(batch) = self.gather() {
                return batch;
            }
            self.queue.filled().await;
            turn().await;
        }
    }

    /// A batch of what waits: of all requests together, as far as there is room in it.
    fn gather(&mut self) -> Option<Batch> {
        let mut gathered = Gathered::default();
        while let Some(mut request) = self.current.take().or_else(|| self.pop()) {
            while let Some(piece) = request.pieces.pop_front() {
                if let Err(piece) = gathered.add(piece) {
                    request.pieces.push_front(piece);
                    break;
                }
            }
            if !request.pieces.is_empty() {
                self.current = Some(request);
                break;
            }
            self.owed.extend(request.answer.take());
        }
        gathered.into_batch(&self.partition, &self.columns)
    }

    /// The request that has waited longest, whose events get their places and time now.
    fn pop(&mut self) -> Option<Waiting> {
        let mut request = self.queue.pop()?;
        let now = self.clock.now();
        for piece in &mut request.pieces {
            piece.place(&mut self.sequence, now);
        }
        Some(request)
    }
}

/// Lets the other tasks that are ready go first: a source is woken by the first request, and would take it alone while
/// those of a hundred other connections wait for this very thread. A batch for each of them costs far more downstream.
async fn turn() {
    let mut over = false;
    poll_fn(|context| {
        if replace(&mut over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
