//! logd dies, over and over, between clients that go on sending and a receiver: `http` → disk buffer → `http`.

use std::time::Duration;

use tokio::time::Instant;

use super::daemon::Daemon;
use super::receiver::{Receiver, Verdict};
use super::{alone, lives, soak};
use crate::support::free_address;
use crate::support::moments::Moments;
use crate::support::producers::{Client, Load, Producers};

/// What a sink has under way at once, and how long a life is at least, in events that are acknowledged.
struct Flow {
    max_events: u32,
    concurrency: u32,
    life: usize,
    load: Load,
    /// Whether the receiver is near.
    at_once: bool,
}

/// For throughput; lives are short.
const LARGE: Flow = Flow { max_events: 500, concurrency: 2, life: 1, load: Load::FULL, at_once: false };
/// For few repeats, of a receiver that does not know what it has already.
const SMALL: Flow =
    Flow { max_events: 20, concurrency: 1, life: 20_000, load: Load { rate: Some(50), ..Load::FULL }, at_once: true };

/// The number of an event that no client sends.
const FRESH: u64 = u64::MAX;

/// Ends `lives` of logd by `signal`, each at a random moment.
fn through(lives: u32, signal: &str, flow: &Flow) -> Verdict {
    let receiver = Receiver::start();
    if flow.at_once {
        receiver.at_once();
    }
    let address = free_address().parse().expect("an address");
    let mut daemon = Daemon::new(&format!(
        "[sources.web]\ntype = \"http\"\naddress = \"{address}\"\n\
         [sinks.out]\ninputs = [\"web\"]\nbuffer.type = \"disk\"\n{}batch.max_events = {}\nrequest.concurrency = {}\n",
        receiver.sink(),
        flow.max_events,
        flow.concurrency
    ));
    let producers = Producers::start(address, flow.load);
    let mut moments = Moments::new();
    for _ in 0..lives {
        let (sent, arrived) = (producers.events(), receiver.events());
        daemon.start();
        daemon.wait_for("the flow", |_| producers.events() >= sent + flow.life && receiver.events() > arrived);
        std::thread::sleep(moments.within(Duration::from_millis(500)));
        daemon.end(signal);
    }
    daemon.start();
    let acknowledged = producers.stop();
    daemon.wait_for("all events", |_| receiver.has_all(&acknowledged));
    let since = Instant::now();
    daemon.wait_for("an answer", |_| Client::new(address).post("", format!("{FRESH}\n").as_bytes()) == Some(200));
    let answered = since.elapsed();
    daemon.wait_for("a fresh event", |_| receiver.has(FRESH));
    assert!(since.elapsed() < Duration::from_secs(10), "answered after {answered:?}, came after {:?}", since.elapsed());
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
    let Verdict { acknowledged, lost, doubled, doubled_for_the_careful } = through(lives, "KILL", &LARGE);
    assert!(acknowledged > 10_000, "{acknowledged}");
    assert_eq!((lost, doubled_for_the_careful), (0, 0));
    assert!(doubled <= lives * LARGE.max_events * LARGE.concurrency, "{doubled}");
}

/// A million events, fifty kills: one in a thousand comes twice at most. Of short lives as above it would be more.
#[test]
fn kills_repeat_one_event_in_a_thousand_at_most() {
    let _alone = alone();
    let lives = if soak().is_some() { 50 } else { 4 };
    let Verdict { acknowledged, lost, doubled, doubled_for_the_careful } = through(lives, "KILL", &SMALL);
    assert_eq!((lost, doubled_for_the_careful), (0, 0));
    assert!(doubled as usize * 1000 <= acknowledged, "{doubled} of {acknowledged}");
}

#[test]
fn a_stop_loses_and_repeats_nothing() {
    let _alone = alone();
    let Verdict { acknowledged, lost, doubled, .. } = through(5, "TERM", &LARGE);
    assert!(acknowledged > 1000, "{acknowledged}");
    assert_eq!((lost, doubled), (0, 0));
}
