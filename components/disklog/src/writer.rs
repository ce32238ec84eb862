//! The log for many tasks at once, behind a thread of its own: those who want to be sure share one `fdatasync`.
//!
//! Nobody waits for others to come along. While the disk syncs, calls gather; the next sync is for all of them. So one
//! caller alone has the disk's own latency, and a thousand have it twice at most.
//!
//! No call has a deadline of its own: a disk that hangs is waited for, unless the caller sets a timeout.

use std::ops::Range;
use std::sync::Arc;
use std::{io, thread};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::place::Place;
use crate::{Error, Follow, Follower, Log, Reader, View};

/// What may wait for the thread, in bytes. A call counts with its records and [`CALL`]; a larger one waits alone.
const QUEUE: usize = 16 << 20;
/// What a call costs without its records, in bytes.
const CALL: usize = 128;
/// After so many bytes the thread syncs, even if there is more to be appended, so that nobody waits for ever. A little
/// less than what the log keeps in memory, for then it would have to sync on its own.
const GROUP: usize = 14 << 20;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What the thread is asked for.
enum Request {
    Append { records: Vec<Bytes>, durable: bool, reply: Reply<Range<u64>> },
    Sync { reply: Reply<u64> },
    Release { up_to: u64, reply: Reply<()> },
    Resize { max_size: u64, reply: Reply<()> },
    Close { reply: Reply<()> },
}

/// A handle to a log, for tasks. Clones are handles to the same log. When the last is gone, what was appended is made
/// durable, and the thread ends.
///
/// Calls are taken in the order in which they come. A call that is cancelled before the queue had room for it has done
/// nothing; later it is carried out all the same, and only the answer is lost.
#[derive(Clone, Debug)]
pub struct Writer {
    requests: mpsc::UnboundedSender<(Request, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    place: Arc<Place>,
    view: watch::Receiver<View>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(log: Log) -> io::Result<Self> {
        let (sender, requests) = mpsc::unbounded_channel();
        let (place, view) = (Arc::clone(&log.place), log.view());
        thread::Builder::new().name("disklog".into()).spawn(move || run(log, requests))?;
        Ok(Self { requests: sender, room: Arc::new(Semaphore::new(QUEUE)), place, view })
    }

    /// Appends records, all or none, and returns their numbers when they survive a power cut.
    ///
    /// # Errors
    /// Those of [`Log::append`] and [`Log::sync`]. After one of the latter the records are in the log, and may become
    /// durable: a caller that sends them again has them twice.
    pub async fn append_durable(&self, records: Vec<Bytes>) -> Result<Range<u64>, Error> {
        let size = size(&records);
        self.ask(size, |reply| Request::Append { records, durable: true, reply }).await
    }

    /// Appends records, all or none, and returns their numbers; they survive the process, and after the next sync a
    /// power cut.
    ///
    /// # Errors
    /// Those of [`Log::append`].
    pub async fn append(&self, records: Vec<Bytes>) -> Result<Range<u64>, Error> {
        let size = size(&records);
        self.ask(size, |reply| Request::Append { records, durable: false, reply }).await
    }

    /// Makes all durable that was appended and released before, and returns the number of the last durable record.
    ///
    /// # Errors
    /// Those of [`Log::sync`].
    pub async fn sync(&self) -> Result<u64, Error> {
        self.ask(0, |reply| Request::Sync { reply }).await
    }

    /// Lets go of all records up to this number.
    ///
    /// # Errors
    /// Those of [`Log::release`].
    pub async fn release(&self, up_to: u64) -> Result<(), Error> {
        self.ask(0, |reply| Request::Release { up_to, reply }).await
    }

    /// Lets the log take `max_size` bytes from now on. What is there stays, even if that is more.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn resize(&self, max_size: u64) -> Result<(), Error> {
        self.ask(0, |reply| Request::Resize { max_size, reply }).await
    }

    /// Makes all durable and gives the folder free, once everything that was asked for before is done. All calls after
    /// that, by any clone, say [`Error::Closed`]; what is in the log can still be read.
    ///
    /// # Errors
    /// Those of [`Log::sync`]; the log is closed all the same.
    pub async fn close(&self) -> Result<(), Error> {
        self.ask(0, |reply| Request::Close { reply }).await
    }

    /// How far the log is. Whoever got [`Error::Full`] waits for a change of it, and tries again.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Follows the log from the first record that is not released.
    #[must_use]
    pub fn follow(&self, follow: Follow) -> Follower {
        let from = self.view.borrow().released() + 1;
        Follower::new(Reader::new(Arc::clone(&self.place), self.view(), follow), self.view(), follow, from)
    }

    async fn ask<T>(&self, size: usize, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Error> {
        let size = u32::try_from(size.saturating_add(CALL).min(QUEUE)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.room).acquire_many_owned(size).await.map_err(|_| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.requests.send((request(reply), permit)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

fn size(records: &[Bytes]) -> usize {
    records.iter().map(|record| record.len() + size_of::<Bytes>()).sum()
}

/// Who waits for a sync.
type Waiting = Box<dyn FnOnce(Result<u64, Error>)>;

/// The thread. Whoever asked may be gone, so that answers that nobody takes are no mistake.
fn run(mut log: Log, mut requests: mpsc::UnboundedReceiver<(Request, OwnedSemaphorePermit)>) {
    while let Some(request) = requests.blocking_recv() {
        let mut waiting: Vec<Waiting> = Vec::new();
        let (mut appended, mut next) = (0, Some(request));
        while let Some((request, _permit)) = next {
            match request {
                Request::Append { records, durable, reply } => {
                    appended += size(&records) + CALL;
                    match log.append(&records) {
                        Ok(numbers) if durable => waiting.push(Box::new(|synced| {
                            let _ = reply.send(synced.map(|_| numbers));
                        })),
                        result => {
                            let _ = reply.send(result);
                        }
                    }
                }
                Request::Sync { reply } => waiting.push(Box::new(|synced| {
                    let _ = reply.send(synced);
                })),
                Request::Release { up_to, reply } => {
                    let _ = reply.send(log.release(up_to));
                }
                Request::Resize { max_size, reply } => {
                    log.max_size = max_size;
                    let _ = reply.send(Ok(()));
                }
                Request::Close { reply } => {
                    requests.close();
                    let synced = log.sync();
                    waiting.into_iter().for_each(|answer| answer(synced.clone()));
                    drop(log);
                    let _ = reply.send(synced.map(|_| ()));
                    return;
                }
            }
            next = if appended < GROUP { requests.try_recv().ok() } else { None };
        }
        if !waiting.is_empty() {
            let synced = log.sync();
            waiting.into_iter().for_each(|answer| answer(synced.clone()));
        }
    }
    if let Err(error) = log.sync() {
        tracing::error!(%error, "A disk log could not be made durable at its end.");
    }
}
