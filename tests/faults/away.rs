//! A receiver that is away, slow, or silent for a while: what comes meanwhile waits on disk, and follows at once.

use std::time::Duration;

use tokio::time::Instant;

use super::daemon::Daemon;
use super::receiver::{Mood, Receiver};
use super::{alone, soak};
use crate::support::free_address;
use crate::support::producers::{Load, Producers};

/// What clients send all the time: 8 MB a second.
const LOAD: Load = Load { clients: 4, rate: Some(25), size: 4000, ..Load::FULL };
/// How long the trouble takes.
const TROUBLE: Duration = Duration::from_secs(12);
/// What memory may grow by, in MiB: the daemon's limit of 64 for what is between components, which one edge has a quarter
/// of, covers the bodies of requests under way too; the rest is the allocator's. Without a bound it would be all that comes
/// meanwhile, some 90 MiB.
const GROWTH: f64 = 72.0;
/// The longest back-off, and what a loaded machine adds to it.
const SOON: Duration = Duration::from_millis(2500);

/// A receiver that is in trouble for a while. `sink` are more settings of the sink.
fn trouble(sink: &str, begin: impl Fn(&mut Receiver), end: impl Fn(&mut Receiver), reason: Option<&str>) {
    let mut receiver = Receiver::start();
    let address = free_address().parse().expect("an address");
    let mut daemon = Daemon::new(&format!(
        "[sources.web]\ntype = \"http\"\naddress = \"{address}\"\n[sinks.out]\ninputs = [\"web\"]\n{}{sink}",
        receiver.sink()
    ));
    daemon.start();
    let producers = Producers::start(address, LOAD);
    // What is always on its way: a buffer gives an event when its checkpoint is complete, some second later.
    let usual = 2 * LOAD.events_per_second() as usize;
    daemon.wait_for("the flow", |_| receiver.events() >= usual);

    let before = daemon.memory();
    let mut most = before;
    begin(&mut receiver);
    let length = soak().map_or(TROUBLE, |_| Duration::from_secs(60));
    daemon.watch(length, |daemon| most = most.max(daemon.memory()));
    if let Some(reason) = reason {
        let ready = daemon.ready();
        assert!(ready.contains("\"ready\":false") && ready.contains(reason), "{ready}");
    }
    let (arrived, acknowledged) = (receiver.events(), producers.events());
    end(&mut receiver);
    let back = Instant::now();
    daemon.wait_for("an arrival", |_| receiver.events() > arrived);
    let first = back.elapsed();
    daemon.wait_for("all that has waited", |daemon| {
        most = most.max(daemon.memory());
        receiver.events() + usual >= producers.events()
    });
    let (out, input) = (receiver.events() - arrived, producers.events() - acknowledged);
    println!(
        "after {:?} of trouble: first after {first:?}, {out} out and {input} in within {:?}, memory {before:.1} to {most:.1} MiB",
        length,
        back.elapsed()
    );
    assert!(first < SOON, "{first:?} until the first event");
    assert!(out >= 2 * input, "{out} events out while {input} came in");
    assert!(most - before < GROWTH, "memory has grown from {before:.1} to {most:.1} MiB");

    let acknowledged = producers.stop();
    daemon.wait_for("all events", |_| receiver.has_all(&acknowledged));
    daemon.settles();
    daemon.end("TERM");
    let verdict = receiver.compare(&acknowledged);
    // Who leaves may have taken a request whose answer is lost with the connection: it is repeated, with its key.
    let leaves = reason == Some("refused");
    let doubled = if leaves { verdict.doubled_for_the_careful } else { verdict.doubled };
    assert_eq!((verdict.lost, doubled), (0, 0), "{verdict:?}");
}

#[test]
fn what_comes_while_a_receiver_is_away_waits_and_follows() {
    let _alone = alone();
    trouble("", Receiver::leave, Receiver::come_back, Some("refused"));
}

#[test]
fn what_comes_while_a_receiver_is_away_waits_in_a_buffer_and_follows() {
    let _alone = alone();
    trouble("buffer.type = \"disk\"\n", Receiver::leave, Receiver::come_back, Some("refused"));
}

#[test]
fn what_comes_while_a_receiver_is_slow_waits_and_follows() {
    let _alone = alone();
    let slow = |receiver: &mut Receiver| receiver.set(Mood::Slow(Duration::from_secs(1)));
    // It takes at most 800 events a second then.
    trouble("batch.max_events = 100\n", slow, |receiver| receiver.set(Mood::Quick), None);
}

#[test]
fn what_comes_while_a_receiver_is_silent_waits_and_follows() {
    let _alone = alone();
    let silent = |receiver: &mut Receiver| receiver.set(Mood::Silent);
    trouble("request.timeout = \"2s\"\n", silent, |receiver| receiver.set(Mood::Quick), Some("no answer"));
}

/// What waits for it upstream reaches the others later on the clock, but not too late.
#[test]
fn nothing_is_late_beside_a_receiver_that_is_away() {
    let windows = "[sources.logs]\ntype = \"generator\"\nrate = 2000\n\
        [transforms.parsed]\ntype = \"parse\"\ninputs = [\"logs\"]\nformat = \"json\"\ntimestamp.field = \"timestamp\"\n\
        [transforms.counted]\ntype = \"window\"\ninputs = [\"parsed\"]\nsize = \"1s\"\nidle_timeout = \"1s\"\nallowed_lateness = \"0s\"\n\
        aggregates.count = { fn = \"count\" }\n\
        [sinks.seen]\ntype = \"blackhole\"\ninputs = [\"counted\"]\n";
    let away = format!(
        "{windows}[sinks.away]\ntype = \"http\"\ninputs = [\"parsed\"]\nuri = \"http://{}/\"\nencoding.codec = \"json\"\n",
        free_address()
    );
    let mut daemon = Daemon::new(&away);
    daemon.place.write("logd.toml", "limits.memory = \"1 MiB\"\n");
    daemon.start();
    let events = |daemon: &Daemon| daemon.sum("logd_component_received_events_total{", &["component_id=\"counted\""]);
    let (mut last, mut since) = (0.0, Instant::now());
    daemon.wait_for("standstill", |daemon| {
        let now = events(daemon);
        if last != now {
            (last, since) = (now, Instant::now());
        }
        last > 0.0 && since.elapsed() > Duration::from_millis(500)
    });
    // Far longer than a partition may be silent.
    daemon.watch(Duration::from_secs(4), |_| {});
    assert_eq!(events(&daemon), last);

    daemon.place.write("pipelines/pipeline.toml", windows);
    daemon.wait_for("what has waited", |daemon| events(daemon) > last + 8000.0);
    assert_eq!(daemon.sum("logd_component_late_events_total{", &["component_id=\"counted\""]), 0.0);
    daemon.end("TERM");
}
