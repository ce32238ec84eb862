//! What the sink writes, and what it makes of events that the broker does not take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, Block, Body, Columns, EventId, Partition, Row, Time};
use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use tokio::time::{Instant, timeout};

use crate::broker::{Broker, broker, broker_alone};
use crate::member::{DEADLINE, context, eventually, sink};

/// JSON objects as events, a second apart.
fn batch(documents: &[String]) -> Batch {
    let (mut bytes, mut rows) = (String::new(), Vec::new());
    for (document, second) in documents.iter().zip(1_i64..) {
        let start = bytes.len() as u32;
        bytes.push_str(document);
        let time = Time::from_micros(second * 1_000_000);
        rows.push(Row { body: Body::Json, ..Row::line(start, bytes.len() as u32, second as u64, time) });
    }
    let mut batch = Batch::new(Block::new(bytes.into(), Partition::new("test/source", "")), rows);
    batch.require(&Columns::new(["service", "user"].map(vrl::path::OwnedValuePath::single_field)));
    batch
}

/// The messages of a topic.
fn messages(broker: &Broker, topic: &str, count: usize) -> Vec<OwnedMessage> {
    let consumer = broker.consumer("reader");
    let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(topic, partition.id(), rdkafka::Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let begun = Instant::now();
    let mut all = Vec::new();
    while all.len() < count {
        assert!(begun.elapsed() < DEADLINE, "{} messages of {count}", all.len());
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            all.push(message.detach());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_as_they_were_asked_for() {
    let (broker, _use) = broker().await;
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("written-{compression}");
        broker.topic_with(&topic, 3, &[]).await;
        let text = format!(
            "bootstrap_servers = '{}'\ntopic = 'written-{{{{ service }}}}'\nkey = 'u{{{{ user }}}}'\n\
             encoding.codec = 'json'\ncompression = '{compression}'",
            broker.address()
        );
        let sink = sink(&text, &context("sink", "written")).await;
        sink.probe().await.unwrap();
        let document = |n: u32| format!(r#"{{"service":"{compression}","user":{},"n":{n}}}"#, n % 7);
        let mut documents: Vec<String> = (0..1000).map(document).collect();
        documents.push(r#"{"service":"not a name"}"#.to_owned());
        documents.push(r#"{"user":1}"#.to_owned());
        let batch = batch(&documents);
        let attempt = timeout(DEADLINE, sink.deliver(&batch)).await.expect("in time");
        assert_eq!((attempt.retry, attempt.error), (vec![], None));
        assert_eq!(attempt.reject.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1000, 1001]);
        let rows: BTreeMap<String, usize> = (0..1000).map(|row| (batch.id(row).to_string(), row)).collect();
        let mut partitions: BTreeMap<Vec<u8>, i32> = BTreeMap::new();
        for message in messages(broker, &topic, 1000) {
            let header = message.headers().unwrap().get(0);
            assert_eq!(header.key, "logd-id");
            let row = rows[str::from_utf8(header.value.unwrap()).unwrap()];
            assert_eq!(message.payload().unwrap(), documents[row].as_bytes());
            assert_eq!(message.timestamp().to_millis(), Some((row as i64 + 1) * 1000));
            let key = message.key().unwrap().to_vec();
            assert_eq!(key, format!("u{}", row % 7).into_bytes());
            assert_eq!(*partitions.entry(key).or_insert(message.partition()), message.partition());
        }
        let id: EventId = batch.id(0);
        assert_eq!(id.to_string().len(), 32);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_a_key_go_to_all_partitions_at_once() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("spread", 4).await;
    let text = format!("bootstrap_servers = '{}'\ntopic = '{topic}'", broker.address());
    let sink = sink(&text, &context("sink", "spread")).await;
    let batch = batch(&vec!["{}".to_owned(); 200]);
    assert_eq!(timeout(DEADLINE, sink.deliver(&batch)).await.expect("in time"), Attempt::delivered());
    let partitions: BTreeSet<i32> = messages(broker, &topic, 200).iter().map(|message| message.partition()).collect();
    assert_eq!(partitions, BTreeSet::from([0, 1, 2, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_large_does_not_take_the_others_along() {
    let (broker, _use) = broker().await;
    broker.topic_with("small", 1, &[("max.message.bytes", "20000")]).await;
    let text = format!("bootstrap_servers = '{}'\ntopic = 'small'\nencoding.codec = 'json'", broker.address());
    let sink = sink(&text, &context("sink", "small")).await;
    // The broker's bound is for a batch of messages: together even the small ones are too many.
    let mut documents: Vec<String> = (0..500).map(|n| format!(r#"{{"n":{n},"text":"{}"}}"#, "x".repeat(200))).collect();
    documents[77] = format!(r#"{{"n":77,"text":"{}"}}"#, "x".repeat(30_000));
    // This one the client itself refuses.
    documents[400] = format!(r#"{{"n":400,"text":"{}"}}"#, "x".repeat(2_000_000));
    let attempt = timeout(DEADLINE, sink.deliver(&batch(&documents))).await.expect("in time");
    assert!(attempt.retry.is_empty(), "{:?}", attempt.error);
    assert_eq!(attempt.reject.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [77, 400]);
    assert!(attempt.reject[0].1.contains("too large"), "{:?}", attempt.reject);
    assert_eq!(messages(broker, "small", 498).len(), 498);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_delivered_is_tried_again() {
    let (broker, _alone) = broker_alone().await;
    let topic = broker.topic("again", 1).await;
    let context = context("sink", "again");
    let text = format!("bootstrap_servers = '{}'\ntopic = '{topic}'\nrequest.timeout = '3s'", broker.address());
    let sink = sink(&text, &context).await;
    let batch = batch(&["{}".to_owned(), "{}".to_owned()]);
    assert_eq!(sink.deliver(&batch).await, Attempt::delivered());
    broker.kill();
    let attempt = timeout(DEADLINE, sink.deliver(&batch)).await.expect("in time");
    eventually("it is ill", || context.health.reason().is_some()).await;
    broker.start_again();
    assert_eq!((attempt.retry, attempt.reject), (vec![0, 1], vec![]));
    let error = attempt.error.unwrap();
    assert!(error.contains("127.0.0.1"), "it says with whom it has trouble: {error}");
    let back = Instant::now();
    while !sink.deliver(&batch).await.retry.is_empty() {
        assert!(back.elapsed() < DEADLINE, "not delivered");
    }
    eprintln!("delivered {:?} after the broker was back", back.elapsed());
    assert_eq!(context.health.reason(), None);
    assert!(messages(broker, &topic, 4).len() >= 4);
}
