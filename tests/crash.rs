//! kill -9 at random moments: what is written in the end equals what an undisturbed run writes, byte for byte.
//!
//! Two pipelines in one process, over generated logs and over a real access log, with all that keeps a state. Output files
//! are cut back to the last checkpoint, so that nothing is doubled in them: no line has to be left out to compare.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use logd_sdk::Time;
use tokio::time::Instant;

use crate::support::moments::Moments;
use crate::support::{Place, Running, files, has_positions, run};

/// How many times logd is killed in its work.
const KILLS: u32 = 20;

/// Over generated logs: tumbling and sliding windows, both detectors, and aggregates of every kind.
const GENERATED: &str = r#"
[sources.logs]
type = "file"
include = ["generated.log"]

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"

[transforms.tumbling]
type = "window"
inputs = ["parsed"]
size = "1s"
group_by = ["service"]
idle_timeout = "1h"
[transforms.tumbling.aggregates]
count = { fn = "count" }
error_rate = { fn = "ratio", where = '.level == "ERROR" || .level == "CRITICAL"' }
latency_mean = { fn = "mean", field = "response_time_ms" }
latency_p99 = { fn = "quantile", field = "response_time_ms", q = 0.99 }

[transforms.sliding]
type = "window"
inputs = ["parsed"]
size = "5s"
slide = "1s"
idle_timeout = "1h"
[transforms.sliding.aggregates]
users = { fn = "distinct", field = "user_id" }
slowest = { fn = "samples", where = ".response_time_ms > 1000", n = 2 }
last = { fn = "last", field = "request_id" }

[transforms.latency]
type = "zscore"
inputs = ["tumbling"]
field = "latency_mean"
group_by = ["service"]

[transforms.errors]
type = "spike"
inputs = ["tumbling"]
field = "error_rate"
group_by = ["service"]
factor = 1.5

[sinks.tumbling_windows]
type = "file"
inputs = ["tumbling"]
path = "out/tumbling.jsonl"
encoding.codec = "json"

[sinks.sliding_windows]
type = "file"
inputs = ["sliding"]
path = "out/sliding.jsonl"
encoding.codec = "json"

[sinks.anomalies]
type = "file"
inputs = ["latency.anomalies", "errors.anomalies"]
path = "out/anomalies-{{ detector }}.jsonl"
encoding.codec = "json"
"#;

/// Over a real access log, out of order by up to a minute; SOURCE is where it comes from.
const REAL: &str = r#"
[sources.access]
SOURCE

[transforms.parsed]
type = "parse"
inputs = ["access"]
format = "combined"

[transforms.per_5_minutes]
type = "window"
inputs = ["parsed"]
size = "5m"
allowed_lateness = "60s"
idle_timeout = "1h"
[transforms.per_5_minutes.aggregates]
count = { fn = "count" }
error_rate = { fn = "ratio", where = ".status >= 400" }
hosts = { fn = "distinct", field = "host" }
size_p90 = { fn = "quantile", field = "size", q = 0.9 }

[transforms.errors]
type = "spike"
inputs = ["per_5_minutes"]
field = "error_rate"

[transforms.counts]
type = "zscore"
inputs = ["per_5_minutes"]
field = "count"

[sinks.windows]
type = "file"
inputs = ["per_5_minutes"]
path = "out/access.jsonl"
encoding.codec = "json"

[sinks.anomalies]
type = "file"
inputs = ["errors.anomalies", "counts.anomalies"]
path = "out/access-anomalies-{{ detector }}.jsonl"
encoding.codec = "json"
"#;

const FROM_STDIN: &str = "type = \"stdin\"";
const FROM_A_FILE: &str = "type = \"file\"\ninclude = [\"access.log\"]";

/// Logs of a generator: `count` of them.
fn generated(count: u32) -> String {
    run(Place::new().logd().args(["generate", "--seed", "11", "--rate", "0", "--count", &count.to_string()])).out
}

/// The access log of an example, `years` times, each a year later.
fn real(years: u32) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/apache-errors/access.log");
    let log = fs::read_to_string(path).expect("the log of the example");
    (0..years).map(|year| log.replace("/2015:", &format!("/{}:", 2015 + year))).collect()
}

/// A place with both pipelines and their inputs.
fn place(source: &str, generated: &str, real: &str) -> Place {
    let place = Place::new();
    place.write("generated.log", generated);
    place.write("access.log", real);
    place.write("pipelines/generated.toml", GENERATED);
    place.write("pipelines/real.toml", REAL.replace("SOURCE", source));
    place.write("logd.toml", "checkpoint.interval = \"20ms\"\n");
    place
}

fn once(place: &Place) -> Command {
    let mut command = place.logd();
    command.args(["run", "--once"]).stdin(Stdio::from(File::open(place.path("access.log")).expect("the log")));
    command
}

#[test]
fn killed_one_shots_write_what_an_undisturbed_one_writes() {
    let (generated, real) = (generated(60_000), real(4));
    let (calm, killed) = (place(FROM_STDIN, &generated, &real), place(FROM_STDIN, &generated, &real));
    let start = Instant::now();
    let said = run(&mut once(&calm));
    let took = start.elapsed();
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected = files(&calm.path("out"));
    assert!(expected.len() >= 5, "windows and anomalies of both: {:?}", names(&expected));

    let mut moments = Moments::new();
    // A kill counts when the next run goes on where the killed one was.
    let (mut landed, mut finished) = (0, 0);
    while landed < KILLS {
        let running = Running::start(&mut once(&killed));
        std::thread::sleep(moments.within(took / 3));
        running.signal("KILL");
        let (status, _, err) = running.end();
        landed += u32::from(err.contains("An earlier run of this was interrupted"));
        if status.success() || !has_positions(&killed) && killed.path("out").exists() {
            // It was through, or had just forgotten its positions: the next one begins again.
            compare(&expected, &killed);
            fs::remove_dir_all(killed.path("out")).expect("removed");
            finished += 1;
        }
        assert!(finished < 200, "it is through before it can be killed");
    }
    let said = run(&mut once(&killed));
    assert_eq!(said.code, Some(0), "{}", said.err);
    compare(&expected, &killed);
    assert!(!has_positions(&killed), "a finished run forgets");
}

/// The daemon follows files that grow, and is killed while they do.
#[test]
fn killed_daemons_write_what_an_undisturbed_one_writes() {
    let (mut generated, mut real) = (generated(40_000), real(3));
    let windows = {
        let calm = place(FROM_A_FILE, &generated, &real);
        let said = run(calm.logd().args(["run", "--once"]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        Windows::of(&calm)
    };
    generated += &closing(&generated);
    real += &real.lines().last().expect("a line").replace("/2017:", "/2018:");
    real += "\n";
    let daemon = |place: &Place| Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    let stop = |mut running: Running, place: &Place| {
        running.wait_for("all windows", |running| running.err().contains("Started.") && Windows::of(place) == windows);
        running.signal("TERM");
        let (status, _, err) = running.end();
        assert!(status.success() && err.contains("everything that was read is delivered and kept"), "{err}");
    };
    let calm = place(FROM_A_FILE, &generated, &real);
    stop(daemon(&calm), &calm);

    let killed = place(FROM_A_FILE, "", "");
    let mut moments = Moments::new();
    for kill in 1..=KILLS {
        let mut running = daemon(&killed);
        for (name, text) in [("generated.log", &generated), ("access.log", &real)] {
            let part = |number: u32| text.len() * number as usize / KILLS as usize;
            // Not at the end of a line: half a line stays half until the rest has come.
            append(&killed.path(name), &text.as_bytes()[part(kill - 1)..part(kill)]);
        }
        std::thread::sleep(moments.within(Duration::from_millis(600)));
        if !running.runs() {
            let (status, _, err) = running.end();
            panic!("it has ended by itself with {status}: {err}");
        }
        running.signal("KILL");
        running.end();
    }
    stop(daemon(&killed), &killed);
    compare(&files(&calm.path("out")), &killed);
}

/// How many windows of each kind have been written.
#[derive(Debug, PartialEq)]
struct Windows([usize; 3]);

impl Windows {
    fn of(place: &Place) -> Self {
        let lines = |name: &str| fs::read_to_string(place.path(name)).unwrap_or_default().lines().count();
        Self(["out/tumbling.jsonl", "out/sliding.jsonl", "out/access.jsonl"].map(lines))
    }
}

/// The last line again, two minutes later: all windows before it can close, and it is not too far ahead to be believed.
fn closing(log: &str) -> String {
    let (before, after) = ("\"timestamp\":\"", "\"");
    let last = log.lines().last().expect("a log");
    let (head, rest) = last.split_once(before).expect("a time");
    let (time, tail) = rest.split_once(after).expect("a time");
    let time = Time::parse_rfc3339(time.as_bytes()).expect("a time").after(Duration::from_secs(120));
    format!("{head}{before}{time}{after}{tail}\n")
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).expect("the file is there");
    file.write_all(bytes).expect("written");
}

fn names(files: &[(PathBuf, String)]) -> Vec<&PathBuf> {
    files.iter().map(|(path, _)| path).collect()
}

fn compare(expected: &[(PathBuf, String)], killed: &Place) {
    let made = files(&killed.path("out"));
    assert_eq!(names(expected), names(&made));
    for ((path, expected), (_, made)) in expected.iter().zip(&made) {
        let shown = path.display();
        assert_eq!(made.lines().count(), expected.lines().count(), "{shown}");
        assert!(made == expected, "{shown} differs");
    }
}
