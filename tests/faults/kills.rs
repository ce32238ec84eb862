//! logd dies, over and over, between clients that go on sending and a receiver: `http` → disk buffer → `http`.

use std::time::Duration;

use tokio::time::Instant;

use super::daemon::Daemon;
use super::receiver::{Receiver, Verdict};
use super::{alone, lives};
use crate::support::free_address;
use crate::support::moments::Moments;
use crate::support::producers::{Client, Load, Producers};

/// The most events in a request, and the most requests at once.
const MOST: (u32, u32) = (500, 2);

/// The number of an event that no client sends.
const FRESH: u64 = u64::MAX;

/// Ends `lives` of logd by `signal`, each at a random moment.
fn through(lives: u32, signal: &str) -> Verdict {
    let receiver = Receiver::start();
    let address = free_address().parse().expect("an address");
    let mut daemon = Daemon::new(&format!(
        "[sources.web]\ntype = \"http\"\naddress = \"{address}\"\n\
         [sinks.out]\ninputs = [\"web\"]\nbuffer.type = \"disk\"\n{}batch.max_events = {}\nrequest.concurrency = {}\n",
        receiver.sink(),
        MOST.0,
        MOST.1
    ));
    let producers = Producers::start(address, Load::FULL);
    let mut moments = Moments::new();
    for _ in 0..lives {
        let (requests, events) = (producers.requests(), receiver.events());
        daemon.start();
        daemon.wait_for("the flow", |_| producers.requests() > requests && receiver.events() > events);
        std::thread::sleep(moments.within(Duration::from_millis(500)));
        daemon.end(signal);
    }
    daemon.start();
    let acknowledged = producers.stop();
    daemon.wait_for("all events", |_| receiver.has_all(&acknowledged));
    let since = Instant::now();
    daemon.wait_for("an answer", |_| Client::new(address).post("", format!("{FRESH}\n").as_bytes()) == Some(200));
    daemon.wait_for("a fresh event", |_| receiver.has(FRESH));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    daemon.settles();
    daemon.end("TERM");
    let verdict = receiver.compare(&acknowledged);
    println!("{lives} × {signal}: {verdict:?}");
    verdict
}

/// What a kill repeats is what the receiver has and logd does not know of yet: no more than what is under way at once.
#[test]
fn a_kill_loses_nothing_and_repeats_only_what_was_under_way() {
    let _alone = alone();
    let lives = lives();
    let Verdict { acknowledged, lost, doubled, doubled_for_the_careful } = through(lives, "KILL");
    assert!(acknowledged > 10_000, "{acknowledged}");
    assert_eq!((lost, doubled_for_the_careful), (0, 0));
    assert!(doubled <= lives * MOST.0 * MOST.1, "{doubled}");
}

#[test]
fn a_stop_loses_and_repeats_nothing() {
    let _alone = alone();
    let Verdict { acknowledged, lost, doubled, .. } = through(5, "TERM");
    assert!(acknowledged > 1000, "{acknowledged}");
    assert_eq!((lost, doubled), (0, 0));
}
