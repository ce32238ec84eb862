//! A broker that dies, one that was never there, and a pipeline that does not go on.

use std::time::Duration;

use logd_sdk::source::Next;
use tokio::time::{Instant, timeout};

use crate::broker::{broker, broker_alone};
use crate::member::{DEADLINE, Member, context, eventually, source};
use crate::source::settings;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_dies() {
    let (broker, _alone) = broker_alone().await;
    let topic = broker.topic("killed", 2).await;
    broker.send(&topic, 2, 0..10_000);
    let member = Member::start(&settings(broker, &topic, ""), context("source", "killed"), None).await;
    member.until_events(5_000).await;
    broker.kill();
    eventually("it is away", || member.health.is_away()).await;
    broker.start_again();
    let back = Instant::now();
    broker.send(&topic, 2, 10_000..20_000);
    member.until_events(20_000).await;
    eprintln!("flows again {:?} after the broker was back", back.elapsed());
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    eventually("it is well", || member.health.reason().is_none()).await;
    let numbers = member.said.lock().unwrap().numbers();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (0..20_000).map(|n| (n, 1)).collect::<Vec<_>>());
    eventually("committed", || broker.committed(&topic, &topic, 0).is_some_and(|(offset, _)| offset == 10_000)).await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_makes_it_ill() {
    let context = context("source", "nowhere");
    let text = "bootstrap_servers = '127.0.0.1:1'\ngroup_id = 'g'\ntopics = ['t']";
    let mut source = source(text, &context).await;
    assert!(timeout(Duration::from_millis(1), source.next()).await.is_err(), "it waits");
    eventually("it is ill", || context.health.reason().is_some_and(|reason| reason.contains("127.0.0.1:1"))).await;
    assert!(timeout(Duration::from_millis(1), source.next()).await.is_err(), "and waits on");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_asked_keeps_memory_and_its_place() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("stuck", 2).await;
    // 60 MiB: more than may wait.
    let line = "x".repeat(2000);
    let producer = broker.producer();
    for number in 0..30_000 {
        let value = format!("{number} {line}");
        let mut record = rdkafka::producer::BaseRecord::<str, str>::to(&topic).payload(&value).partition(number % 2);
        while let Err((_, back)) = producer.send(record) {
            std::thread::sleep(Duration::from_millis(1));
            record = back;
        }
    }
    rdkafka::producer::Producer::flush(&producer, DEADLINE).unwrap();
    let mut source = source(&settings(broker, &topic, ""), &context("source", "stuck")).await;
    let mut read = 0;
    let mut pauses = 0;
    while read < 30_000 {
        if let Next::Batch(batch) = timeout(DEADLINE, source.next()).await.expect("in time").unwrap() {
            read += batch.len();
        }
        // Long enough for all partitions to be paused, and what was fetched ahead to be thrown away.
        if read > 5_000 * (pauses + 1) && pauses < 2 {
            pauses += 1;
            tokio::time::sleep(Duration::from_millis(2500)).await;
            assert!(resident() < 120 << 20, "{} MiB", resident() >> 20);
        }
    }
    assert_eq!((read, pauses), (30_000, 2), "each once");
}

/// The memory of this process that is in RAM, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
