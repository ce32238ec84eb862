//! Where work on events is done. As many threads as there are cores run all tasks, and short work is done among them: to
//! hand it to other threads would wake these, and have more threads than cores. Long work would hold up the tasks that
//! wait for files and sockets, and so has threads of its own.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, spawn_blocking};

/// The most that a task on the same thread may be held up by.
const SHORT: Duration = Duration::from_millis(5);

/// How many threads work at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers(NonZeroUsize);

impl Workers {
    /// So many.
    pub(crate) fn new(count: NonZeroUsize) -> Self {
        Self(count)
    }

    /// How many there are.
    pub(crate) fn count(self) -> usize {
        self.0.get()
    }

    /// A runtime with so many threads.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn runtime(self) -> std::io::Result<Runtime> {
        Builder::new_multi_thread().worker_threads(self.count()).enable_all().build()
    }

    /// Works on something as soon as a thread is free. `expected` is how long that will take, if it is known.
    pub(crate) fn spawn<T: Send + 'static>(
        self,
        expected: Option<Duration>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match expected {
            Some(expected) if expected <= SHORT => tokio::spawn(async move { work() }),
            _ => spawn_blocking(work),
        }
    }
}
