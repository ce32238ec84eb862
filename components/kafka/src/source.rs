//! The `kafka` source: a member of a consumer group.
//!
//! - `settings`: what can be set, and what that builds,
//! - `reader`: the thread that polls, with `assignment` (which partitions it has) and `watch` (how it is going),
//! - `events`: what librdkafka tells besides messages,
//! - `gather`, `fields`: from messages to batches,
//! - `queue`: between that thread and the source,
//! - `ledger`: how far each partition was read, and who may read it,
//! - `begin`, `commits`: what is made of the group's word, and what the group is told.
//!
//! What the daemon asks of a source is done here: to hand batches on, to know where it stands, and to commit what has
//! become durable.

mod assignment;
mod begin;
mod commits;
mod events;
mod fields;
mod gather;
mod ledger;
mod queue;
mod reader;
mod settings;
mod watch;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use logd_sdk::Context;
use logd_sdk::source::{Next, Source};
use metrics::{Counter, Gauge};
use rdkafka::ClientConfig;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

use self::begin::Owner;
use self::commits::Commits;
use self::fields::Fields;
use self::ledger::Ledger;
use self::queue::{Item, Queue};
use self::settings::AutoOffsetReset;
pub(crate) use self::settings::KafkaSourceSettings;

/// How many bytes wait between the thread that reads and the source: some batches, so that neither waits for the other.
const QUEUE: usize = 4 << 20;

/// How long a source that is dropped waits for its client to leave.
const LEAVING: Duration = Duration::from_secs(3);

/// What a source is to do.
struct Plan {
    context: Context,
    config: ClientConfig,
    topics: Vec<String>,
    reset: AutoOffsetReset,
    fields: Option<Fields>,
    owner: Owner,
    /// Counts changes of the partitions that it has.
    rebalances: Counter,
    /// How many partitions have stalled.
    stalled: Gauge,
}

/// What the source and its thread share.
struct Shared {
    queue: Queue,
    ledger: Ledger,
    commits: Commits,
}

/// A running `kafka` source. Its thread ends, and the client with it, when it is dropped.
pub(crate) struct KafkaSource {
    /// What the thread is given when it starts.
    plan: Option<Plan>,
    shared: Arc<Shared>,
    /// The thread, when it was started.
    thread: Option<JoinHandle<()>>,
}

impl KafkaSource {
    /// A source that has not begun.
    fn new(plan: Plan) -> Self {
        let shared =
            Shared { queue: Queue::new(QUEUE), ledger: Ledger::default(), commits: Commits::new(plan.owner.clone()) };
        Self { plan: Some(plan), shared: Arc::new(shared), thread: None }
    }

    /// Starts the thread, if it does not run yet.
    fn start(&mut self) -> anyhow::Result<()> {
        if let Some(plan) = self.plan.take() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("kafka source".to_owned());
            let reads = move || {
                let last = LastWord(Arc::clone(&shared));
                reader::run(&plan, &shared);
                drop(last);
            };
            self.thread = Some(thread.spawn(reads).context("no thread can be started")?);
        }
        Ok(())
    }
}

/// Says so when the thread has ended, also by a panic.
struct LastWord(Arc<Shared>);

impl Drop for LastWord {
    fn drop(&mut self) {
        let error = anyhow!("the thread that reads from Kafka has ended");
        self.0.queue.fill(&mut VecDeque::from([Item::Failed(error)]));
    }
}

impl Source for KafkaSource {
    async fn next(&mut self) -> anyhow::Result<Next> {
        self.start()?;
        loop {
            match self.shared.queue.pop() {
                Some(Item::Events { lease, next, batch }) => {
                    // Otherwise it was revoked meanwhile, and the next who has the partition reads it again.
                    if self.shared.ledger.advance(&lease, next) {
                        return Ok(Next::Batch(batch));
                    }
                }
                Some(Item::Notice(batch)) => return Ok(Next::Batch(batch)),
                Some(Item::End) => return Ok(Next::End),
                Some(Item::Failed(error)) => return Err(error),
                None => self.shared.queue.filled().await,
            }
        }
    }

    fn position(&self) -> Option<Vec<u8>> {
        let failed = |error: &anyhow::Error| tracing::error!(error = format!("{error:#}"), "No position can be kept.");
        self.shared.ledger.position().inspect_err(failed).ok()
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        self.shared.ledger.restore(position)
    }

    async fn commit(&mut self, position: &[u8]) -> anyhow::Result<()> {
        commits::commit(&self.shared, self.shared.ledger.due(position)?)
    }
}

impl Drop for KafkaSource {
    /// Waits a moment for the client to leave: the next one of this name, as after a reload, would push it out of the
    /// group, and its last commit with it.
    fn drop(&mut self) {
        self.shared.queue.close();
        let until = Instant::now() + LEAVING;
        let wait = || {
            while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
            _ => wait(),
        }
    }
}
