//! Parts that are built from a graph and run: the tasks of sources, transforms and states, and what connects them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use logd_sdk::event::write_json;
use logd_sdk::outputs::Discard;
use logd_sdk::{Batch, Outputs, Port};

use super::*;
use crate::catalogue;
use crate::checkpoint::Outcome;
use crate::testing::{
    Asked, Bench, Function, Numbers, Recorder, eventually, fails_at, lines, node, noted, numbers, sink, source,
    transform,
};

/// The numbers that a sink was given, in order.
fn delivered(sink: &Recorder) -> Vec<u64> {
    let asked = noted(&sink.asked).into_iter();
    asked.flat_map(|asked| if let Asked::Deliver(numbers) = asked { numbers } else { Vec::new() }).collect()
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_built_is_named_and_nothing_runs() {
    let bench = Bench::new();
    let numbers = Numbers::new(10);
    let slow = Recorder { building: Duration::from_secs(3600), ..Recorder::new() };
    let graph = Graph { nodes: vec![source("source", &numbers), sink("slow", &slow, &[(0, 0)])] };
    let error = build(&graph, &bench.environment).await.err().expect("it takes too long");
    assert_eq!(format!("{error:#}"), "`p/slow` can't be built: it took longer than 30s");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((noted(&numbers.made).len(), noted(&slow.asked).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_source_is_told_what_is_durable_and_no_more() {
    let (numbers, recorder) = (Numbers::new(450), Recorder::new());
    let part = Bench::new().start(vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])]).await;
    let mut seen = 0;
    while !part.ended.is_finished() {
        let committed = noted(&numbers.committed);
        if committed.len() > seen {
            seen = committed.len();
            let delivered = delivered(&recorder).len() as u64;
            assert!(committed[seen - 1] <= delivered, "{committed:?}, but {delivered} are delivered");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(part.end().await, Outcome::Finished);
    let committed = noted(&numbers.committed);
    assert!(committed.len() >= 4 && committed.is_sorted(), "{committed:?}");
    assert_eq!(committed.last(), Some(&450), "the end becomes durable too");
}

#[tokio::test(start_paused = true)]
async fn a_stop_delivers_what_was_read_and_the_next_start_goes_on_there() {
    let (numbers, recorder, bench) = (Numbers::new(400), Recorder::new(), Bench::new());
    let nodes = || vec![source("source", &numbers), sink("sink", &recorder, &[(0, 0)])];
    let part = bench.start(nodes()).await;
    eventually("some batches", || noted(&numbers.made).len() > 7).await;
    part.stop.send(true).expect("told");
    assert_eq!(part.end().await, Outcome::Closed);
    assert_eq!(bench.start(nodes()).await.end().await, Outcome::Finished);
    assert_eq!(delivered(&recorder), (0..400).collect::<Vec<_>>(), "each once, and in order");
}

#[tokio::test]
async fn batches_leave_a_transform_in_the_order_in_which_they_came() {
    let recorder = Recorder::new();
    let numbers = Numbers { pause: Duration::ZERO, ..Numbers::new(2000) };
    // Several are worked on at once, and the first of them takes longest.
    let function = Function::passing(|first| std::thread::sleep(Duration::from_micros(500 * (3 - (first / 10) % 4))));
    let nodes = vec![source("source", &numbers), transform("slow", function, 0), sink("sink", &recorder, &[(1, 0)])];
    assert_eq!(Bench::new().start(nodes).await.end().await, Outcome::Finished);
    assert_eq!(delivered(&recorder), (0..2000).collect::<Vec<_>>());
}

/// Each event goes the way of its last digit.
fn sorted(batch: Batch, out: &mut Outputs) {
    let rows = |digits: std::ops::Range<u64>| -> Vec<u32> {
        let found = numbers(&batch).into_iter().zip(0..);
        found.filter(|(number, _)| digits.contains(&(number % 10))).map(|(_, row)| row).collect()
    };
    let dead = batch.select(&rows(4..6));
    let reasons = (0..dead.len()).map(|row| format!("odd {row}")).collect();
    out.bury(dead, reasons);
    out.late.push(batch.select(&rows(6..7)));
    out.absorb(1);
    out.discard(Discard::Intended, "test", 1);
    out.error("test", 1);
    // 7 is absorbed, 8 discarded, 9 and one that it makes are sent behind the first four.
    let mut main = batch.select(&rows(0..4));
    main.append(batch.select(&rows(9..10)));
    out.send(Port::MAIN, main);
    out.make(Port::MAIN, lines(1_000_000, &["1000000".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn every_port_is_read_by_all_who_ask_and_accounted_for_where_nobody_does() {
    let function = || Function { apply: Arc::new(sorted) };
    let [main, also, dead, late] = [(); 4].map(|()| Recorder::new());
    let nodes = vec![
        source("source", &Numbers::new(100)),
        transform("sorted", function(), 0),
        sink("main", &main, &[(1, 0)]),
        sink("also", &also, &[(1, 0)]),
        sink("dead", &dead, &[(1, 1)]),
        sink("late", &late, &[(1, 2)]),
        transform("unread", function(), 0),
    ];
    let part = Bench::new().start(nodes).await;
    let status = part.status.clone();
    assert_eq!(part.end().await, Outcome::Finished);
    for account in status.accounts() {
        assert_eq!(account.tally().unaccounted(), 0, "{}", account.component());
    }
    let tally = |id: &str| {
        let accounts = status.accounts();
        accounts.iter().find(|account| account.component().id() == id).expect("it is there").tally()
    };
    for id in ["sorted", "unread"] {
        let sorted = tally(id);
        assert_eq!((sorted.forwarded, sorted.made, sorted.dead, sorted.late), (60, 10, 20, 10), "{id}: {sorted:?}");
        assert_eq!((sorted.absorbed, sorted.discarded, sorted.errors), (10, 10, 10), "{id}: {sorted:?}");
    }
    assert_eq!(delivered(&main), delivered(&also));
    assert_eq!((tally("main").received, tally("dead").received, tally("late").received), (60, 20, 10));
    assert_eq!(delivered(&late), (0..10).map(|ten| ten * 10 + 6).collect::<Vec<_>>());
}

/// A window that counts the lines of each digit: its state must hold each event once, however often the part fails.
#[tokio::test(start_paused = true)]
async fn a_state_counts_each_event_once_through_failures() {
    let settings = "size = '1d'\ngroup_by = ['message']\naggregates.count = { fn = 'count' }";
    let window = catalogue::find(logd_sdk::component::Kind::Transform, "window").expect("listed");
    let window = (window.parse)(toml::de::DeTable::parse(settings).expect("TOML")).expect("settings");
    let failures = Arc::new(AtomicU32::new(0));
    let digits = {
        let failures = Arc::clone(&failures);
        Function {
            apply: Arc::new(move |batch, out| {
                let first = numbers(&batch).first().copied().unwrap_or_default();
                // Twice, at different places.
                let fails = [(190, 0), (330, 1)].contains(&(first, failures.load(Ordering::Relaxed)));
                assert!(
                    !fails || {
                        failures.fetch_add(1, Ordering::Relaxed);
                        false
                    },
                    "as planned"
                );
                let texts: Vec<String> = numbers(&batch).iter().map(|number| (number % 10).to_string()).collect();
                out.send(Port::MAIN, lines(first, &texts));
            }),
        }
    };
    let counts: crate::testing::Record<(String, i64)> = Arc::default();
    let recorder = Recorder {
        answer: {
            let counts = Arc::clone(&counts);
            Arc::new(move |batch| {
                for row in 0..batch.len() {
                    let mut json = Vec::new();
                    write_json(batch, row, &mut json);
                    let value: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
                    let count = (value["message"].to_string(), value["count"].as_i64().unwrap_or_default());
                    crate::testing::note(&counts, count);
                }
                Some(logd_sdk::sink::Attempt::delivered())
            })
        },
        ..Recorder::new()
    };
    let nodes = vec![
        source("source", &Numbers { next: fails_at(45), ..Numbers::new(500) }),
        transform("digits", digits, 0),
        node("window", window, &[(1, 0)]),
        sink("sink", &recorder, &[(2, 0)]),
    ];
    assert_eq!(Bench::new().start(nodes).await.end().await, Outcome::Finished);
    assert_eq!(failures.load(Ordering::Relaxed), 2, "it has failed as planned");
    let counts: BTreeMap<String, i64> = noted(&counts).into_iter().collect();
    assert_eq!(counts, (0..10).map(|digit| (format!("\"{digit}\""), 50)).collect());
}
