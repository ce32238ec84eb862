//! The service dies in the middle and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::{NOW, Service, events, log};

/// So many batches of so many events.
const BATCHES: usize = 60;
const EVENTS: usize = 500;
/// As many are under way at once.
const LANES: usize = 4;

pub(crate) async fn a_crash_of_the_service_loses_and_doubles_nothing(service: &Service) {
    let sink = service.sink("bulk.index = 'g-logs'\ntemplate.name = 'g'").await;
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let (sink, next, done) = (sink.clone(), Arc::clone(&next), Arc::clone(&done));
        lanes.spawn(async move {
            let mut attempts = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= BATCHES {
                    return attempts;
                }
                let batch = events(&format!("test/{number}"), NOW, (0..EVENTS).map(log));
                let (rejected, tried) = sink.deliver(&batch).await;
                assert_eq!(rejected, []);
                attempts += tried as usize;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while done.load(Ordering::Relaxed) < BATCHES / 4 {
        assert!(tokio::time::Instant::now() < deadline, "no batch was delivered");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::task::block_in_place(|| service.kill());
    let before = done.load(Ordering::Relaxed);
    assert!(before < BATCHES, "the service died too late to be missed");
    assert!(!sink.probe().await);
    tokio::task::block_in_place(|| service.restart());
    let attempts: usize = lanes.join_all().await.iter().sum();
    assert!(attempts > BATCHES, "nothing had to be tried again");
    assert_eq!(service.count("g-logs").await, (BATCHES * EVENTS) as u64);
}
