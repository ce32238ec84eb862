//! Topics and partitions that come, go, and lose their beginnings.

use crate::broker::broker;
use crate::member::{Member, context, eventually};
use crate::source::settings;

/// New topics and partitions are found at once.
const SOON: &str = "librdkafka_options = { 'topic.metadata.refresh.interval.ms' = '300' }";

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_read_from_their_beginning() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("growing", 1).await;
    broker.send(&topic, 1, 0..100);
    let settings = settings(broker, &topic, SOON).replace("earliest", "latest");
    let member = Member::start(&settings, context("source", "growing"), None).await;
    member.until("an announcement", |said| said.notices.len() == 1).await;
    broker.add_partitions(&topic, 3).await;
    broker.send(&topic, 3, 100..400);
    member.until_events(300).await;
    let numbers = member.said.lock().unwrap().numbers();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (100..400).map(|n| (n, 1)).collect::<Vec<_>>());
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_match_are_found_when_they_come() {
    let (broker, _use) = broker().await;
    broker.topic_with("match-1-x", 1, &[]).await;
    broker.topic_with("match-x", 1, &[]).await;
    broker.send("match-1-x", 1, 0..10);
    broker.send("match-x", 1, 50..60);
    let settings = settings(broker, "^match-[0-9]+-x$", SOON);
    let member = Member::start(&settings, context("source", "match"), None).await;
    member.until_events(10).await;
    broker.topic_with("match-22-x", 1, &[]).await;
    broker.send("match-22-x", 1, 10..20);
    member.until_events(20).await;
    assert_eq!(member.said.lock().unwrap().numbers().into_keys().collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_missing_is_waited_for() {
    let (broker, _use) = broker().await;
    let settings = settings(broker, "missing", SOON);
    let member = Member::start(&settings, context("source", "missing"), None).await;
    eventually("it says so", || member.health.reason().is_some_and(|reason| reason.contains("missing"))).await;
    assert!(!member.health.is_away(), "what is there may be read");
    broker.topic_with("missing", 1, &[]).await;
    broker.send("missing", 1, 0..10);
    member.until_events(10).await;
    eventually("it is well", || member.health.reason().is_none()).await;
    member.stop().await;
    let context = logd_sdk::Context { once: true, ..context("source", "missing") };
    let settings = settings.replace("'missing'", "'missing-too'");
    let mut source = crate::member::source(&settings, &context).await;
    let ended = tokio::time::timeout(crate::member::DEADLINE, source.next()).await.expect("in time");
    assert!(ended.unwrap_err().to_string().contains("`missing-too` is not there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_is_read_from_its_beginning() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("anew", 1).await;
    broker.send(&topic, 1, 0..100);
    let member = Member::start(&settings(broker, &topic, SOON), context("source", "anew"), None).await;
    member.until_events(100).await;
    eventually("committed", || broker.committed(&topic, &topic, 0).is_some_and(|(offset, _)| offset == 100)).await;
    broker.delete_topic(&topic).await;
    member.until("the end of the partition", |said| said.notices.iter().any(|(_, ended)| *ended)).await;
    broker.topic_with(&topic, 1, &[]).await;
    broker.send(&topic, 1, 100..250);
    member.until_events(250).await;
    let numbers = member.said.lock().unwrap().numbers();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (0..250).map(|n| (n, 1)).collect::<Vec<_>>());
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_at_once_is_read_too() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("at-once", 1).await;
    broker.send(&topic, 1, 0..100);
    // It does not look for changes of topics in between.
    let settings = settings(broker, &topic, "librdkafka_options = { 'topic.metadata.refresh.interval.ms' = '60000' }");
    let member = Member::start(&settings, context("source", "at-once"), None).await;
    member.until_events(100).await;
    broker.delete_topic(&topic).await;
    broker.topic_with(&topic, 1, &[]).await;
    broker.send(&topic, 1, 100..150);
    member.until_events(150).await;
    assert_eq!(member.said.lock().unwrap().numbers().into_keys().collect::<Vec<_>>(), (0..150).collect::<Vec<_>>());
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_offset_is_gone_the_reset_decides() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("gone", 1).await;
    broker.send(&topic, 1, 0..100);
    let settings = settings(broker, &topic, "");
    let first = Member::start(&settings, context("source", "gone"), None).await;
    first.until_events(100).await;
    let position = first.stop().await;
    broker.send(&topic, 1, 100..300);
    broker.delete_before(&topic, 0, 250).await;
    let second = Member::start(&settings, context("source", "gone"), Some(&position)).await;
    second.until_events(50).await;
    assert_eq!(second.said.lock().unwrap().events[0].1, 250);
    second.stop().await;
}
