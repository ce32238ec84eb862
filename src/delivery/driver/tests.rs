//! The driver in a part that runs: every event is settled once, in the order that epochs ask for.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use logd_sdk::contract;
use logd_sdk::sink::{Attempt, Concurrency, Repeats};
use proptest::prelude::*;

use super::*;
use crate::checkpoint::Outcome;
use crate::testing::{Asked, Bench, Numbers, Recorder, eventually, fails_at, note, noted, numbers, sink, source};

/// The rows of a batch whose numbers meet the condition.
fn rows(batch: &Batch, meets: impl Fn(u64) -> bool) -> Vec<u32> {
    numbers(batch).into_iter().zip(0..).filter(|(number, _)| meets(*number)).map(|(_, row)| row).collect()
}

fn rejected(rows: Vec<u32>) -> Vec<(u32, String)> {
    rows.into_iter().map(|row| (row, "no".to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_is_dead_and_what_is_to_be_tried_again_is() {
    let tried: Mutex<HashSet<u64>> = Mutex::default();
    let recorder = Recorder {
        answer: Arc::new(move |batch| {
            let mut tried = tried.lock().expect("no panic");
            let retry = rows(batch, |number| number % 3 == 0 && !tried.contains(&number));
            tried.extend(numbers(batch));
            let error = (!retry.is_empty()).then(|| "busy".to_owned());
            Some(Attempt {
                retry,
                reject: rejected(rows(batch, |number| number % 3 == 1)),
                error,
                ..Attempt::default()
            })
        }),
        ..Recorder::new()
    };
    let letters = Recorder::new();
    let nodes = vec![
        source("source", &Numbers::new(30)),
        sink("sink", &recorder, &[(0, 0)]),
        sink("dead", &letters, &[(1, 1)]),
    ];
    let part = Bench::new().start(nodes).await;
    eventually("a failure that is shown", || part.account("sink").health().reason().as_deref() == Some("busy")).await;
    let account = part.account("sink");
    let status = part.status.clone();
    assert_eq!(part.end().await, Outcome::Finished);
    let tally = account.tally();
    assert_eq!((tally.received, tally.forwarded, tally.dead, tally.in_flight), (30, 20, 10, 0), "{tally:?}");
    // Ten rejections, and one failed delivery for each of the three batches.
    assert_eq!((tally.errors, tally.unaccounted()), (13, 0));
    assert_eq!(account.health().reason(), None, "it works again");
    let dead = status.accounts().into_iter().find(|account| account.component().id() == "dead").expect("it is there");
    assert_eq!(dead.tally().forwarded, 10, "dead letters leave by the port");
    let received = recorder.received();
    assert!((0..30).all(|number| received[&number] == if number % 3 == 0 { 2 } else { 1 }), "{received:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a sink answers, or does not answer: each event is delivered once or rejected once, and none is lost.
    #[test]
    fn every_event_is_settled_once(
        answers in prop::collection::vec(prop::collection::vec(0_u8..4, 1..20), 1..30),
        max_events in 1_usize..40,
        concurrency in 1_usize..4,
    ) {
        let settled: Arc<Mutex<Vec<u64>>> = Arc::default();
        let turn = Mutex::new(0_usize);
        let recorder = Recorder {
            delivery: Delivery {
                max_events,
                max_bytes: 1 << 20,
                timeout: Duration::from_millis(150),
                attempt_timeout: Duration::from_millis(300),
                concurrency: Concurrency::Fixed(NonZeroUsize::new(concurrency).expect("not 0")),
                ..Delivery::default()
            },
            answer: {
                let settled = Arc::clone(&settled);
                Arc::new(move |batch| {
                    let answer = {
                        let mut turn = turn.lock().expect("no panic");
                        *turn += 1;
                        // When the script is through, all is taken.
                        answers.get(*turn - 1).cloned().unwrap_or_else(|| vec![0])
                    };
                    let says = |row: u32| answer[row as usize % answer.len()];
                    let length = u32::try_from(batch.len()).expect("few");
                    if answer[0] == 3 {
                        return None;
                    }
                    let rows = |wanted: fn(u8) -> bool| (0..length).filter(|row| wanted(says(*row))).collect::<Vec<_>>();
                    let (retry, reject) = (rows(|says| says == 1 || says == 3), rejected(rows(|says| says == 2)));
                    let attempt = Attempt { error: (!retry.is_empty()).then(|| "busy".to_owned()), retry, reject, ..Attempt::default() };
                    assert_eq!(contract::attempt(batch, &attempt), Vec::<String>::new());
                    let done = numbers(batch).into_iter().zip(0..).filter(|(_, row)| !attempt.retry.contains(row));
                    settled.lock().expect("no panic").extend(done.map(|(number, _)| number));
                    Some(attempt)
                })
            },
            ..Recorder::new()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("made");
        runtime.block_on(async {
            let numbers = Numbers::new(200);
            let part = Bench::new().start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
            let account = part.account("sink");
            prop_assert_eq!(part.end().await, Outcome::Finished);
            let mut settled = settled.lock().expect("no panic").clone();
            settled.sort_unstable();
            prop_assert_eq!(settled, (0..200).collect::<Vec<_>>());
            let tally = account.tally();
            prop_assert_eq!((tally.received, tally.forwarded + tally.dead, tally.in_flight), (200, 200, 0));
            prop_assert_eq!(tally.unaccounted(), 0);
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_is_applied_before_the_next_is_made_and_at_the_end_too() {
    let recorder = Recorder::new();
    let part = Bench::new().start(vec![source("source", &Numbers::new(450)), sink("sink", &recorder, &[(0, 0)])]).await;
    assert_eq!(part.end().await, Outcome::Finished);
    let asked = noted(&recorder.asked);
    let order: Vec<Asked> = asked.into_iter().filter(|asked| !matches!(asked, Asked::Deliver(_))).collect();
    // The first sync says where the sink stands before it has been given anything, and belongs to no epoch.
    let mut expected = vec![Asked::Sync];
    let epochs = (order.len() as u64 - 1) / 2;
    expected.extend((1..=epochs).flat_map(|epoch| [Asked::Sync, Asked::Commit(epoch)]));
    assert_eq!(order, expected);
    assert!(epochs >= 4, "only {epochs} epochs");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_is_tried_again_and_the_next_epoch_waits() {
    let failing: crate::testing::Hook<Result<(), &str>> = Arc::new(|turn| if turn < 5 { Err("away") } else { Ok(()) });
    let recorder = Recorder { commit: failing, ..Recorder::new() };
    let part = Bench::new().start(vec![source("source", &Numbers::new(300)), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("a reason", || part.account("sink").health().reason().as_deref() == Some("away")).await;
    let (account, status) = (part.account("sink"), part.status.clone());
    assert_eq!(status.failure(), None, "the part does not fail for that");
    assert_eq!(part.end().await, Outcome::Finished);
    assert_eq!((account.health().reason(), account.tally().errors), (None, 5));
    let asked = noted(&recorder.asked);
    let commits: Vec<u64> =
        asked.iter().filter_map(|asked| if let Asked::Commit(epoch) = asked { Some(*epoch) } else { None }).collect();
    assert_eq!(commits[..6], [1; 6], "the same epoch until it is done");
    let second = asked.iter().rposition(|asked| *asked == Asked::Commit(1)).expect("it is there");
    assert_eq!(asked[..second].iter().filter(|asked| **asked == Asked::Sync).count(), 2, "no sync before that");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_does_not_answer_stops_the_source() {
    let mut bench = Bench::new();
    bench.environment.edge_capacity = 2000;
    let (numbers, recorder) = (Numbers::new(1_000_000), Recorder { answer: Arc::new(|_| None), ..Recorder::new() });
    let part = bench.start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    // The first timeout of an attempt is long after the edge was full.
    eventually("a timeout", || part.account("sink").health().reason().is_some()).await;
    let made = noted(&numbers.made).len();
    assert_eq!(part.account("sink").health().reason().as_deref(), Some("no answer within 60s"));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(noted(&numbers.made).len(), made, "nothing more is read");
    assert!(made < 20, "{made} batches of some 400 bytes wait on an edge of 2,000");
    part.ended.abort();
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_before_a_failure_is_not_sent_again_where_it_would_be_doubled() {
    let numbers = Numbers { next: fails_at(25), ..Numbers::new(400) };
    let delivery = Delivery { repeats: Repeats::Doubled, ..Delivery::default() };
    let recorder = Recorder { delivery, ..Recorder::new() };
    let part = Bench::new().start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    assert_eq!(part.end().await, Outcome::Finished);
    assert_eq!(noted(&numbers.sought).len(), 1, "it has failed once");
    let received = recorder.received();
    assert_eq!(received.len(), 400);
    assert!(received.values().all(|&times| times == 1), "{received:?}");
}

/// What a sink was sent, and the numbers in each request.
fn sent(recorder: &Recorder) -> Vec<Vec<u64>> {
    let asked = noted(&recorder.asked).into_iter();
    asked.filter_map(|asked| if let Asked::Deliver(numbers) = asked { Some(numbers) } else { None }).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_in_flight_at_a_failure_is_sent_again_as_it_was() {
    let delivery = Delivery {
        max_events: 25,
        max_bytes: 1 << 20,
        timeout: Duration::from_millis(450),
        repeats: Repeats::Doubled,
        ..Delivery::default()
    };
    let turn = Mutex::new(0);
    let answer = move |batch: &Batch| {
        let mut turn = turn.lock().expect("no panic");
        *turn += 1;
        match *turn {
            1 => Some(Attempt { retry: rows(batch, |number| number >= 25), ..Attempt::default() }),
            // These five have no answer until the part fails.
            2 => None,
            _ => Some(Attempt::delivered()),
        }
    };
    let recorder = Recorder { delivery, answer: Arc::new(answer), ..Recorder::new() };
    let numbers = Numbers { next: fails_at(8), ..Numbers::new(200) };
    let mut bench = Bench::new();
    bench.environment.checkpoint_interval = Duration::from_secs(3600);
    let part = bench.start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    let status = part.status.clone();
    assert_eq!(part.end().await, Outcome::Finished);
    let tallies = status.accounts().into_iter().map(|account| account.tally());
    assert!(tallies.into_iter().all(|tally| (tally.in_flight, tally.unaccounted()) == (0, 0)));
    let expected = [(0, 30), (25, 30), (25, 30), (30, 60)];
    assert_eq!(sent(&recorder)[..4], expected.map(|(first, end)| (first..end).collect::<Vec<u64>>()));
    let received = recorder.received();
    assert!((0..200).all(|number| received[&number] == if (25..30).contains(&number) { 3 } else { 1 }), "{received:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sink_whose_service_does_not_answer_says_so_before_there_are_events() {
    let answers: crate::testing::Hook<Result<(), &str>> = Arc::new(|turn| if turn < 3 { Err("away") } else { Ok(()) });
    let recorder = Recorder { probe: answers, ..Recorder::new() };
    let none = Numbers { ends: false, ..Numbers::new(0) };
    let part = Bench::new().start(vec![source("source", &none), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("a reason", || part.account("sink").health().reason().as_deref() == Some("away")).await;
    eventually("an answer", || part.account("sink").health().reason().is_none()).await;
    assert_eq!(noted(&recorder.probes).len(), 4, "it is asked until it answers");
    part.stop.send(true).expect("told");
    assert_eq!(part.end().await, Outcome::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_company_and_not_too_long() {
    let delivery =
        Delivery { max_events: 25, max_bytes: 1 << 20, timeout: Duration::from_millis(450), ..Delivery::default() };
    let recorder = Recorder { delivery, ..Recorder::new() };
    let numbers = Numbers { ends: false, ..Numbers::new(60) };
    let mut bench = Bench::new();
    bench.environment.checkpoint_interval = Duration::from_secs(3600);
    let part = bench.start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("all", || recorder.received().len() == 60).await;
    let sizes: Vec<usize> = sent(&recorder).iter().map(Vec::len).collect();
    assert_eq!(sizes, [30, 30], "a batch is sent when it has 25 or more");
    part.stop.send(true).expect("told");
    assert_eq!(part.end().await, Outcome::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_an_attempt_takes_its_time_is_sent_as_one() {
    // A batch of ten is some 500 bytes.
    const MOST: usize = 1200;
    let delivery = Delivery {
        max_events: 1000,
        max_bytes: MOST,
        first_backoff: Duration::from_secs(1),
        longest_backoff: Duration::from_secs(1),
        ..Delivery::default()
    };
    let (sizes, seen) = (crate::testing::Record::<usize>::default(), AtomicBool::new(false));
    let answer = {
        let sizes = Arc::clone(&sizes);
        move |batch: &Batch| {
            note(&sizes, batch.size());
            let is_first = !seen.swap(true, Ordering::Relaxed);
            Some(if is_first { Attempt::failed(batch, "busy") } else { Attempt::delivered() })
        }
    };
    let recorder = Recorder { delivery, answer: Arc::new(answer), ..Recorder::new() };
    let numbers = Numbers { ends: false, ..Numbers::new(60) };
    let mut bench = Bench::new();
    bench.environment.checkpoint_interval = Duration::from_secs(3600);
    let part = bench.start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("all", || recorder.received().len() == 60).await;
    let counts: Vec<usize> = sent(&recorder).iter().map(Vec::len).collect();
    assert_eq!(counts, [10, 10, 20, 20, 10], "{:?}", noted(&sizes));
    assert!(noted(&sizes).iter().all(|size| *size <= MOST), "{:?}", noted(&sizes));
    part.stop.send(true).expect("told");
    assert_eq!(part.end().await, Outcome::Closed);
}
