//! One-shots: `--once` reads its input to the end, delivers everything, and leaves.

use std::fs::File;
use std::process::Stdio;

use crate::support::{Place, Running, run};

const COUNT_LINES: &str = r#"
[sources.lines]
type = "stdin"

[sinks.out]
type = "console"
inputs = ["lines"]
encoding.codec = "text"
"#;

#[test]
fn stdin_is_read_to_its_end() {
    let place = Place::new();
    place.write("pipelines/copy.toml", COUNT_LINES);
    let text: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
    let input = place.write("input", &text);
    for round in 0..2 {
        let said = run(place.logd().args(["run", "--once"]).stdin(Stdio::from(File::open(&input).expect("there"))));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.out == text, "round {round}: {} lines of 10,000\n{}", said.out.lines().count(), said.err);
        assert!(said.err.contains("data/once/copy-"), "the folder that is used is named: {}", said.err);
    }
}

#[test]
fn a_source_without_end_is_refused() {
    let place = Place::new();
    place.write(
        "pipelines/endless.toml",
        "[sources.x]\ntype = \"generator\"\n[sinks.y]\ntype = \"blackhole\"\ninputs = [\"x\"]\n",
    );
    let said = run(place.logd().args(["run", "--once"]));
    assert_eq!(said.code, Some(78), "{}", said.err);
    assert!(said.err.contains("has no end"), "{}", said.err);
}

#[test]
fn the_data_folder_belongs_to_one_daemon() {
    let place = Place::new();
    place.write(
        "pipelines/idle.toml",
        "[sources.x]\ntype = \"generator\"\nrate = 1\n[sinks.y]\ntype = \"blackhole\"\ninputs = [\"x\"]\n",
    );
    let daemon = ["run", "--telemetry-address", "127.0.0.1:0"];
    let mut first = Running::start(place.logd().args(daemon));
    let lock = place.path("data/lock");
    first.wait_for("lock", |_| std::fs::read(&lock).is_ok_and(|pid| pid.ends_with(b"\n")));
    let said = run(place.logd().args(daemon));
    assert_eq!(said.code, Some(69), "{}", said.err);
    assert!(said.err.contains("pid") && said.err.contains("--data-dir"), "{}", said.err);
    first.signal("TERM");
    let (status, _, err) = first.end();
    assert!(status.success(), "{err}");
}

#[test]
fn a_data_folder_that_can_not_be_made_is_named() {
    let place = Place::new();
    place.write(
        "pipelines/copy.toml",
        "[sources.x]\ntype = \"file\"\ninclude = [\"input\"]\n\
         [sinks.y]\ntype = \"console\"\ninputs = [\"x\"]\nencoding.codec = \"text\"\n",
    );
    place.write("input", "a line\n");
    place.write("data", "no folder");
    let said = run(place.logd().args(["run", "--once"]));
    assert_eq!(said.code, Some(69), "{}", said.err);
    assert!(said.err.contains("data"), "{}", said.err);
    std::fs::remove_file(place.path("data")).expect("removed");
    let said = run(place.logd().args(["run", "--once"]));
    assert_eq!((said.code, said.out.as_str()), (Some(0), "a line\n"), "{}", said.err);
}

/// A window whose late events, and whose results, go to a file each.
const LATE: &str = r#"
[sources.lines]
type = "file"
include = ["input"]

[transforms.parsed]
type = "parse"
inputs = ["lines"]
format = "json"
timestamp.field = "at"

[transforms.counts]
type = "window"
inputs = ["parsed"]
size = "10s"
[transforms.counts.aggregates]
count = { fn = "count" }

[sinks.late_lines]
type = "file"
inputs = ["counts.late"]
path = "late"
encoding.codec = "text"

[sinks.windows]
type = "file"
inputs = ["counts"]
path = "counts"
encoding.codec = "json"
"#;

#[test]
fn what_is_late_is_in_no_window_however_much_comes_at_once() {
    let place = Place::new();
    place.write("pipelines/late.toml", LATE);
    // Two megabytes, so that windows have closed long before the late lines come.
    let line = |number: u32, tenths: u32| {
        let (minutes, seconds) = (tenths / 600, tenths % 600);
        let padding = "x".repeat(60);
        format!(
            r#"{{"at":"2026-01-01T00:{minutes:02}:{:02}.{}00Z","number":{number},"padding":"{padding}"}}"#,
            seconds / 10,
            seconds % 10
        )
    };
    let is_late = |number: u32| number > 10_000 && number.is_multiple_of(50);
    let lines: Vec<String> = (0..20_000).map(|number| line(number, if is_late(number) { 0 } else { number })).collect();
    place.write("input", lines.join("\n") + "\n");
    let said = run(place.logd().args(["run", "--once"]));
    assert_eq!(said.code, Some(0), "{}", said.err);

    let late: Vec<&String> = (0..).zip(&lines).filter(|(number, _)| is_late(*number)).map(|(_, line)| line).collect();
    let found = std::fs::read_to_string(place.path("late")).expect("there");
    assert!(found.lines().eq(late.iter().map(|line| line.as_str())), "{} of {}", found.lines().count(), late.len());
    let counts = std::fs::read_to_string(place.path("counts")).expect("there");
    let counted = counts.lines().map(|window| {
        let window: serde_json::Value = serde_json::from_str(window).expect("JSON");
        window["count"].as_u64().expect("a count")
    });
    assert_eq!(counted.sum::<u64>(), (lines.len() - late.len()) as u64);
}
