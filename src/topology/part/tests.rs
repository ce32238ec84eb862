//! A part that fails goes back to its last epoch, and takes nobody with it. Time stands still but when all wait.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use logd_sdk::Batch;
use logd_sdk::sink::{Attempt, Delivery};

use super::super::graph::Node;
use super::super::written::Setting;
use super::*;
use crate::testing::{
    Asked, Bench, Function, Numbers, Recorder, eventually, fails_at, note, noted, sink, source, transform,
};

/// All numbers have come, each at least once.
fn complete(sink: &Recorder, events: u64) {
    let received: Vec<u64> = sink.received().into_keys().collect();
    assert_eq!(received, (0..events).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_goes_on_from_the_last_epoch() {
    let (numbers, recorder) = (Numbers { next: fails_at(25), ..Numbers::new(500) }, Recorder::new());
    let part = Bench::new().start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("a failure", || part.status.failure().is_some()).await;
    assert_eq!(part.status.failure().as_deref(), Some("`p/source` has failed: as planned"));
    eventually("a recovery", || part.status.failure().is_none()).await;

    let (sought, committed) = (noted(&numbers.sought), noted(&numbers.committed));
    assert_eq!(sought.len(), 1, "it was started again once");
    assert!(sought[0] > 0 && committed.contains(&sought[0]), "{sought:?} is none of {committed:?}");
    assert_eq!(part.end().await, Outcome::Finished);
    complete(&recorder, 500);
    // What came before the epoch does not come again.
    assert!(recorder.received().iter().all(|(&number, &times)| times == 1 || number >= sought[0]));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_names_who_panicked() {
    let (numbers, recorder, panics) = (Numbers::new(300), Recorder::new(), AtomicU32::new(0));
    let function = Function::passing(move |first| {
        assert!(first != 150 || panics.fetch_add(1, Ordering::Relaxed) > 0, "number {first} is too much");
    });
    let part = Bench::new()
        .start(vec![source("source", &numbers), transform("odd", function, 0), sink("sink", &recorder, &[(1, 0)])])
        .await;
    eventually("a failure", || part.status.failure().is_some()).await;
    // Source and sink have failed too, for their neighbour is gone: that is not shown.
    let failure = part.status.failure().unwrap_or_default();
    assert!(failure.starts_with("`p/odd` has failed: the component panicked"), "{failure}");
    assert_eq!(part.end().await, Outcome::Finished);
    complete(&recorder, 300);
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_had_in_hand_when_it_panicked_does_not_count_as_delivered() {
    let numbers = Numbers::new(100);
    let recorder = Recorder {
        answer: {
            let panics = AtomicU32::new(0);
            Arc::new(move |batch| {
                let panicked =
                    crate::testing::numbers(batch).contains(&50) && panics.fetch_add(1, Ordering::Relaxed) == 0;
                assert!(!panicked, "50 is too much");
                Some(Attempt::delivered())
            })
        },
        ..Recorder::new()
    };
    let part = Bench::new().start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("a panic", || part.account("sink").tally().errors > 0).await;
    let tally = part.account("sink").tally();
    assert_eq!((tally.forwarded, tally.dead, tally.discarded), (50, 0, 0), "{tally:?}");
    assert!(part.status.failure().is_none(), "the driver tries again, and nobody goes back");
    assert_eq!(tally.unaccounted(), 0, "{tally:?}");
    assert_eq!(part.end().await, Outcome::Finished);
    complete(&recorder, 100);
}

#[tokio::test(start_paused = true)]
async fn the_pause_doubles_with_each_failure() {
    let starts: crate::testing::Record<Instant> = Arc::default();
    let recorder = Recorder::new();
    let numbers = Numbers {
        next: {
            let starts = Arc::clone(&starts);
            Arc::new(move |_| {
                note(&starts, Instant::now());
                Err("always")
            })
        },
        ..Numbers::new(10)
    };
    let bench = Bench::new();
    let part = bench.start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("nine failures", || noted(&starts).len() > 8).await;
    let pauses: Vec<u64> = noted(&starts)
        .windows(2)
        // A batch takes 100 ms; what is left is the pause, and the building.
        .map(|pair| (pair[1] - pair[0] - numbers.pause).as_millis() as u64 / 100 * 100)
        .collect();
    assert_eq!(pauses[..8], [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    let stopping = Instant::now();
    part.stop.send(true).expect("told");
    let _ = part.end().await;
    assert!(stopping.elapsed() < Duration::from_secs(1), "a part that waits to try again stops at once");
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_a_sink_can_not_make_durable_fails_and_is_repeated() {
    // The first sync is that of a sink that has been given nothing.
    let (numbers, recorder) = (Numbers::new(400), Recorder { sync: fails_at(2), ..Recorder::new() });
    let part = Bench::new().start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    eventually("a failure", || part.status.failure().is_some()).await;
    assert_eq!(
        part.status.failure().as_deref(),
        Some("`p/sink` has failed: what was delivered can't be made durable: as planned")
    );
    let committed = noted(&numbers.committed);
    assert_eq!(part.end().await, Outcome::Finished);
    assert_eq!(noted(&numbers.sought), committed, "it goes on from the epoch before");
    assert!(noted(&recorder.asked).contains(&Asked::Restore(1)), "and so does the sink");
    complete(&recorder, 400);
}

#[tokio::test(start_paused = true)]
async fn a_run_with_an_end_is_not_tried_again() {
    let mut bench = Bench::new();
    bench.environment.once = true;
    let (numbers, recorder) = (Numbers { next: fails_at(3), ..Numbers::new(100) }, Recorder::new());
    let part = bench.start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    let status = part.status.clone();
    assert_eq!(part.end().await, Outcome::Failed);
    assert_eq!(status.failure().as_deref(), Some("`p/source` has failed: as planned"));
}

#[tokio::test(start_paused = true)]
async fn other_parts_do_not_notice() {
    let bench = Bench::new();
    let good = Recorder::new();
    let bad = Numbers { next: Arc::new(|_| panic!("always")), ..Numbers::new(10) };
    let nodes = |numbers: &Numbers, recorder: &Recorder, names: [&str; 2]| -> Vec<Node> {
        vec![source(names[0], numbers), sink(names[1], recorder, &[(0, 0)])]
    };
    let failing = bench.start(nodes(&bad, &Recorder::new(), ["bad", "lonely"])).await;
    let running = bench.start(nodes(&Numbers::new(1000), &good, ["source", "sink"])).await;
    let status = running.status.clone();
    eventually("a failure", || failing.status.failure().is_some_and(|failure| failure.contains("panicked: always")))
        .await;
    assert_eq!(status.failure(), None);
    assert_eq!(running.end().await, Outcome::Finished);
    assert!(good.received().values().all(|&times| times == 1), "nothing came twice");
    complete(&good, 1000);
    failing.stop.send(true).expect("told");
    let _ = failing.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_part_that_stood_still_goes_on_as_if_nothing_had_happened() {
    let (numbers, recorder) = (Numbers::new(500), Recorder::new());
    let bench = Bench::new();
    let nodes = || {
        let function = Function::passing(|_| {});
        vec![source("source", &numbers), transform("same", function, 0), sink("sink", &recorder, &[(1, 0)])]
    };
    let mut part = bench.start(nodes()).await;
    for turn in 1..=4 {
        eventually("some events", || recorder.received().len() > turn * 90).await;
        let still = async || {
            let made = noted(&numbers.made).len();
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(noted(&numbers.made).len(), made, "it stands still");
        };
        part = bench.reload(part, nodes(), still).await;
    }
    let account = part.account("sink");
    assert_eq!(part.end().await, Outcome::Finished);
    assert!(recorder.received().values().all(|&times| times == 1));
    complete(&recorder, 500);
    assert_eq!(noted(&numbers.sought), Vec::<u64>::new(), "nobody went back");
    let tally = account.tally();
    assert_eq!((tally.received, tally.unaccounted(), tally.in_flight), (500, 0, 0), "{tally:?}");
}

/// A sink that answers nothing until the switch is turned off.
fn hanging(switch: &Arc<AtomicBool>) -> Recorder {
    let hangs = Arc::clone(switch);
    let answer = move |_: &Batch| (!hangs.load(Ordering::Relaxed)).then(Attempt::delivered);
    let delivery = Delivery { attempt_timeout: Duration::from_secs(30), ..Delivery::default() };
    Recorder { answer: Arc::new(answer), delivery, ..Recorder::new() }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_keeps_nobody_from_standing_still() {
    let hangs = Arc::new(AtomicBool::new(true));
    let recorder = hanging(&hangs);
    let numbers = Numbers { pause: Duration::from_millis(1), ..Numbers::new(5000) };
    let nodes = || {
        let function = Function::passing(|_| {});
        vec![source("source", &numbers), transform("same", function, 0), sink("sink", &recorder, &[(1, 0)])]
    };
    let bench = Bench::new();
    let part = bench.start(nodes()).await;
    eventually("events", || noted(&numbers.made).len() > 10).await;
    // The edges are full then, and an epoch waits for the sink.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let start = Instant::now();
    let part = bench.reload(part, nodes(), async || {}).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    hangs.store(false, Ordering::Relaxed);
    assert_eq!(part.end().await, Outcome::Finished);
    complete(&recorder, 5000);
}

/// A source, a transform that will be gone with a sink behind it that stays, and a sink that will be gone.
fn before(numbers: &Numbers, stays: &Recorder, leaves: &Recorder) -> Vec<Node> {
    vec![
        source("source", numbers),
        transform("gone", Function::passing(|_| {}), 0),
        sink("stays", stays, &[(1, 0)]),
        sink("leaves", leaves, &[(0, 0)]),
    ]
}

/// The same with another setting.
fn edited(mut node: Node, turn: u64) -> Node {
    node.written.add("turn".to_owned(), Setting { shown: turn.to_string(), hash: turn });
    node
}

/// A sink that takes nothing until the switch is turned off.
fn busy(switch: &Arc<AtomicBool>) -> Recorder {
    let is_busy = Arc::clone(switch);
    let answer = move |batch: &Batch| {
        let is_busy = is_busy.load(Ordering::Relaxed);
        Some(if is_busy { Attempt::failed(batch, "busy") } else { Attempt::delivered() })
    };
    Recorder { answer: Arc::new(answer), ..Recorder::new() }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_waits_to_try_again_is_replaced_at_once() {
    let is_busy = Arc::new(AtomicBool::new(true));
    let recorder = busy(&is_busy);
    let numbers = Numbers { pause: Duration::from_millis(1), ..Numbers::new(2000) };
    let nodes = |turn: u64| vec![source("source", &numbers), edited(sink("sink", &recorder, &[(0, 0)]), turn)];
    let bench = Bench::new();
    let part = bench.start(nodes(1)).await;
    // By then it waits for far longer than a reload takes.
    eventually("five failures", || part.account("sink").tally().errors >= 5).await;
    let start = Instant::now();
    let part = bench.reload(part, nodes(2), async || {}).await;
    assert!(start.elapsed() < Duration::from_millis(10), "{:?}", start.elapsed());
    is_busy.store(false, Ordering::Relaxed);
    assert_eq!(part.end().await, Outcome::Finished);
    complete(&recorder, 2000);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_to_a_sink_that_is_replaced_comes_to_its_end() {
    let recorder = Recorder { delivering: Duration::from_millis(150), ..Recorder::new() };
    let numbers = Numbers { pause: Duration::from_millis(1), ..Numbers::new(5000) };
    let nodes = |turn: u64| vec![source("source", &numbers), edited(sink("sink", &recorder, &[(0, 0)]), turn)];
    let bench = Bench::new();
    let mut part = bench.start(nodes(0)).await;
    for turn in 1..10 {
        let before = recorder.received().len();
        eventually("a delivery", || recorder.received().len() > before).await;
        part = bench.reload(part, nodes(turn), async || {}).await;
    }
    assert_eq!(part.end().await, Outcome::Finished);
    assert!(recorder.received().values().all(|&times| times == 1), "nothing came twice");
    complete(&recorder, 5000);
}

#[tokio::test(start_paused = true)]
async fn nobody_stands_still_for_a_sink_that_hangs_and_is_replaced() {
    let hangs = Arc::new(AtomicBool::new(true));
    let (hung, well) = (hanging(&hangs), Recorder::new());
    let numbers = Numbers { pause: Duration::from_millis(1), ..Numbers::new(5000) };
    let nodes = |turn: u64| {
        vec![source("source", &numbers), edited(sink("hung", &hung, &[(0, 0)]), turn), sink("well", &well, &[(0, 0)])]
    };
    let mut bench = Bench::new();
    // What waits for the sink shall hold nobody up.
    bench.environment.edge_capacity = 1 << 20;
    let part = bench.start(nodes(1)).await;
    eventually("a delivery", || !hung.received().is_empty()).await;
    let (before, mut then) = (well.received().len(), 0);
    let part = bench.reload(part, nodes(2), async || then = well.received().len()).await;
    assert!(then > before + 100, "{before} {then}: it is waited for, but not by all");
    hangs.store(false, Ordering::Relaxed);
    assert_eq!(part.end().await, Outcome::Finished);
    complete(&well, 5000);
    complete(&hung, 5000);
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_hands_on_what_it_has_received() {
    let (numbers, bench) = (Numbers { pause: Duration::from_millis(1), ..Numbers::new(5000) }, Bench::new());
    let (stays_busy, leaves_busy) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
    let (stays, leaves) = (busy(&stays_busy), busy(&leaves_busy));
    let part = bench.start(before(&numbers, &stays, &leaves)).await;
    // Until all edges are full.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = vec![source("source", &numbers), sink("stays", &stays, &[(0, 0)])];
    let part = bench.reload(part, after, async || {}).await;
    let (gone, leaves) = (part.account("gone"), part.account("leaves"));
    assert!(leaves.tally().in_flight > 0);
    stays_busy.store(false, Ordering::Relaxed);
    leaves_busy.store(false, Ordering::Relaxed);
    assert_eq!(part.end().await, Outcome::Finished);
    complete(&stays, 5000);
    for tally in [gone.tally(), leaves.tally()] {
        assert_eq!((tally.forwarded, tally.in_flight, tally.unaccounted()), (tally.received, 0, 0), "{tally:?}");
    }
    assert!((1..5000).contains(&leaves.tally().received), "nothing has come since");
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_sink_can_not_deliver_becomes_dead_letters() {
    let (numbers, bench) = (Numbers { pause: Duration::from_millis(1), ..Numbers::new(5000) }, Bench::new());
    let (stays, leaves) = (Recorder::new(), busy(&Arc::new(AtomicBool::new(true))));
    let part = bench.start(before(&numbers, &stays, &leaves)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = vec![source("source", &numbers), sink("stays", &stays, &[(0, 0)])];
    let start = Instant::now();
    let part = bench.reload(part, after, async || {}).await;
    let leaves = part.account("leaves");
    assert_eq!(part.end().await, Outcome::Finished);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    complete(&stays, 5000);
    let tally = leaves.tally();
    assert_eq!((tally.dead, tally.forwarded, tally.unaccounted()), (tally.received, 0, 0), "{tally:?}");
    let letters = bench.environment.dead_letters.letters().expect("read").0;
    assert_eq!(letters.len() as u64, tally.dead);
}
