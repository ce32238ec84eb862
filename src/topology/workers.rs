//! The threads that work on events. They wait for nothing, and so as many as there are cores keep all cores busy; tasks
//! that wait for files and sockets have threads of their own, which heavy work does not hold up.

use std::io;
use std::num::NonZeroUsize;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// A handle to the threads that work on events.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    handle: Handle,
    count: usize,
}

/// The threads, until this is dropped.
#[derive(Debug)]
pub(crate) struct Pool(Option<Runtime>);

impl Pool {
    /// Starts so many.
    ///
    /// # Errors
    /// The system has no threads to give.
    pub(crate) fn start(count: NonZeroUsize) -> io::Result<(Self, Workers)> {
        let count = count.get();
        let runtime = Builder::new_multi_thread().worker_threads(count).thread_name("events").build()?;
        let workers = Workers { handle: runtime.handle().clone(), count };
        Ok((Self(Some(runtime)), workers))
    }
}

impl Drop for Pool {
    /// Nobody is left who wants to know what work under way will come to.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Workers {
    /// The runtime that a test runs in.
    #[cfg(test)]
    pub(crate) fn of_test(count: usize) -> Self {
        Self { handle: Handle::current(), count }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Works on something as soon as a thread is free.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        // From outside: a task that one of these threads spawned would wait in a place of that thread's that no other may
        // take from.
        self.handle.spawn(async move { work() })
    }
}
