//! Members of one group: partitions are handed over in order, and a restart disturbs nobody.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::broker::broker;
use crate::member::{Member, Said, context, eventually};
use crate::source::settings;

/// How often each number has come, over all members.
fn sum(all: &[Arc<Mutex<Said>>]) -> BTreeMap<u64, usize> {
    let mut sum = BTreeMap::new();
    for said in all {
        for (number, times) in said.lock().unwrap().numbers() {
            *sum.entry(number).or_default() += times;
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_and_nothing_is_lost_or_doubled() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("coming", 6).await;
    // A member that leaves for good is missed soon: here a session is as short as the broker allows.
    let settings = settings(broker, &topic, "librdkafka_options = { 'session.timeout.ms' = '6000' }");
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sender = {
        let (stop, sent, topic) = (Arc::clone(&stop), Arc::clone(&sent), topic.clone());
        tokio::task::spawn_blocking(move || {
            while !stop.load(Ordering::Relaxed) {
                let from = sent.load(Ordering::Relaxed);
                broker.send(&topic, 6, from..from + 200);
                sent.store(from + 200, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let anchor = Member::start(&settings, context("anchor", "coming"), None).await;
    let mut all = vec![Arc::clone(&anchor.said)];
    anchor.until_events(500).await;
    let mut position: Option<Vec<u8>> = None;
    for _ in 0..3 {
        let guest = Member::start(&settings, context("guest", "coming"), position.as_deref()).await;
        all.push(Arc::clone(&guest.said));
        guest.until_events(300).await;
        position = Some(guest.stop().await);
    }
    // Another one, that takes its share from those that are there.
    let third = Member::start(&settings, context("third", "coming"), None).await;
    all.push(Arc::clone(&third.said));
    third.until_events(300).await;
    stop.store(true, Ordering::Relaxed);
    sender.await.unwrap();
    let sent = sent.load(Ordering::Relaxed);
    eventually("everything has come", || sum(&all).len() as u64 == sent).await;
    let doubled = sum(&all).values().filter(|times| **times > 1).count();
    let complaints: Vec<_> = all.iter().flat_map(|said| said.lock().unwrap().complaints.clone()).collect();
    assert_eq!(doubled, 0, "of {sent}; {complaints:?}");
    assert!(anchor.said.lock().unwrap().notices.iter().any(|(_, ended)| *ended), "it has given something away");
    anchor.stop().await;
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_disturbs_nobody() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("static", 4).await;
    broker.send(&topic, 4, 0..400);
    let settings = settings(broker, &topic, "");
    let stays = Member::start(&settings, context("stays", "static"), None).await;
    stays.until_events(400).await;
    let goes = Member::start(&settings, context("goes", "static"), None).await;
    goes.until("its share", |said| said.notices.iter().filter(|(_, ended)| !ended).count() == 2).await;
    // The hand-over is complete when both have said so.
    stays.until("its end", |said| said.notices.iter().filter(|(_, ended)| *ended).count() == 2).await;
    let before = stays.said.lock().unwrap().notices.clone();
    let mut mine: Vec<String> = goes.said.lock().unwrap().notices.iter().map(|(name, _)| name.clone()).collect();
    let position = goes.stop().await;
    let begun = Instant::now();
    let back = Member::start(&settings, context("goes", "static"), Some(&position)).await;
    back.until("its share", |said| said.notices.len() == 2).await;
    eprintln!("a member was back after {:?}", begun.elapsed());
    let rename = |name: &String| name.clone();
    let mut again: Vec<String> = back.said.lock().unwrap().notices.iter().map(|(name, _)| rename(name)).collect();
    mine.sort();
    again.sort();
    assert_eq!(mine, again);
    broker.send(&topic, 4, 400..800);
    eventually("all has come", || {
        let numbers = sum(&[Arc::clone(&stays.said), Arc::clone(&back.said)]);
        numbers.len() == 800 && numbers.values().all(|times| *times == 1)
    })
    .await;
    // Heartbeats would have told of a rebalance by now.
    sleep(Duration::from_secs(4)).await;
    assert_eq!(stays.said.lock().unwrap().notices, before);
    stays.stop().await;
    back.stop().await;
}
