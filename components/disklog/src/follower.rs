//! A reader for tasks, which waits for more.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::{Chunk, Error, Follow, Reader, View};

/// Reads a log from a position on, and waits at its end.
#[derive(Debug)]
pub struct Follower {
    /// Shared with the thread that reads, which goes on if the call is cancelled.
    reader: Arc<Mutex<Reader>>,
    view: watch::Receiver<View>,
    follow: Follow,
    next: u64,
}

impl Follower {
    pub(crate) fn new(reader: Reader, view: watch::Receiver<View>, follow: Follow, next: u64) -> Self {
        Self { reader: Arc::new(Mutex::new(reader)), view, follow, next }
    }

    /// The number that is read next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Goes to this number. What is released and gone before it can't be read any more.
    pub fn seek(&mut self, number: u64) {
        self.next = number;
    }

    /// The next records, up to `max_bytes` of payload but at least one, or a notice of lost ones. Waits until there are
    /// any. Safe to cancel: the position moves only when the records are returned.
    ///
    /// # Errors
    /// The disk can't be read, or the log is closed and all of it was read ([`Error::Closed`]).
    pub async fn next(&mut self, max_bytes: usize) -> Result<Chunk, Error> {
        loop {
            let (next, follow) = (self.next, self.follow);
            self.view.wait_for(|view| view.limit(follow) > next).await.map_err(|_| Error::Closed)?;
            let reader = Arc::clone(&self.reader);
            let read = move || reader.lock().unwrap_or_else(PoisonError::into_inner).read(next, max_bytes);
            let chunk = spawn_blocking(read).await.map_err(|_| Error::Closed)??;
            self.next = chunk.next;
            if !chunk.records.is_empty() || chunk.lost > 0 {
                return Ok(chunk);
            }
        }
    }
}
