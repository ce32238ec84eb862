//! A run that ends: what was there at its start is read, all of it, and nothing is waited for that never comes.

use std::sync::Arc;
use std::time::Duration;

use logd_sdk::Context;
use logd_sdk::source::Next;
use tokio::time::{sleep, timeout};

use crate::broker::broker;
use crate::member::{DEADLINE, Member, context, source};
use crate::source::settings;

/// A context of a run that ends.
fn once(lineage: &str) -> Context {
    Context { once: true, ..context("source", lineage) }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_ends_where_the_partitions_end_at_the_start() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("once", 3).await;
    // One partition stays empty.
    broker.send(&topic, 2, 0..1000);
    for (events, lineage) in [(1000, "once"), (0, "again")] {
        let member = Member::start(&settings(broker, &topic, ""), once(lineage), None).await;
        member.until("the end", |said| said.ended).await;
        let said = Arc::clone(&member.said);
        member.stop().await;
        let said = said.lock().unwrap();
        assert_eq!(said.events.len(), events);
        let ended = said.notices.iter().filter(|(_, ended)| *ended).count();
        assert_eq!(ended, 3, "{:?}", said.notices);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_slowly_gets_all_of_it() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("slowly", 1).await;
    const MESSAGES: u64 = 300_000;
    broker.send(&topic, 1, 0..MESSAGES);
    let mut source = source(&settings(broker, &topic, ""), &once("slowly")).await;
    let mut taken = 0;
    // All of it is fetched long before it is taken, for some seconds.
    while let Next::Batch(batch) = timeout(DEADLINE, source.next()).await.expect("in time").unwrap() {
        taken += batch.len() as u64;
        sleep(Duration::from_millis(if batch.is_empty() { 0 } else { 50 })).await;
    }
    assert_eq!(taken, MESSAGES);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_transaction_is_no_message_to_wait_for() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("transactions", 1).await;
    broker.transactions(&topic, ["committed", "aborted"]);
    let member = Member::start(&settings(broker, &topic, ""), once("transactions"), None).await;
    member.until("the end", |said| said.ended).await;
    let said = Arc::clone(&member.said);
    member.stop().await;
    let texts: Vec<_> = said.lock().unwrap().events.iter().map(|(.., text)| text.clone()).collect();
    assert_eq!(texts, ["committed"]);
}
