//! A million keys, such as a field that should not have been one: memory is bounded by `max_keys`, and what it costs is
//! counted.

use std::fmt::Write as _;

use super::alone;
use super::daemon::Daemon;

/// So many keys come,
const KEYS: u32 = 1_000_000;
/// and so many may be kept, by each of the two.
const MOST: f64 = 20_000.0;
/// What a window or a baseline may take for each key, in KiB, with what a checkpoint copies of it.
const EACH: f64 = 2.0;
/// What is under way between components may take, in MiB: `limits.memory`, and what events of 50 bytes take beyond it.
const UNDER_WAY: f64 = 16.0 + 48.0;

const PIPELINE: &str = r#"
[sources.logs]
type = "file"
include = ["keys.log"]

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "t"

[transforms.windows]
type = "window"
inputs = ["parsed"]
size = "1h"
group_by = ["user"]
idle_timeout = "1h"
max_keys = 20_000
aggregates.count = { fn = "count" }

[transforms.detector]
type = "zscore"
inputs = ["parsed"]
group_by = ["user"]
field = "n"
max_keys = 20_000

[sinks.nowhere]
type = "blackhole"
inputs = ["windows", "detector"]
"#;

#[test]
fn a_million_keys_take_the_memory_of_max_keys() {
    let _alone = alone();
    let mut daemon = Daemon::new(PIPELINE);
    daemon.place.write("logd.toml", "limits.memory = \"16 MiB\"\n");
    daemon.place.write("keys.log", "");
    daemon.start();
    let before = daemon.memory();
    let mut lines = String::new();
    for user in 0..KEYS {
        let _ = writeln!(lines, "{{\"t\":\"2026-11-23T14:00:00Z\",\"user\":\"user-{user}\",\"n\":1}}");
    }
    daemon.place.write("keys.log", lines);
    let mut most = before;
    let received = |daemon: &Daemon, component: &str| {
        daemon.sum("logd_component_received_events_total{", &[&format!("component_id=\"{component}\"")])
    };
    daemon.wait_for("all keys", |daemon| {
        most = most.max(daemon.memory());
        ["windows", "detector"].iter().all(|component| received(daemon, component) == f64::from(KEYS))
    });
    daemon.settles();
    println!("memory: {before:.1} to {most:.1} MiB");
    for component in ["windows", "detector"] {
        let marks = [&*format!("component_id=\"{component}\""), "error_type=\"key_evicted\""];
        let kept = f64::from(KEYS) - daemon.sum("logd_component_errors_total{", &marks);
        // A sixteenth makes room at once.
        assert!((MOST * 0.9..=MOST).contains(&kept), "{component} has {kept} keys");
    }
    let bound = UNDER_WAY + 2.0 * MOST * EACH / 1024.0;
    assert!(most - before < bound, "memory has grown from {before:.1} to {most:.1} MiB");
    daemon.end("TERM");
}
