//! Disk buffers: what waits on disk outlives kill -9, and comes once.

use std::fs::{OpenOptions, read_to_string};
use std::io::Write;

use crate::support::{Place, Running};

/// What is read goes through a disk buffer into a file.
const PIPELINE: &str = r#"
[sources.logs]
type = "file"
include = ["input.log"]
read_from = "beginning"

[sinks.out]
type = "file"
inputs = ["logs"]
path = "out/all.log"
buffer.type = "disk"
"#;

#[test]
fn what_waits_on_disk_outlives_kills_and_comes_once() {
    const PIECES: usize = 10;
    let place = Place::new();
    let input = place.write("input.log", "");
    place.write("pipelines/copy.toml", PIPELINE);
    place.write("logd.toml", "checkpoint.interval = \"20ms\"\ntelemetry.address = \"127.0.0.1:0\"\n");
    let written = || read_to_string(place.path("out/all.log")).unwrap_or_default();
    let mut logs = String::new();
    for piece in 0..PIECES {
        let more: String = (0..2000).map(|number| format!("{piece} {number} {}\n", "x".repeat(100))).collect();
        OpenOptions::new().append(true).open(&input).expect("there").write_all(more.as_bytes()).expect("written");
        logs.push_str(&more);
        let mut running = Running::start(place.logd().arg("run"));
        // Each time at another place: when a part of the piece is there, on some of the sides.
        let enough = logs.len() - more.len() + more.len() * piece / PIECES;
        running.wait_for("part of what was read to be written", |_| written().len() >= enough);
        running.signal("KILL");
        running.end();
    }
    let mut running = Running::start(place.logd().arg("run"));
    running
        .wait_for("all to be written", |running| running.err().contains("Started.") && written().len() >= logs.len());
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert_eq!(status.code(), Some(0), "{err}");
    assert!(written() == logs, "what was written is not what was read");
}
