//! Sinks: where events leave the graph.
//!
//! A sink makes one attempt to deliver one batch and says what became of it. Batching, concurrency, back-off, retries,
//! dead letters and metrics belong to the driver in the daemon, which is the same for all.

use std::future::Future;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::event::Batch;

/// How the driver is to deal with a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// A batch is sent when it has this many events.
    pub max_events: usize,
    /// A batch is sent when it has this many bytes. It has more only if it came so large.
    pub max_bytes: usize,
    /// A batch is sent when its first event has waited this long; with zero, when it has all that waits already.
    pub timeout: Duration,
    /// No attempt has more events than this: what came together is divided.
    pub most_events: NonZeroUsize,
    /// How many attempts may be under way at once.
    pub concurrency: Concurrency,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// At most so many attempts in each span of time, over all of them.
    pub rate_limit: Option<(u32, Duration)>,
    /// How long to wait after a first failure; the wait doubles with each one more.
    pub first_backoff: Duration,
    /// How long to wait at most.
    pub longest_backoff: Duration,
    /// What the service makes of an event that comes twice.
    pub repeats: Repeats,
}

/// How many attempts may be under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// So many. 1 keeps the order of events.
    Fixed(NonZeroUsize),
    /// As many as make the service faster, up to this many: the driver measures.
    Adaptive(NonZeroUsize),
}

impl Concurrency {
    /// One attempt after the other, in the order of events.
    pub const ONE: Self = Self::Fixed(NonZeroUsize::MIN);

    /// How many there may ever be.
    #[must_use]
    pub fn most(self) -> usize {
        let (Self::Fixed(most) | Self::Adaptive(most)) = self;
        most.get()
    }
}

/// What a service makes of an event that comes to it a second time, as after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// It knows the event by its key, or the sink takes back what an epoch does not have: nothing is doubled.
    Harmless,
    /// It would have the event twice. The driver remembers the ids of what was delivered since the last epoch, and does
    /// not send these again.
    Doubled,
}

impl Default for Delivery {
    /// For sinks of this machine: batches go on as they come, in order.
    fn default() -> Self {
        Self {
            max_events: 1,
            max_bytes: 1,
            timeout: Duration::ZERO,
            most_events: NonZeroUsize::MAX,
            concurrency: Concurrency::ONE,
            attempt_timeout: Duration::from_secs(60),
            rate_limit: None,
            first_backoff: Duration::from_millis(100),
            longest_backoff: Duration::from_secs(2),
            repeats: Repeats::Harmless,
        }
    }
}

impl Delivery {
    /// For a service that is reached over the network.
    #[must_use]
    pub fn remote() -> Self {
        Self {
            max_events: 5000,
            max_bytes: 4 << 20,
            timeout: Duration::from_secs(1),
            concurrency: Concurrency::Adaptive(const { NonZeroUsize::new(8).unwrap() }),
            attempt_timeout: Duration::from_secs(30),
            ..Self::default()
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
    /// Rows that end here because the settings want it so, each with a reason that becomes a metric's label.
    pub drop: Vec<(u32, &'static str)>,
    /// Why rows are to be tried again, for log and metrics; or, where none are, why the service can't be used any more.
    /// `/ready` shows it until an attempt ends without one.
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

    /// Nothing was, and the settings want it dropped then.
    #[must_use]
    pub fn dropped(batch: &Batch, reason: &'static str) -> Self {
        let rows = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        Self { drop: (0..rows).map(|row| (row, reason)).collect(), ..Self::default() }
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

    /// Whether the service answers and would take events: asked by `logd validate`, and at the start, again and again
    /// until it does or there is something to deliver. Leaves nothing behind.
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

    /// Takes over from the sink that it replaces, between two batches in the middle of an epoch, while both rest: what that
    /// one has been given since the last epoch, and keeps for the next, this one keeps from now on. Called instead of
    /// [`restore`](Self::restore), and only where [`SinkSettings::succeeds`](crate::component::SinkSettings::succeeds)
    /// says that it can be done.
    ///
    /// # Errors
    /// What the one before keeps can't be had.
    fn succeed(&self, before: &Self) -> impl Future<Output = anyhow::Result<()>> + Send {
        let _ = before;
        async { Ok(()) }
    }

    /// What [`sync`](Self::sync) returned has become durable with its epoch: a sink that keeps effects back until then
    /// applies them now. Not called for an epoch that [`restore`](Self::restore) has gone back to: a sink applies that
    /// one again there, since nobody knows whether it was applied before the crash.
    ///
    /// # Errors
    /// It could not be done: the driver tries again, and the next epoch waits.
    fn commit(&self, epoch: &[u8]) -> impl Future<Output = anyhow::Result<()>> + Send {
        let _ = epoch;
        async { Ok(()) }
    }
}
