//! `logd state` of the detectors that read events themselves, each of which keeps something of its own kind.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::{LOGS, read, state};
use crate::support::{Place, Running, run};

/// Detectors one behind the other: what has passed the last has passed all.
const PIPELINE: &str = r#"
[transforms.watched]
type = "detect"
inputs = ["parsed"]
group_by = ["service"]
fields = { latency = "latency", error = '.level == "ERROR"' }
idle_timeout = "1h"

[transforms.templates]
type = "pattern"
inputs = ["watched"]
group_by = ["service"]
idle_timeout = "1h"

[transforms.odd]
type = "novelty"
inputs = ["templates"]
field = "latency"
group_by = ["service"]
history = 200
shingle = 8

[sinks.events]
type = "file"
inputs = ["odd"]
path = "out/events.log"
"#;

const DETECTORS: [&str; 3] = ["watched", "templates", "odd"];

/// When the history ends, in seconds: long enough to be judged by, and within a bucket.
const HISTORY: i64 = 4005;
/// When what comes after it ends.
const END: i64 = 5000;

/// Two services that answer once a second; soon after the history `web` is slow for five minutes, and says something new.
fn events(from: i64, until: i64) -> String {
    let event = |second: i64, service: &str| {
        let is_wrong = service == "web" && (4100..4400).contains(&second);
        let usual = 100.0 + (second * 37 % 101) as f64 / 10.0;
        let latency = if is_wrong { usual * 5.0 } else { usual };
        let message = if is_wrong && second % 60 == 0 { "the disk is gone" } else { "answered GET /items" };
        format!(
            "{{\"ts\":{second},\"service\":\"{service}\",\"latency\":{latency},\"level\":\"INFO\",\"message\":\"{message}\"}}\n"
        )
    };
    (from..until).flat_map(|second| ["db", "web"].map(|service| event(second, service))).collect()
}

fn place() -> Place {
    let place = Place::new();
    let sinks = DETECTORS.map(|name| {
        format!("[sinks.of_{name}]\ntype = \"file\"\ninputs = [\"{name}.anomalies\"]\npath = \"out/{name}.log\"\n")
    });
    place.write("pipelines/shop.toml", [LOGS, PIPELINE, &*sinks.concat()].concat());
    place.write("logd.toml", "checkpoint.interval = \"20ms\"\ntelemetry.address = \"127.0.0.1:0\"\n");
    place.write("history.log", events(0, HISTORY));
    place
}

/// Runs the daemon until so many events have passed all detectors, all told, and stops it.
fn live(place: &Place, events: i64) {
    let mut running = Running::start(place.logd().arg("run"));
    let passed = |place: &Place| read(place, "out/events.log").lines().count() as i64;
    running.wait_for("all events", |_| passed(place) >= events);
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert!(status.success(), "{err}");
    assert_eq!(passed(place), events);
}

/// Goes on with what comes after history, up to an event so late that all before it is judged; for one that has lived
/// through `lived` events. Returns what detectors tell from then on.
fn go_on(place: &Place, lived: i64) -> [String; 3] {
    let more = events(HISTORY, END) + &events(END + 60, END + 61);
    let mut input = OpenOptions::new().append(true).create(true).open(place.path("input.log")).expect("there");
    input.write_all(more.as_bytes()).expect("written");
    let told = |name| read(place, &format!("out/{name}.log"));
    let before = DETECTORS.map(|name| told(name).len());
    live(place, lived + more.lines().count() as i64);
    std::array::from_fn(|one| told(DETECTORS[one]).split_off(before[one]))
}

/// What is kept, in all figures.
fn shown(place: &Place) -> [String; 3] {
    DETECTORS.map(|name| {
        let said = state(place, &["show", name, "--format", "json"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    })
}

/// All detectors tell the same; the texts are long, and the first line that differs is enough.
fn agree(one: &[String; 3], other: &[String; 3], how: &str) {
    for (name, (one, other)) in DETECTORS.iter().zip(one.iter().zip(other)) {
        let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "{name}, {how}");
        assert_eq!(one.lines().count(), other.lines().count(), "{name}, {how}");
    }
}

#[test]
fn what_detectors_keep_is_shown_carried_learned_and_forgotten() {
    let first = place();
    first.write("input.log", events(0, HISTORY));
    live(&first, 2 * HISTORY);

    let listed: Value = serde_json::from_str(&state(&first, &["ls", "--format", "json"]).out).expect("JSON");
    let rows: Vec<_> = listed.as_array().expect("a list").iter().map(|row| (&row["type"], &row["keys"])).collect();
    let two = Value::from(2);
    assert_eq!(rows, [(&"novelty".into(), &two), (&"pattern".into(), &two), (&"detect".into(), &two)], "by name");
    let words = DETECTORS.map(|name| state(&first, &["show", name, "web"]).out);
    let says = |of: usize, what: &str| assert!(words[of].contains(what), "{what}: {}", words[of]);
    says(0, "web: usually latency 105 ms, ");
    says(
        0,
        "1.0 events/s; in its first day judged by latency and errors alone; no incident; up to 1970-01-01T01:06:30Z; ",
    );
    says(1, "web: 1 template of 4,005 lines; a template that is not known is new; no incident; up to ");
    says(2, "web: latency 100 ms to 110 ms; ranked among 200 values; no incident; the last value ");
    let known = shown(&first);
    let web: Value = serde_json::from_str(known[0].lines().last().expect("two keys")).expect("JSON");
    assert_eq!((&web["key"], &web["figures"]["stage"]), (&"web".into(), &"first_day".into()));

    let carried = place();
    for name in DETECTORS {
        let exported = state(&first, &["export", name]);
        assert_eq!(exported.code, Some(0), "{}", exported.err);
        let path = carried.write("exported", exported.out);
        let file = std::fs::File::open(path).expect("there");
        let said = run(carried.logd().args(["state", "import", name]).stdin(Stdio::from(file)));
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    assert_eq!(shown(&carried), known, "carried");

    let learned = place();
    let said = state(&learned, &["learn", "pipelines/shop.toml", "--input", "history.log"]);
    let keys = "`shop/odd` knows 2 keys.\n`shop/templates` knows 2 keys.\n`shop/watched` knows 2 keys.\n";
    assert_eq!((said.out.as_str(), said.code), (keys, Some(0)), "{}", said.err);
    assert_eq!(shown(&learned), known, "learned");

    let told = go_on(&first, 2 * HISTORY);
    for (name, told) in DETECTORS.iter().zip(&told) {
        assert!(told.contains("\"state\":\"open\"") && told.contains("\"state\":\"resolved\""), "{name}: {told}");
    }
    agree(&go_on(&carried, 0), &told, "carried");
    agree(&go_on(&learned, 0), &told, "learned");

    for name in DETECTORS {
        assert_eq!(state(&first, &["reset", name, "web"]).out, format!("`shop/{name}` has forgotten 1 key.\n"));
        let left = state(&first, &["show", name]).out;
        assert!(left.starts_with("db: ") && left.lines().count() == 1, "{left}");
        assert_eq!(state(&first, &["reset", name]).out, format!("`shop/{name}` has forgotten 1 key.\n"));
        assert_eq!(state(&first, &["show", name]).out, "It keeps nothing yet.\n");
    }
}
