//! Sinks: where events leave the graph.
//!
//! A sink makes one attempt to deliver one batch and says what became of it. Batching, concurrency, back-off, retries,
//! dead letters and metrics belong to the driver in the daemon, which is the same for all.

use std::future::Future;
use std::time::Duration;

use crate::event::Batch;

/// How the driver is to deal with a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// A batch is sent when it has this many events.
    pub max_events: usize,
    /// A batch is sent when it has this many bytes.
    pub max_bytes: usize,
    /// A batch is sent when its first event has waited this long.
    pub timeout: Duration,
    /// How many attempts may be under way at once; 1 keeps the order of events.
    pub concurrency: usize,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
}

impl Default for Delivery {
    /// For sinks of this machine: batches go on as they come, in order.
    fn default() -> Self {
        Self {
            max_events: 1,
            max_bytes: 1,
            timeout: Duration::ZERO,
            concurrency: 1,
            attempt_timeout: Duration::from_secs(60),
        }
    }
}

/// What became of one attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attempt {
    /// Rows that may succeed when tried again.
    pub retry: Vec<u32>,
    /// Not before this long from now, if the service said so.
    pub after: Option<Duration>,
    /// Rows that never will, each with the service's reason.
    pub reject: Vec<(u32, String)>,
    /// Why rows are to be tried again, for log and metrics.
    pub error: Option<String>,
}

impl Attempt {
    /// Everything was delivered.
    #[must_use]
    pub fn delivered() -> Self {
        Self::default()
    }

    /// Nothing was, and nothing ever will be.
    #[must_use]
    pub fn refused(batch: &Batch, reason: &str) -> Self {
        let rows = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        Self { reject: (0..rows).map(|row| (row, reason.to_owned())).collect(), ..Self::default() }
    }

    /// Nothing was, for a reason that may pass.
    #[must_use]
    pub fn failed(batch: &Batch, error: impl ToString) -> Self {
        let rows = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        Self { retry: (0..rows).collect(), error: Some(error.to_string()), ..Self::default() }
    }
}

/// A sink that runs.
pub trait Sink: Send + Sync + 'static {
    /// Makes one attempt. May be cancelled at any time, and then counts as failed.
    fn deliver(&self, batch: &Batch) -> impl Future<Output = Attempt> + Send;

    /// Whether the service answers and would take events.
    ///
    /// # Errors
    /// Why not.
    fn probe(&self) -> impl Future<Output = anyhow::Result<()>> + Send {
        async { Ok(()) }
    }

    /// Makes all that was delivered durable, and returns what is to be kept of it in the epoch, such as the lengths of
    /// files: everything before the barrier is delivered when this is called, and nothing after it.
    ///
    /// # Errors
    /// It can't be made durable: the epoch fails.
    fn sync(&self) -> impl Future<Output = anyhow::Result<Option<Vec<u8>>>> + Send {
        async { Ok(None) }
    }

    /// Goes back to an epoch: what [`sync`](Self::sync) returned at it. Called before the first `deliver`.
    ///
    /// # Errors
    /// What was kept can't be read, or what it names can't be brought back.
    fn restore(&self, epoch: &[u8]) -> impl Future<Output = anyhow::Result<()>> + Send {
        let _ = epoch;
        async { Ok(()) }
    }
}
