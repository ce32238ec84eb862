//! kill -9 at random moments: what is written in the end equals what an undisturbed run writes, byte for byte.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::support::{Place, Running, files, run};

/// Windows and anomalies over generated logs, in files.
const PIPELINE: &str = r#"
[sources.logs]
type = "file"
include = ["input.log"]

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"

[transforms.per_service]
type = "window"
inputs = ["parsed"]
size = "1s"
group_by = ["service"]
[transforms.per_service.aggregates]
count = { fn = "count" }
error_rate = { fn = "ratio", where = '.level == "ERROR" || .level == "CRITICAL"' }
latency_mean = { fn = "mean", field = "response_time_ms" }
latency_p99 = { fn = "quantile", field = "response_time_ms", q = 0.99 }

[transforms.latency]
type = "zscore"
inputs = ["per_service"]
field = "latency_mean"
group_by = ["service"]

[sinks.windows]
type = "file"
inputs = ["per_service"]
path = "out/windows.jsonl"
encoding.codec = "json"

[sinks.anomalies]
type = "file"
inputs = ["latency.anomalies"]
path = "out/anomalies.jsonl"
encoding.codec = "json"
"#;

/// How many times logd is killed.
const KILLS: u32 = 20;
/// How many logs it reads.
const LOGS: u32 = 200_000;

#[test]
fn killed_runs_write_what_an_undisturbed_run_writes() {
    let (calm, killed) = (Place::new(), Place::new());
    let logs = run(calm.logd().args(["generate", "--seed", "11", "--count", &LOGS.to_string()])).out;
    for place in [&calm, &killed] {
        place.write("input.log", &logs);
        place.write("pipelines/analyse.toml", PIPELINE);
        place.write("logd.toml", "checkpoint.interval = \"20ms\"\n");
    }
    let said = run(calm.logd().args(["run", "--once"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected = files(&calm.path("out"));
    assert_eq!(expected.len(), 2, "windows and anomalies");

    // Moments from a seed: a failure can be repeated.
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut resumed = 0;
    for _ in 0..KILLS {
        let mut running = Running::start(killed.logd().args(["run", "--once"]));
        std::thread::sleep(Duration::from_millis(u64::from(random.next_u32() % 400)));
        if !running.runs() {
            // It has finished, and so would begin again: this was the end.
            break;
        }
        running.signal("KILL");
        let (_, _, err) = running.end();
        if !has_positions(&killed) && killed.path("out").exists() {
            // It was killed when it had just forgotten its positions: this was the end.
            return compare(&expected, &killed);
        }
        resumed += u32::from(err.contains("interrupted"));
    }
    let said = run(killed.logd().args(["run", "--once"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(resumed > 0, "no run was killed in its middle");
    compare(&expected, &killed);
    assert!(!has_positions(&killed), "a finished run forgets");
}

/// Whether a run has left positions.
fn has_positions(place: &Place) -> bool {
    let runs = std::fs::read_dir(place.path("data/once")).into_iter().flatten().flatten();
    runs.into_iter().any(|run| run.path().join("checkpoints.redb").exists())
}

fn compare(expected: &[(PathBuf, String)], killed: &Place) {
    for ((path, expected), (_, made)) in expected.iter().zip(&files(&killed.path("out"))) {
        let shown = path.display();
        assert_eq!(made.lines().count(), expected.lines().count(), "{shown}");
        assert!(made == expected, "{shown} differs");
    }
}
