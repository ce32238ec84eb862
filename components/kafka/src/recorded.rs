//! A topic as recorded input: its messages, from the oldest to the ends that its partitions have now, as lines of a file.
//!
//! Nobody else notices: no group is joined, and nothing is committed. Messages of a partition keep their order; between
//! partitions the greatest time that each has reached decides, then its number. So the same messages are the same lines,
//! however they were fetched.
//!
//! - `topic`: how a topic is named,
//! - `spool`: the messages of one partition, on disk until all are there, and all partitions as one file.

mod spool;
mod topic;

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use logd_sdk::component::SourcePlan;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::time::Instant;

use self::spool::Spool;
pub use self::topic::Topic;
use crate::connection::{self, Connection};
use crate::source::KafkaSourceSettings;

/// A broker that has said nothing for so long is given up.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest poll: how late it is seen that nobody waits any more.
const POLL: Duration = Duration::from_millis(100);

/// A topic that is to be fetched.
#[derive(Clone, Debug)]
pub struct Fetch {
    topic: Topic,
    config: ClientConfig,
}

/// How far a fetch is, for whoever waits for it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Offsets that were passed, and how many there are.
    passed: AtomicU64,
    of: AtomicU64,
    messages: AtomicU64,
    stopped: AtomicBool,
}

/// What was fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// How many messages.
    pub messages: u64,
    /// How many of them hold line breaks before their end, and so are several lines.
    pub divided: u64,
}

impl Progress {
    /// The share that is there, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        let of = self.of.load(Ordering::Relaxed);
        if of == 0 { 0.0 } else { self.passed.load(Ordering::Relaxed) as f64 / of as f64 }
    }

    /// How many messages are there.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Nobody waits any more: the fetch ends, with an error, when the broker has answered.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether somebody waits still.
    fn go_on(&self) -> anyhow::Result<()> {
        ensure!(!self.stopped.load(Ordering::Relaxed), "it was stopped");
        Ok(())
    }
}

impl Fetch {
    /// Of a topic, in the place of a source: if that is a `kafka` source, with its credentials, TLS and options.
    #[must_use]
    pub fn new(topic: Topic, in_place_of: Option<&dyn SourcePlan>) -> Self {
        let source: Option<&dyn Any> = in_place_of.map(|source| source as &dyn Any);
        let options = BTreeMap::new();
        let plain = Connection { bootstrap_servers: topic.brokers(), sasl: None, tls: None, options: &options };
        let connection = match source.and_then(|source| source.downcast_ref::<KafkaSourceSettings>()) {
            Some(settings) => Connection { bootstrap_servers: topic.brokers(), ..settings.connection() },
            None => plain,
        };
        let mut config = connection.config();
        config
            // Without a name librdkafka lets nobody choose partitions. The group is never joined.
            .set("group.id", "logd")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            // What was deleted since is not to be had.
            .set("auto.offset.reset", "earliest")
            // What is fetched ahead, in KiB.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.max.bytes", "8388608");
        Self { topic, config }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Writes the messages into a new file, each with a line break behind it. Until then they lie in nameless files in the
    /// same folder, so that for a moment the topic needs its size there twice; in memory there are about 16 MiB, and 16 KiB
    /// more for each partition.
    ///
    /// Blocks, for as long as it takes.
    ///
    /// # Errors
    /// The topic is not there, a broker has not answered for ten seconds, the disk says no, or it was stopped.
    pub fn run(&self, file: &Path, progress: &Progress) -> anyhow::Result<Fetched> {
        self.fetch(file, progress).with_context(|| format!("{} can't be read", self.topic))
    }

    fn fetch(&self, file: &Path, progress: &Progress) -> anyhow::Result<Fetched> {
        let folder = file.parent().context("a file has a folder")?;
        let consumer: Consumer =
            self.config.create_with_context(Heard::default()).map_err(|error| connection::failure(&error))?;
        let mut spools = self.spools(&consumer, folder, progress)?;
        progress.of.store(spools.values().map(Spool::left).sum(), Ordering::Relaxed);
        let fetched = self.spool(&consumer, &mut spools, progress)?;
        drop(consumer);
        spool::merge(spools.into_values(), file)?;
        Ok(fetched)
    }

    /// The partitions that hold anything, by their numbers.
    fn spools(&self, consumer: &Consumer, folder: &Path, progress: &Progress) -> anyhow::Result<BTreeMap<i32, Spool>> {
        let topic = self.topic.name();
        let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).map_err(|error| unanswered(consumer, &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic).context("there is no such topic")?;
        if let Some(error) = found.error() {
            bail!("{}", rdkafka::error::RDKafkaErrorCode::from(error));
        }
        let mut spools = BTreeMap::new();
        for number in found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id) {
            progress.go_on()?;
            let (low, high) = consumer
                .fetch_watermarks(topic, number, DEADLINE)
                .map_err(|error| unanswered(consumer, &error).context(format!("partition {number}")))?;
            if low < high {
                spools.insert(number, Spool::new(low..high, folder)?);
            }
        }
        Ok(spools)
    }

    /// Reads all partitions to their ends.
    fn spool(
        &self,
        consumer: &Consumer,
        spools: &mut BTreeMap<i32, Spool>,
        progress: &Progress,
    ) -> anyhow::Result<Fetched> {
        let mut assignment = TopicPartitionList::new();
        for (number, spool) in &*spools {
            assignment.add_partition_offset(self.topic.name(), *number, Offset::Offset(spool.next()))?;
        }
        consumer.assign(&assignment).map_err(|error| connection::failure(&error))?;
        let (mut fetched, mut heard, mut open) = (Fetched::default(), Instant::now(), spools.len());
        while open > 0 {
            progress.go_on()?;
            let (number, passed) = match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let Some(spool) = spools.get_mut(&message.partition()) else { continue };
                    (message.partition(), take(spool, &message, &mut fetched)?)
                }
                Some(Err(KafkaError::PartitionEOF(number))) => {
                    let Some(spool) = spools.get_mut(&number) else { continue };
                    (number, spool.end())
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => bail!("{code}"),
                // What else goes wrong librdkafka tries again.
                Some(Err(_)) | None if heard.elapsed() < DEADLINE => continue,
                Some(Err(_)) | None => return Err(consumer.context().silence()),
            };
            heard = Instant::now();
            progress.passed.fetch_add(passed, Ordering::Relaxed);
            progress.messages.store(fetched.messages, Ordering::Relaxed);
            if passed > 0 && spools[&number].left() == 0 {
                open -= 1;
                // Whatever comes behind its end need not be fetched.
                let mut done = TopicPartitionList::new();
                done.add_partition(self.topic.name(), number);
                consumer.pause(&done).map_err(|error| connection::failure(&error))?;
            }
        }
        Ok(fetched)
    }
}

/// Puts a message to the others of its partition. Returns how many offsets that has passed.
fn take(spool: &mut Spool, message: &BorrowedMessage<'_>, fetched: &mut Fetched) -> anyhow::Result<u64> {
    let Some(passed) = spool.pass(message.offset()) else { return Ok(0) };
    if !passed.is_beyond {
        let payload = message.payload().unwrap_or_default();
        let line = payload.strip_suffix(b"\n").unwrap_or(payload);
        spool.add(message.timestamp().to_millis(), line)?;
        fetched.messages += 1;
        fetched.divided += u64::from(line.contains(&b'\n'));
    }
    Ok(passed.offsets)
}

/// The client of a fetch.
type Consumer = BaseConsumer<Heard>;

/// Hears why there is no answer.
#[derive(Debug, Default)]
struct Heard(Mutex<Option<String>>);

impl Heard {
    /// The error of whoever has waited in vain, with the last reason that was heard.
    fn silence(&self) -> anyhow::Error {
        let reason = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let silence = anyhow!("no answer within {DEADLINE:?}");
        match reason {
            Some(reason) => anyhow!(reason).context(silence),
            None => silence,
        }
    }
}

impl ClientContext for Heard {
    /// What goes wrong is told once, as an error.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // That all are down is said behind why each is.
        if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Heard {}

/// Why a question had no answer: the brokers' own word, or what was heard of the connection.
fn unanswered(consumer: &Consumer, error: &KafkaError) -> anyhow::Error {
    use rdkafka::types::RDKafkaErrorCode as Code;
    // What has happened to the connection meanwhile is told by polls; it goes on happening, so there is no end to wait for.
    let until = Instant::now() + POLL;
    while Instant::now() < until && consumer.poll(POLL).is_some() {}
    match error.rdkafka_error_code() {
        Some(Code::BrokerTransportFailure | Code::OperationTimedOut | Code::AllBrokersDown | Code::Resolve) => {
            consumer.context().silence()
        }
        _ => connection::failure(error),
    }
}
