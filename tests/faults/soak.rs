//! At half of what it can do, for a while: memory stays where it is, and nothing is lost.
//!
//! `tests/soak 1h` runs this for longer than here.

use std::time::Duration;

use tokio::time::Instant;

use super::daemon::Daemon;
use super::receiver::Receiver;
use super::{alone, soak};
use crate::support::free_address;
use crate::support::producers::{Load, Producers};

/// What memory may grow by in an hour, in MiB,
const SLOPE: f64 = 1.0;
/// and what it may grow by in however short a time, while caches fill: a leak of 100 bytes an event would be 20 MiB in
/// 20 seconds of 10,000 events a second, which the slowest machine manages.
const STEP: f64 = 12.0;

const PIPELINE: &str = r#"
[transforms.windows]
type = "window"
inputs = ["web"]
size = "1s"
clock = "processing"
aggregates.count = { fn = "count" }

[transforms.detector]
type = "zscore"
inputs = ["windows"]
field = "count"

[sinks.nowhere]
type = "blackhole"
inputs = ["windows", "detector.anomalies"]
"#;

#[test]
fn memory_stays_where_it_is() {
    let _alone = alone();
    let length = soak().unwrap_or(Duration::from_secs(30));
    let receiver = Receiver::start();
    let address = free_address().parse().expect("an address");
    let mut daemon = Daemon::new(&format!(
        "[sources.web]\ntype = \"http\"\naddress = \"{address}\"\n\
         [sinks.out]\ninputs = [\"web\"]\nbuffer.type = \"disk\"\n{}{PIPELINE}",
        receiver.sink()
    ));
    daemon.start();
    let mut acknowledged = {
        let producers = Producers::start(address, Load::FULL);
        daemon.watch(Duration::from_secs(5), |_| {});
        producers.stop()
    };
    let can = acknowledged.len() / 5;
    daemon.wait_for("all of that", |_| receiver.has_all(&acknowledged));

    // Numbers go on where they were, for they are ids.
    // The source remembers 100,000 keys, which takes memory until it has them: here are none.
    let load = Load { first: 1 << 30, repeats: false, ..Load::FULL.at(can / 2) };
    let (producers, since) = (Producers::start(address, load), Instant::now());
    let (mut samples, warm) = (Vec::new(), length / 3);
    daemon.watch(length, |daemon| {
        if since.elapsed() >= warm {
            samples.push((since.elapsed().as_secs_f64() / 3600.0, daemon.memory()));
        }
    });
    acknowledged.extend(producers.stop());
    daemon.wait_for("all events", |_| receiver.has_all(&acknowledged));
    daemon.settles();
    daemon.end("TERM");
    let (slope, verdict) = (slope(&samples), receiver.compare(&acknowledged));
    let hours = (length - warm).as_secs_f64() / 3600.0;
    println!("{can} events a second at most; memory at half of it: {slope:+.2} MiB an hour; {verdict:?}");
    assert!(slope * hours < STEP + SLOPE * hours, "memory has grown by {:.1} MiB", slope * hours);
    assert_eq!((verdict.lost, verdict.doubled), (0, 0));
}

/// By how much the second of each pair grows with the first, by least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let along: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
    along / samples.iter().map(|sample| (sample.0 - x).powi(2)).sum::<f64>()
}
