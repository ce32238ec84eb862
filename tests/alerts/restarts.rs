//! One call for each change of an incident, whatever becomes of logd in between; and none to a receiver that is gone.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::{Place, Receiver, incident, logd};
use crate::support::Running;

/// What `path` of the daemon's own server says, empty while there is none.
fn ask(port: u16, path: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

/// The sum of the series that have all of these in their line.
fn metric(port: u16, parts: &[&str]) -> f64 {
    let text = ask(port, "/metrics");
    let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

fn start(place: &Place, receiver: &Receiver, port: u16) -> Running {
    let mut command = logd(place, "pagerduty", &receiver.uri());
    command.arg("--config").arg(place.path("logd.toml")).arg("--data-dir").arg(place.path("data"));
    Running::start(command.args(["--telemetry-address", &format!("127.0.0.1:{port}")]))
}

#[test]
fn a_crash_makes_no_call_twice() {
    let (place, receiver, port) = (Place::new(), Receiver::start([503]), free_port());
    place.write("latencies.csv", incident(1_795_442_400));
    // No epoch becomes durable: after the crash all of it is read again.
    place.write("logd.toml", "checkpoint.interval = \"1h\"\n");
    let mut running = start(&place, &receiver, port);
    let sent = ["logd_component_sent_events_total", r#"component_id="pagerduty""#];
    running.wait_for("two calls that were taken", |_| metric(port, &sent) >= 2.0);
    running.signal("KILL");
    running.end();

    let mut running = start(&place, &receiver, port);
    let known = ["logd_component_discarded_events_total", r#"component_id="pagerduty""#, "delivered_before"];
    running.wait_for("two events that were known", |_| metric(port, &known) >= 2.0);
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert!(status.success(), "{err}");
    let calls: Vec<_> = receiver.requests();
    let ids: Vec<_> = calls.iter().map(|call| call.header("webhook-id").expect("each has one")).collect();
    // The first was refused for a moment, and made again under its own name.
    assert_eq!((ids.len(), ids[0] == ids[1], ids[1] == ids[2]), (3, true, false), "{ids:?}");
}

#[test]
fn a_receiver_that_is_gone_is_shown_and_left_alone_also_after_a_restart() {
    let (place, receiver, port) = (Place::new(), Receiver::start([410]), free_port());
    place.write("latencies.csv", incident(1_795_442_400));
    place.write("logd.toml", "checkpoint.interval = \"10ms\"\n");
    let gone = |port| ask(port, "/ready").contains("the receiver has answered 410 (gone)");
    let dead = ["logd_component_dead_events_total", r#"component_id="pagerduty""#];
    let mut running = start(&place, &receiver, port);
    running.wait_for("two dead events", |_| metric(port, &dead) >= 2.0);
    running.wait_for("the reason in /ready", |_| gone(port));
    assert_eq!(metric(port, &["logd_webhook_disabled{"]), 1.0);
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert!(status.success(), "{err}");

    let mut running = start(&place, &receiver, port);
    running.wait_for("the reason in /ready again", |_| gone(port));
    running.signal("TERM");
    running.end();
    assert_eq!(receiver.requests().len(), 1, "one call was one too many already");
}
