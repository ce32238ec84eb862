//! What the source reads, where it begins, and how it goes on.

use std::time::Duration;

use logd_sdk::event::write_json;
use logd_sdk::source::Next;
use logd_sdk::{Batch, Time};
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, timeout};

use crate::broker::{Broker, broker};
use crate::member::{DEADLINE, Member, context, eventually, source};

/// Settings for a topic, read from its beginning in a group of the same name.
pub(crate) fn settings(broker: &Broker, topic: &str, more: &str) -> String {
    format!(
        "bootstrap_servers = '{}'\ngroup_id = '{topic}'\ntopics = ['{topic}']\nauto_offset_reset = 'earliest'\n{more}\n",
        broker.address()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_every_message_once_in_batches() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("whole", 4).await;
    broker.send(&topic, 4, 0..100_000);
    let begun = Instant::now();
    let member = Member::start(&settings(broker, &topic, ""), context("source", "whole"), None).await;
    member.until_events(100_000).await;
    eprintln!("100,000 messages in {:?}", begun.elapsed());
    let said = std::sync::Arc::clone(&member.said);
    member.stop().await;
    for partition in 0..4 {
        // The answer to the last commit may be on its way.
        eventually("the group knows", || {
            broker.committed(&topic, &topic, partition).is_some_and(|(offset, _)| offset == 25_000)
        })
        .await;
        let (_, metadata) = broker.committed(&topic, &topic, partition).unwrap();
        assert!(metadata.starts_with("logd whole test/source "), "{metadata}");
    }
    let said = said.lock().unwrap();
    assert_eq!(said.numbers().into_iter().collect::<Vec<_>>(), (0..100_000).map(|n| (n, 1)).collect::<Vec<_>>());
    for (partition, position, time, text) in &said.events {
        let number: u64 = text.parse().unwrap();
        assert_eq!(*partition, format!("test/source:{topic}/{}", number % 4));
        assert_eq!((*position, *time), (number / 4, Time::from_micros((number as i64 + 1) * 1000)));
    }
    let announced: Vec<_> = (0..4).map(|number| (format!("test/source:{topic}/{number}"), false)).collect();
    let mut notices = said.notices.clone();
    notices.sort();
    assert_eq!(notices, announced);
    assert!(said.batches < 1000, "{} batches", said.batches);
    assert_eq!(said.complaints, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_behind_what_was_durable() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("resumed", 2).await;
    broker.send(&topic, 2, 0..1000);
    let settings = settings(broker, &topic, "");
    let first = Member::start(&settings, context("source", "resumed"), None).await;
    first.until_events(1000).await;
    let position = first.stop().await;
    broker.send(&topic, 2, 1000..1500);
    // The same daemon: its own position decides.
    let second = Member::start(&settings, context("source", "resumed"), Some(&position)).await;
    second.until_events(500).await;
    let numbers = second.said.lock().unwrap().numbers();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (1000..1500).map(|n| (n, 1)).collect::<Vec<_>>());
    // It dies before it has said anything more to the group: the position of before still counts, not the commit.
    second.until("a commit", |said| said.durable.is_some()).await;
    eventually("committed", || broker.committed(&topic, &topic, 0).is_some_and(|(offset, _)| offset == 750)).await;
    second.kill().await;
    let third = Member::start(&settings, context("source", "resumed"), Some(&position)).await;
    third.until_events(500).await;
    assert_eq!(third.said.lock().unwrap().numbers().keys().next(), Some(&1000));
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_decides_when_somebody_else_has_committed() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("reset", 1).await;
    broker.send(&topic, 1, 0..100);
    // Members that are gone are forgotten soon, for only then an operator may reset the group.
    let settings = settings(broker, &topic, "librdkafka_options = { 'session.timeout.ms' = '6000' }");
    let first = Member::start(&settings, context("source", "reset"), None).await;
    first.until_events(100).await;
    let position = first.stop().await;
    let operator = broker.consumer(&topic);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(40)).unwrap();
    eventually("the group lets itself be reset", || operator.commit(&list, CommitMode::Sync).is_ok()).await;
    let second = Member::start(&settings, context("source", "reset"), Some(&position)).await;
    second.until_events(60).await;
    assert_eq!(second.said.lock().unwrap().events[0].1, 40);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_begins_with_what_comes_and_keeps_to_that() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("latest", 1).await;
    broker.send(&topic, 1, 0..100);
    let settings = settings(broker, &topic, "").replace("earliest", "latest");
    let first = Member::start(&settings, context("source", "latest"), None).await;
    first.until("an announcement", |said| !said.notices.is_empty()).await;
    let position = first.stop().await;
    // What comes before the first event was read is not lost.
    broker.send(&topic, 1, 100..110);
    let second = Member::start(&settings, context("source", "latest"), Some(&position)).await;
    second.until_events(10).await;
    assert_eq!(second.said.lock().unwrap().events[0].3, "100");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_what_was_asked_for() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("fields", 1).await;
    let sent = rdkafka::producer::BaseRecord::to(&topic).key(b"k\xff".as_slice()).payload("hello".as_bytes()).headers(
        rdkafka::message::OwnedHeaders::new()
            .insert(rdkafka::message::Header { key: "trace", value: Some("7") })
            .insert(rdkafka::message::Header { key: "none", value: None::<&str> }),
    );
    let producer = broker.producer();
    producer.send(sent).map_err(|(error, _)| error).unwrap();
    rdkafka::producer::Producer::flush(&producer, Duration::from_secs(10)).unwrap();
    let tombstone = rdkafka::producer::BaseRecord::<[u8], [u8]>::to(&topic).key(b"gone");
    producer.send(tombstone).map_err(|(error, _)| error).unwrap();
    rdkafka::producer::Producer::flush(&producer, Duration::from_secs(10)).unwrap();
    let fields =
        "key_field = 'key'\ntopic_key = 'kafka.topic'\npartition_key = 'p'\noffset_key = 'o'\nheaders_key = 'h'";
    let mut source = source(&settings(broker, &topic, fields), &context("source", "fields")).await;
    let mut whole = Batch::default();
    while whole.len() < 2 {
        match timeout(DEADLINE, source.next()).await.expect("in time").unwrap() {
            Next::Batch(batch) => whole.append(batch),
            Next::End => panic!("it never ends"),
        }
    }
    let shown = |row: usize| {
        let mut json = Vec::new();
        write_json(&whole, row, &mut json);
        String::from_utf8(json).unwrap()
    };
    let first = format!(
        r#"{{"h":{{"none":null,"trace":"7"}},"kafka":{{"topic":"{topic}"}},"key":"k�","message":"hello","o":0,"p":0}}"#
    );
    let second = format!(r#"{{"h":{{}},"kafka":{{"topic":"{topic}"}},"key":"gone","message":null,"o":1,"p":0}}"#);
    assert_eq!((shown(0), shown(1)), (first, second));
    assert_eq!(whole.raw(0), b"hello");
}
