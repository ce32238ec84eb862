//! How fast the source reads, as a share of a bare consumer: `cargo run --release -p logd-kafka --example consume`.
//!
//! It fills a topic of `KAFKA_BROKERS` (127.0.0.1:9092) with messages of the classic logs' size if it is not there yet, and
//! reads it twice in each round: by a loop around the client that counts, and by the source, whose batches are dropped.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use logd_sdk::component::Kind;
use logd_sdk::condition::{Condition, Conditions};
use logd_sdk::meters::Meters;
use logd_sdk::settings::Fault;
use logd_sdk::source::Next;
use logd_sdk::{Clock, ComponentId, Context, Epochs, Health, Plan};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::time::Instant;

const TOPIC: &str = "logd-speed-consume";
const PARTITIONS: i32 = 4;
const MESSAGES: usize = 1_000_000;
const ROUNDS: usize = 3;

struct NoConditions;

impl Conditions for NoConditions {
    fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        Err(Vec::new())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let brokers = std::env::var("KAFKA_BROKERS").unwrap_or_else(|_| "127.0.0.1:9092".to_owned());
    fill(&brokers).await?;
    for round in 1..=ROUNDS {
        let loop_brokers = brokers.clone();
        let bare = tokio::task::spawn_blocking(move || bare(&loop_brokers)).await??;
        let (source, batches) = source(&brokers, &format!("speed-{}-{round}", std::process::id())).await?;
        let rate = |took: Duration| MESSAGES as f64 / took.as_secs_f64();
        show(&format!(
            "bare loop {:>9.0}/s   source {:>9.0}/s   share {:.2}   events in a batch {}",
            rate(bare),
            rate(source),
            bare.as_secs_f64() / source.as_secs_f64(),
            MESSAGES / batches.max(1)
        ));
    }
    Ok(())
}

/// Shows a result.
#[allow(clippy::print_stdout)]
fn show(line: &str) {
    println!("{line}");
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "speed").set("enable.auto.commit", "false");
    config
}

/// Makes the topic and its messages, unless it has them.
async fn fill(brokers: &str) -> anyhow::Result<()> {
    let consumer: BaseConsumer = client(brokers).create()?;
    let there =
        |partition| consumer.fetch_watermarks(TOPIC, partition, Duration::from_secs(5)).map_or(0, |(_, end)| end);
    let there: i64 = (0..PARTITIONS).map(there).sum();
    if there == MESSAGES as i64 {
        return Ok(());
    }
    if there != 0 {
        bail!("the topic `{TOPIC}` holds something else: delete it");
    }
    let topic = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1));
    let admin: AdminClient<_> = client(brokers).create()?;
    admin.create_topics([&topic], &AdminOptions::new()).await?;
    let producer: ThreadedProducer<DefaultProducerContext> = client(brokers).set("linger.ms", "20").create()?;
    let line = format!("{{\"service\":\"payment-service\",\"message\":\"{}\"}}", "x".repeat(236));
    for number in 0..MESSAGES {
        let mut record = BaseRecord::<str, str>::to(TOPIC).payload(&line).partition(number as i32 % PARTITIONS);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(1));
            record = back;
        }
    }
    Ok(producer.flush(Duration::from_secs(60))?)
}

/// A loop that counts bytes and messages.
fn bare(brokers: &str) -> anyhow::Result<Duration> {
    let consumer: BaseConsumer = client(brokers).create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let (mut begun, mut messages, mut bytes) = (None, 0, 0);
    while messages < MESSAGES {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message?;
            begun.get_or_insert_with(Instant::now);
            messages += 1;
            bytes += std::hint::black_box(message.payload()).map_or(0, <[u8]>::len);
        }
    }
    std::hint::black_box(bytes);
    Ok(begun.context("nothing was read")?.elapsed())
}

/// The source, from its first event on; and how many batches there were.
async fn source(brokers: &str, group: &str) -> anyhow::Result<(Duration, usize)> {
    let settings = format!(
        "bootstrap_servers = '{brokers}'\ngroup_id = '{group}'\ntopics = ['{TOPIC}']\nauto_offset_reset = 'earliest'"
    );
    let component = logd_kafka::COMPONENTS.iter().find(|component| component.kind == Kind::Source);
    let table = toml::de::DeTable::parse(&settings)?;
    let Plan::Source(plan) = (component.context("no source")?.parse)(table)? else { bail!("no plan of a source") };
    let id = ComponentId::new("speed", "kafka");
    let context = Context {
        meters: Meters::new(&id, "source", "kafka"),
        id,
        clock: Clock::system(),
        columns: Arc::default(),
        conditions: Arc::new(NoConditions),
        data_dir: std::env::temp_dir(),
        once: false,
        dry_run: false,
        lineage: group.into(),
        health: Health::default(),
        epochs: Epochs::default(),
    };
    let mut source = plan.build(&context).await?;
    let (mut begun, mut messages, mut batches) = (None, 0, 0);
    while messages < MESSAGES {
        match source.next().await? {
            Next::Batch(batch) if !batch.is_empty() => {
                begun.get_or_insert_with(Instant::now);
                messages += batch.len();
                batches += 1;
            }
            Next::Batch(_) => {}
            Next::End => return Err(anyhow!("it never ends")),
        }
    }
    Ok((begun.context("nothing was read")?.elapsed(), batches))
}
