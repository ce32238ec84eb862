//! `logd state`: what detectors and windows keep is shown, learned from history, carried elsewhere, and forgotten.

mod detectors;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Place, Running, Said, run};

/// What the services have written.
const LOGS: &str = r#"
[sources.logs]
type = "file"
include = ["input.log"]
read_from = "beginning"

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"

[transforms.parsed.timestamp]
field = "ts"
format = "unix"
"#;

/// The means of two services over ten seconds, and what is wrong with them.
const PIPELINE: &str = r#"
[transforms.windows]
type = "window"
inputs = ["parsed"]
size = "10s"
allowed_lateness = "2s"
idle_timeout = "1h"
group_by = ["service"]

[transforms.windows.aggregates]
latency_mean = { fn = "mean", field = "latency" }

[transforms.slow]
type = "zscore"
inputs = ["windows"]
field = "latency_mean"
group_by = ["service"]

[sinks.means]
type = "file"
inputs = ["windows"]
path = "out/means.log"

[sinks.anomalies]
type = "file"
inputs = ["slow.anomalies"]
path = "out/anomalies.log"
"#;

fn pipeline() -> String {
    [LOGS, PIPELINE].concat()
}

/// When the history ends, in seconds: within a window.
const HISTORY: i64 = 605;
/// When what comes after it ends.
const END: i64 = 900;
/// So many windows close in it.
const CLOSED_IN_HISTORY: usize = 2 * 60;
/// So many windows close after the history: of two services each, from the one that is open on.
const CLOSED: usize = 2 * ((END - 600) / 10) as usize;

/// Two services that answer once a second; for a minute and a half `web` is slow, so soon after the history that nobody
/// would judge who had not learned from it.
fn events(from: i64, until: i64) -> String {
    let event = |second: i64, service: &str| {
        let usual = 100.0 + (second * 37 % 101) as f64 / 10.0;
        let latency = if service == "web" && (640..730).contains(&second) { usual * 10.0 } else { usual };
        format!("{{\"ts\":{second},\"service\":\"{service}\",\"latency\":{latency}}}\n")
    };
    (from..until).flat_map(|second| ["db", "web"].map(|service| event(second, service))).collect()
}

/// What lets the last window close, and is in another.
fn last() -> String {
    events(END + 60, END + 61)
}

fn place() -> Place {
    let place = Place::new();
    place.write("pipelines/shop.toml", pipeline());
    place.write("logd.toml", "checkpoint.interval = \"20ms\"\ntelemetry.address = \"127.0.0.1:0\"\n");
    place.write("history.log", events(0, HISTORY));
    place
}

fn read(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap_or_default()
}

/// Runs the daemon until so many windows have closed, all told, and stops it.
fn live(place: &Place, closed: usize) {
    let mut running = Running::start(place.logd().arg("run"));
    running.wait_for("all windows", |_| read(place, "out/means.log").lines().count() >= closed);
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert!(status.success(), "{err}");
    assert_eq!(read(place, "out/means.log").lines().count(), closed);
}

/// Lives through history.
fn lived(place: &Place) {
    place.write("input.log", events(0, HISTORY));
    live(place, CLOSED_IN_HISTORY);
}

/// Goes on with what comes after history.
fn go_on(place: &Place) {
    let mut input = OpenOptions::new().append(true).create(true).open(place.path("input.log")).expect("there");
    input.write_all((events(HISTORY, END) + &last()).as_bytes()).expect("written");
}

fn state(place: &Place, arguments: &[&str]) -> Said {
    run(place.logd().arg("state").args(arguments))
}

/// A place that goes on with what was exported elsewhere, of the detector and of the windows.
fn carried_before(exported: &[String; 2]) -> Place {
    let carried = place();
    for (name, file) in ["slow", "windows"].iter().zip(exported) {
        let path = carried.write("exported", file);
        let said =
            run(carried.logd().args(["state", "import", name]).stdin(Stdio::from(File::open(path).expect("there"))));
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    carried
}

#[test]
fn what_is_learned_or_carried_elsewhere_judges_as_what_was_lived() {
    let first = place();
    lived(&first);
    let exported = ["slow", "windows"].map(|name| {
        let said = state(&first, &["export", name]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    });
    go_on(&first);
    live(&first, CLOSED_IN_HISTORY + CLOSED);
    let told = read(&first, "out/anomalies.log");
    let states: Vec<Value> =
        told.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["state"].clone()).collect();
    assert_eq!((states[0].as_str(), states.last().and_then(Value::as_str)), (Some("open"), Some("resolved")), "{told}");
    let means = read(&first, "out/means.log");
    let later: Vec<&str> = means.lines().skip(CLOSED_IN_HISTORY).collect();

    let carried = carried_before(&exported);
    go_on(&carried);
    live(&carried, CLOSED);
    assert_eq!(read(&carried, "out/means.log").lines().collect::<Vec<_>>(), later);
    assert_eq!(read(&carried, "out/anomalies.log"), told, "carried");

    let learned = place();
    let learn = |more: &[&str]| {
        let arguments = ["learn", "pipelines/shop.toml", "--input", "history.log"];
        state(&learned, &[&arguments[..], more].concat())
    };
    let said = learn(&[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.out, "`shop/slow` knows 2 keys.\n`shop/windows` knows 2 keys.\n");
    assert_eq!(state(&learned, &["show", "slow"]).out, state(&carried_before(&exported), &["show", "slow"]).out);
    let said = learn(&[]);
    assert!(said.code == Some(69) && said.err.contains("--replace"), "{:?} {}", said.code, said.err);
    assert_eq!(learn(&["--replace", "--since", "1970-01-01T00:08:20Z"]).code, Some(0));
    let shown = state(&learned, &["show", "slow", "web"]).out;
    assert!(shown.contains("(n 10); no incident"), "of the last hundred seconds: {shown}");
    learned.write("empty.log", "");
    let said = state(&learned, &["learn", "pipelines/shop.toml", "--input", "empty.log", "--replace"]);
    assert!(said.code == Some(69) && said.err.contains("no event has come"), "{:?} {}", said.code, said.err);
    let said = learn(&["--replace", "--since", "1d"]);
    assert!(said.code == Some(69) && said.err.contains("--since leaves all"), "{:?} {}", said.code, said.err);
    assert_eq!(state(&learned, &["show", "slow", "web"]).out, shown, "nothing has changed");
    learned.write("long.log", "x".repeat(2 << 20) + "\n" + &events(0, HISTORY));
    let said = state(&learned, &["learn", "pipelines/shop.toml", "--input", "long.log", "--replace"]);
    assert!(said.code == Some(0) && said.err.contains("`max_line_size`"), "what a source warns of: {}", said.err);
    go_on(&learned);
    live(&learned, CLOSED);
    assert_eq!(read(&learned, "out/means.log").lines().collect::<Vec<_>>(), later);
    assert_eq!(read(&learned, "out/anomalies.log"), told, "learned");

    let unlearned = place();
    go_on(&unlearned);
    live(&unlearned, CLOSED);
    assert_eq!(read(&unlearned, "out/anomalies.log"), "", "it knows too little to judge");
}

#[test]
fn a_state_that_does_not_fit_is_refused_with_the_reason() {
    let place = place();
    lived(&place);
    let before = state(&place, &["export", "slow"]).out;
    let import = |text: &str| {
        let path = place.write("file", text);
        run(place.logd().args(["state", "import", "slow"]).stdin(Stdio::from(File::open(path).expect("there"))))
    };
    let refused = |text: &str, why: &str| {
        let said = import(text);
        assert!(said.code == Some(1) && said.err.contains(why), "{why}: {:?} {}", said.code, said.err);
        assert_eq!(state(&place, &["export", "slow"]).out, before, "nothing has changed");
    };
    refused(&state(&place, &["export", "windows"]).out, "of a `window`, and `shop/slow` is a `zscore`");
    refused("{}", "this is no file of `logd state export`");
    refused(before.lines().next().expect("a head"), "the file is not whole: 0 of 2 lines are there");
    place.write(
        "pipelines/shop.toml",
        pipeline().replace("type = \"zscore\"", "type = \"zscore\"\nmethod = \"robust\""),
    );
    let said = import(&before);
    assert!(said.err.contains("do not fit the settings of `shop/slow`: they are of other fields"), "{}", said.err);
}

#[test]
fn what_is_known_is_shown_and_forgotten() {
    let place = place();
    let said = state(&place, &["ls"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "No component keeps a state.\n"), "{}", said.err);
    assert!(!place.path("data").exists(), "who looks leaves nothing behind");
    lived(&place);

    let listed: Value = serde_json::from_str(&state(&place, &["ls", "--format", "json"]).out).expect("JSON");
    let rows: Vec<_> = listed.as_array().expect("a list").iter().map(|row| (&row["component"], &row["type"])).collect();
    assert_eq!(rows, [(&"shop/slow".into(), &"zscore".into()), (&"shop/windows".into(), &"window".into())]);
    assert_eq!(listed[0]["keys"], 2);
    let quiet = state(&place, &["show", "slow"]).out;
    assert!(quiet.contains("web: latency mean usually 10"), "{quiet}");
    assert!(quiet.contains("(n 60); no incident; the last value "), "{quiet}");
    let windows = state(&place, &["show", "shop/windows", "web", "--format", "json"]).out;
    let window: Value = serde_json::from_str(&windows).expect("one line");
    assert_eq!(window["figures"]["open"][0]["window"]["end"], "1970-01-01T00:10:10Z", "{windows}");

    // While the daemon runs it is asked, and says the same.
    let mut running = Running::start(place.logd().arg("run"));
    running.wait_for("its start", |running| running.err().contains("Started."));
    assert_eq!(state(&place, &["show", "slow"]).out, quiet);
    let exported = state(&place, &["export", "slow"]).out;
    let said = state(&place, &["reset", "slow"]);
    assert!(
        said.code == Some(69) && said.err.contains(&format!("pid {}", running.id())),
        "{:?} {}",
        said.code,
        said.err
    );
    running.signal("TERM");
    running.end();
    assert_eq!(state(&place, &["export", "slow"]).out, exported);

    assert_eq!(state(&place, &["reset", "slow", "web"]).out, "`shop/slow` has forgotten 1 key.\n");
    let left = state(&place, &["show", "slow"]).out;
    assert!(left.starts_with("db: ") && left.lines().count() == 1, "{left}");
    let said = state(&place, &["reset", "slow", "web"]);
    assert!(said.code == Some(1) && said.err.contains("nothing of the key `web`"), "{}", said.err);
    assert_eq!(state(&place, &["reset", "slow"]).out, "`shop/slow` has forgotten 1 key.\n");
    go_on(&place);
    live(&place, CLOSED_IN_HISTORY + CLOSED);
    assert_eq!(read(&place, "out/anomalies.log"), "", "it has begun anew");
}
