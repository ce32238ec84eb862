//! The logs: kept in parts, written by one thread, searched by whoever asks.

mod histogram;
mod part;
mod parts;
mod query;
mod schema;
mod search;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use logd_sdk::{Clock, Time};
use tokio::sync::{Notify, oneshot};

pub use histogram::Histogram;
pub(crate) use histogram::grid;
pub(crate) use query::Wanted;
pub use search::{Fragment, Hit};

use self::part::PartName;
use self::parts::Parts;
use self::writer::Writer;
use crate::records::LogRecord;

/// A feed waits while logs of more bytes wait to be indexed.
const QUEUE: usize = 16 << 20;
/// When nothing comes for so long, what was not committed is.
const IDLE: Duration = Duration::from_secs(1);

/// What the writer is told to do.
enum Command {
    /// Of a feed that has seen so many failures: after another one it begins anew, and this log comes again.
    Add {
        log: Arc<LogRecord>,
        feed: Arc<str>,
        epoch: u64,
        failures: u64,
    },
    /// What can't be done without the logs that were added.
    Do(Task, Done),
    /// What has nothing to do with them.
    Tend(Task, Done),
    Suspect(PartName),
}

type Task = Box<dyn FnOnce(&mut Writer) -> anyhow::Result<()> + Send>;

type Done = oneshot::Sender<anyhow::Result<()>>;

/// The logs. Dropped, it writes what it has, and waits for that.
pub(crate) struct Logs {
    parts: Arc<Parts>,
    queue: Arc<Queue>,
    /// `None` when it is being dropped.
    commands: Option<Sender<Command>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What feeds and the writer share.
#[derive(Debug, Default)]
struct Queue {
    /// The bytes of the logs that wait.
    bytes: AtomicUsize,
    /// Tells of more room.
    room: Notify,
    /// How often the writer has lost what it had.
    failures: AtomicU64,
}

impl Logs {
    /// Opens the logs in `folder`. Blocks.
    ///
    /// # Errors
    /// The folder can't be read or made.
    pub(crate) fn open(folder: &Path, max_bytes: u64, clock: Clock) -> anyhow::Result<Self> {
        let parts = Arc::new(Parts::new(part::list(folder)?));
        let queue = Arc::new(Queue::default());
        let (commands, receiver) = channel();
        let writer = Writer::new(folder.to_owned(), max_bytes, clock, Arc::clone(&parts));
        let thread = thread::Builder::new().name("archive-index".to_owned()).spawn({
            let queue = Arc::clone(&queue);
            move || run(writer, &receiver, &queue)
        });
        let thread = Mutex::new(Some(thread.context("no thread for the index")?));
        Ok(Self { parts, queue, commands: Some(commands), thread })
    }

    /// Waits until there is room for more logs.
    pub(crate) async fn room(&self) {
        loop {
            let room = self.queue.room.notified();
            if self.queue.bytes.load(Ordering::Relaxed) < QUEUE {
                return;
            }
            room.await;
        }
    }

    /// How often the writer has lost what was not committed. Whoever finds another number than before has to begin anew.
    pub(crate) fn failures(&self) -> u64 {
        self.queue.failures.load(Ordering::Acquire)
    }

    /// Takes in a log of a feed that knows of so many [`failures`](Self::failures); never blocks.
    pub(crate) fn add(&self, log: Arc<LogRecord>, feed: &Arc<str>, epoch: u64, failures: u64) {
        self.queue.bytes.fetch_add(log.size(), Ordering::Relaxed);
        self.send(Command::Add { log, feed: Arc::clone(feed), epoch, failures });
    }

    /// Makes durable what was added before.
    pub(crate) async fn commit(&self) -> anyhow::Result<()> {
        self.tell(Command::Do, Writer::commit).await
    }

    /// As [`commit`](Self::commit), and waits until nothing is written any more.
    pub(crate) async fn close(&self) -> anyhow::Result<()> {
        self.tell(Command::Do, Writer::finish).await
    }

    /// Deletes the logs of a feed that came after an epoch.
    pub(crate) async fn take_back(&self, feed: &Arc<str>, epoch: u64) -> anyhow::Result<()> {
        let feed = Arc::clone(feed);
        self.tell(Command::Do, move |writer| writer.take_back(&feed, epoch)).await
    }

    /// Deletes what is too old or too much, and looks for damage.
    pub(crate) async fn keep(&self, oldest: Time, max_bytes: u64) -> anyhow::Result<()> {
        self.tell(Command::Tend, move |writer| {
            writer.keep(oldest, max_bytes)?;
            writer.check_one()
        })
        .await
    }

    /// Loses what was not committed.
    #[cfg(test)]
    pub(crate) async fn lose(&self) {
        let lost = self.tell(Command::Tend, |writer| {
            writer.give_up();
            Ok(())
        });
        lost.await.expect("a writer");
    }

    async fn tell(
        &self,
        command: fn(Task, Done) -> Command,
        what: impl FnOnce(&mut Writer) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let (done, answer) = oneshot::channel();
        self.send(command(Box::new(what), done));
        answer.await.unwrap_or_else(|_| Err(anyhow!("the index is closed")))
    }

    fn send(&self, command: Command) {
        // It fails only if the thread is gone, and then nobody waits for an answer in vain.
        drop(self.commands.as_ref().map(|commands| commands.send(command)));
    }

    /// The last epoch of each feed that has logs.
    pub(crate) fn epochs(&self) -> Vec<(String, u64)> {
        let parts = self.parts.list();
        parts.iter().flat_map(|part| part.committed().facts.feeds.clone()).collect()
    }

    /// How many logs there are in how many parts, and their bytes.
    pub(crate) fn size(&self) -> (u64, usize, u64) {
        let parts = self.parts.list();
        let (logs, bytes) = parts.iter().fold((0, 0), |(logs, bytes), part| {
            let committed = part.committed();
            (logs + committed.logs, bytes + committed.bytes)
        });
        (logs, parts.len(), bytes)
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.commands = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(thread.map(JoinHandle::join));
    }
}

fn run(mut writer: Writer, commands: &Receiver<Command>, queue: &Queue) {
    loop {
        match commands.recv_timeout(IDLE) {
            Ok(Command::Add { log, feed, epoch, failures }) => {
                if failures == queue.failures.load(Ordering::Relaxed) {
                    attempt(&mut writer, queue, true, |writer| writer.add(&log, &feed, epoch)).unwrap_or_else(report);
                }
                let size = log.size();
                let before = queue.bytes.fetch_sub(size, Ordering::Relaxed);
                if before >= QUEUE && before - size < QUEUE {
                    queue.room.notify_waiters();
                }
            }
            Ok(Command::Do(what, done)) => drop(done.send(attempt(&mut writer, queue, true, what))),
            Ok(Command::Tend(what, done)) => drop(done.send(attempt(&mut writer, queue, false, what))),
            Ok(Command::Suspect(part)) => {
                attempt(&mut writer, queue, false, |writer| writer.suspect(part)).unwrap_or_else(report);
            }
            Err(RecvTimeoutError::Timeout) => {
                attempt(&mut writer, queue, true, Writer::commit).unwrap_or_else(report);
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Does something with the writer. After a panic, or an error if `loses`, nobody knows what it has of what was not
/// committed: it gives that up, and feeds begin anew.
fn attempt(
    writer: &mut Writer,
    queue: &Queue,
    loses: bool,
    what: impl FnOnce(&mut Writer) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let done = catch_unwind(AssertUnwindSafe(|| what(writer)));
    let lost = done.as_ref().map_or(true, |done| loses && done.is_err());
    if lost {
        queue.failures.fetch_add(1, Ordering::Release);
        writer.give_up();
    }
    done.unwrap_or_else(|_| Err(anyhow!("the index could not be used without a panic")))
}

#[allow(clippy::needless_pass_by_value)]
fn report(error: anyhow::Error) {
    tracing::error!(error = format!("{error:#}"), "Logs could not be indexed.");
}
