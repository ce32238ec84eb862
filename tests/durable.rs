//! The `http` source and what it has answered: kept through kill -9, delivered once, refused when there is no room.

use std::collections::HashMap;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

use crate::support::moments::Moments;
use crate::support::producers::{Client, Load, Producers};
use crate::support::{Place, Running};

/// Puts a pipeline from an `http` source to a file into a place, and returns where the source listens.
fn prepare(place: &Place, source: &str, sink: &str) -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    let pipeline = format!(
        "[sources.web]\ntype = \"http\"\naddress = \"{address}\"\n{source}\n\
         [sinks.out]\ntype = \"file\"\ninputs = [\"web\"]\npath = \"out/all.log\"\n{sink}\n"
    );
    place.write("pipelines/web.toml", pipeline);
    place.write("logd.toml", "checkpoint.interval = \"50ms\"\ntelemetry.address = \"127.0.0.1:0\"\n");
    address
}

/// Starts logd, and waits until it takes requests.
fn start(place: &Place, address: SocketAddr) -> Running {
    let mut running = Running::start(place.logd().arg("run"));
    running.wait_for("connections", |_| TcpStream::connect(address).is_ok());
    running
}

fn written(place: &Place) -> String {
    fs::read_to_string(place.path("out/all.log")).unwrap_or_default()
}

/// Lets producers send through `lives` of logd, each ended by `signal` at a random moment, and compares what was written
/// with what was acknowledged.
fn nothing_is_lost_or_doubled(signal: &str, lives: usize) {
    let place = Place::new();
    let address = prepare(&place, "", "buffer.type = \"disk\"");
    let producers = Producers::start(address, Load::FULL);
    let mut moments = Moments::new();
    for _ in 0..lives {
        let before = producers.requests();
        let mut running = start(&place, address);
        running.wait_for("an answer", |_| producers.requests() > before);
        std::thread::sleep(moments.within(Duration::from_millis(300)));
        running.signal(signal);
        let (status, _, err) = running.end();
        assert!(signal == "KILL" || status.success(), "{err}");
    }
    let mut running = start(&place, address);
    let acknowledged = producers.stop();
    let since = Instant::now();
    assert_eq!(Client::new(address).post("", b"fresh\n"), Some(200));
    running.wait_for("a fresh event", |_| written(&place).lines().any(|line| line == "fresh"));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert_eq!(status.code(), Some(0), "{err}");

    let written = written(&place);
    let mut arrived: HashMap<u64, u32> = HashMap::new();
    for event in written.lines().filter_map(|line| line.split(' ').next()?.parse().ok()) {
        *arrived.entry(event).or_default() += 1;
    }
    let lost = acknowledged.iter().filter(|event| !arrived.contains_key(event)).count();
    let doubled = arrived.values().filter(|times| **times > 1).count();
    assert!(acknowledged.len() > lives * 20, "{} events", acknowledged.len());
    assert_eq!((lost, doubled), (0, 0), "of {} that were acknowledged", acknowledged.len());
}

#[test]
fn kills_lose_and_double_nothing_that_was_acknowledged() {
    nothing_is_lost_or_doubled("KILL", 20);
}

#[test]
fn stops_lose_and_double_nothing_that_was_acknowledged() {
    nothing_is_lost_or_doubled("TERM", 5);
}

#[test]
fn delivered_is_answered_when_the_events_are_where_they_go() {
    let place = Place::new();
    let address = prepare(&place, "respond_when = \"delivered\"", "");
    let _running = start(&place, address);
    let mut client = Client::new(address);
    for number in 0..5 {
        assert_eq!(client.post("", format!("event {number}").as_bytes()), Some(200));
        assert!(written(&place).ends_with(&format!("event {number}\n")), "{}", written(&place));
    }
}

#[test]
fn a_key_is_known_after_a_kill() {
    let place = Place::new();
    let address = prepare(&place, "", "");
    let key = "Idempotency-Key: 7\r\n";
    let mut running = start(&place, address);
    for life in 0..3 {
        assert_eq!(Client::new(address).post(key, b"keyed"), Some(200));
        assert_eq!(Client::new(address).post(key, b"other"), Some(422));
        assert_eq!(Client::new(address).post("", format!("after {life}").as_bytes()), Some(200));
        running.wait_for("delivery", |_| written(&place).contains(&format!("after {life}\n")));
        running.signal("KILL");
        running.end();
        running = start(&place, address);
    }
    assert_eq!(Client::new(address).post("", b"last"), Some(200));
    running.wait_for("delivery", |_| written(&place).ends_with("last\n"));
    running.signal("TERM");
    running.end();
    assert_eq!(written(&place), "keyed\nafter 0\nafter 1\nafter 2\nlast\n");
}

#[test]
fn a_full_log_is_503_and_takes_again_when_there_is_room() {
    let place = Place::new();
    let address = prepare(&place, "buffer.max_size = \"64 MiB\"", "");
    // Where the file is to be is no folder.
    let obstacle = place.write("out", "");
    let mut running = start(&place, address);
    let mut client = Client::new(address);
    let line = "x".repeat(1 << 20);
    let mut taken = 0;
    loop {
        match client.post("", format!("{taken} {line}\n").as_bytes()) {
            Some(200) => taken += 1,
            status => break assert_eq!(status, Some(503)),
        }
        assert!(taken < 100, "the log is full at some time");
    }
    fs::remove_file(obstacle).expect("removed");
    let since = Instant::now();
    running.wait_for("room", |_| Client::new(address).post("", b"fresh") == Some(200));
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    running.wait_for("a fresh event", |_| written(&place).ends_with("fresh\n"));
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert_eq!(status.code(), Some(0), "{err}");
    let written = written(&place);
    let numbers: Vec<&str> = written.lines().filter_map(|line| line.split(' ').next()).collect();
    let expected: Vec<String> = (0..taken).map(|number| number.to_string()).chain(["fresh".to_owned()]).collect();
    assert_eq!(numbers, expected);
}
