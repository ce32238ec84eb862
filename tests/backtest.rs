//! `logd backtest`: the same files over recorded input, and what comes of it; the same bytes whoever runs it.

pub(crate) mod input;
mod numenta;
mod topic;

use serde_json::Value;

use self::input::{WATCH, labelled};
use crate::support::{Place, Said, files, run};

const WHOLE: [&str; 4] = ["--input", "logs.jsonl", "--labels", "labels.jsonl"];

fn backtest(place: &Place, arguments: &[&str]) -> Said {
    run(place.logd().arg("backtest").args(arguments))
}

/// The outcome as JSON, which must be there.
fn outcome(place: &Place, arguments: &[&str]) -> Value {
    let said = backtest(place, &[arguments, &["--format", "json"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

fn watch<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["watch.toml"][..], &WHOLE, more].concat()
}

#[test]
fn says_how_good_alarms_are_and_touches_nothing() {
    let place = labelled();
    let before = files(&place.path(""));
    let said = backtest(&place, &watch(&[]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.is_empty(), "without a terminal nothing is said of progress: {}", said.err);
    assert_eq!(files(&place.path("")), before, "nothing is delivered or kept");
    let out = &said.out;
    assert!(out.starts_with("60000 events of 5 services from 2026-01-01T00:00:00.000Z to "), "{out}");

    let outcome = outcome(&place, &watch(&[]));
    let total = &outcome["trial"]["scores"]["total"];
    assert_eq!((&total["incidents"], &total["found"]), (&3.into(), &2.into()), "{out}");
    assert_eq!(total["kind_accuracy"], 1.0, "{out}");
    let kinds = &outcome["trial"]["scores"]["kinds"];
    assert_eq!(kinds["silence"]["found"], 0, "the classic rules can't see it");
    assert!(kinds["latency"]["delay_median"].as_f64().is_some_and(|delay| delay < 10.0), "{kinds}");
    assert_eq!(outcome["trial"]["population"]["services"].as_object().map(serde_json::Map::len), Some(5));

    // What is before the end of the warm-up does not count.
    let late = self::outcome(&place, &watch(&["--warm-up", "35s"]));
    assert_eq!(late["trial"]["scores"]["total"]["incidents"], 2);
    assert_eq!(late["trial"]["scores"]["alarms"][0]["verdict"], "warm_up");
}

#[test]
fn is_what_the_daemon_says_of_the_same_input() {
    let place = labelled();
    let said = run(place.logd().args(["run", "--once", "-c", "watch.toml"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let live = std::fs::read_to_string(place.path("live.jsonl")).expect("there");
    assert!(live.lines().count() >= 4, "two incidents open and are over: {live}");

    let said = backtest(&place, &watch(&["--anomalies", "backtest.jsonl"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    // Live, two detectors that write into one file come in any order.
    let sorted = |lines: &str| -> Vec<String> {
        let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let told = std::fs::read_to_string(place.path("backtest.jsonl")).expect("there");
    assert_eq!(sorted(&told), sorted(&live));
}

#[test]
fn is_the_same_with_any_number_of_threads() {
    let place = labelled();
    let told: Vec<[String; 3]> = ["1", "2", "5"]
        .map(|threads| {
            let more = ["--format", "json", "--threads", threads, "--report", "r.html", "--anomalies", "a.jsonl"];
            let said = backtest(&place, &watch(&more));
            assert_eq!(said.code, Some(0), "{}", said.err);
            let read = |name| std::fs::read_to_string(place.path(name)).expect("there");
            [said.out, read("r.html"), read("a.jsonl")]
        })
        .into();
    assert!(told.iter().all(|other| *other == told[0]));
}

#[test]
fn files_are_read_as_one_stream_in_their_order() {
    let place = labelled();
    let text = std::fs::read_to_string(place.path("logs.jsonl")).expect("there");
    let middle = text[..text.len() / 2].rfind('\n').expect("a line") + 1;
    // Names in the other order.
    place.write("parts/2.jsonl", &text[..middle]);
    place.write("parts/1.jsonl", &text[middle..]);
    let whole = outcome(&place, &watch(&[]));
    let labels = ["--labels", "labels.jsonl"];
    let parts = ["watch.toml", "--input", "services=parts/2.jsonl", "parts/1.jsonl"];
    assert_eq!(outcome(&place, &[&parts[..], &labels].concat()), whole);
    let swapped = ["watch.toml", "--input", "parts/*.jsonl"];
    let swapped = outcome(&place, &[&swapped[..], &labels].concat());
    assert_ne!(swapped, whole);
    let late = &swapped["trial"]["left_out"][0];
    assert_eq!((&late["component"], late["late"].as_u64() > Some(20_000)), (&"watch/per_service".into(), true));
}

#[test]
fn pipelines_of_several_files_are_one() {
    let place = labelled();
    let (front, back) = WATCH.split_at(WATCH.find("[transforms.latency]").expect("there"));
    place.write("front.toml", front);
    place.write("back.toml", back.replace("[\"per_service\"]", "[\"front/per_service\"]"));
    let both = [&["front.toml", "back.toml"][..], &WHOLE].concat();
    let (one, two) = (outcome(&place, &watch(&[])), outcome(&place, &both));
    let figures = |outcome: &Value| outcome["trial"]["scores"]["total"].clone();
    assert_eq!(figures(&one), figures(&two));
    let said = backtest(&place, &[&["back.toml"][..], &WHOLE].concat());
    assert_eq!(said.code, Some(78), "{}", said.err);
    assert!(said.err.contains("front"), "what is missing is named: {}", said.err);
}

#[test]
fn gates_make_a_failure_of_what_is_not_good_enough() {
    let place = labelled();
    let good = backtest(&place, &watch(&["--min-recall", "0.6", "--max-false-per-day", "1e6"]));
    assert_eq!((good.code, good.err.as_str()), (Some(0), ""));
    for format in ["text", "json"] {
        let bad = backtest(&place, &watch(&["--min-recall", "0.9", "--format", format]));
        assert_eq!(bad.code, Some(1), "{}", bad.err);
        assert_eq!(bad.err, "logd: the recall is 0.6667, and must be 0.9 or more\n");
        assert!(!bad.out.is_empty(), "the figures are shown all the same");
    }
}

#[test]
fn a_setting_is_swept() {
    let place = labelled();
    let outcome =
        outcome(&place, &watch(&["--sweep", "transforms.latency.threshold=3..30000/3", "--min-recall", "0.5"]));
    let rows = outcome["sweep"]["rows"].as_array().expect("rows");
    let found: Vec<_> = rows.iter().map(|row| (row["value"].as_f64(), row["figures"]["found"].as_u64())).collect();
    // The spike finds its incident whatever that is.
    assert_eq!(found, [(Some(3.0), Some(2)), (Some(300.0), Some(1)), (Some(30_000.0), Some(1))]);
    assert_eq!(rows[2]["failures"][0]["gate"], "min_recall");
    let said = backtest(&place, &watch(&["--sweep", "transforms.errors.factor=5..500/2"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let row = said.out.lines().last().unwrap_or_default();
    assert!(row.starts_with("500 ") && row.ends_with("passed"), "{}", said.out);
    for (sweep, expected) in [("min_efect=1..2", "no detector has a setting `min_efect`"), ("x", "is no sweep")] {
        let said = backtest(&place, &watch(&["--sweep", sweep]));
        assert_eq!(said.code, Some(64), "{}", said.err);
        assert!(said.err.contains(expected), "{}", said.err);
    }
    // A value that the pipeline can't have is told as it would be told of the file.
    let said = backtest(&place, &watch(&["--sweep", "transforms.errors.factor=0.5..2/2"]));
    assert_eq!(said.code, Some(78), "{}", said.err);
    assert!(said.err.contains("watch.toml:") && said.err.contains("factor"), "{}", said.err);
}

#[test]
fn pipelines_are_compared() {
    let place = labelled();
    place.write("blind.toml", WATCH.replace("factor = 5.0", "factor = 500.0"));
    let said = backtest(&place, &watch(&["--compare", "blind.toml", "--report", "r.html"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let only = said.out.split_once("incidents that only A finds: 1\n").map(|(_, rest)| rest);
    assert!(only.is_some_and(|rest| rest.contains("auth-service  error_rate")), "{}", said.out);
    assert!(!said.out.contains("only B"), "{}", said.out);
    let page = std::fs::read_to_string(place.path("r.html")).expect("there");
    assert!(page.contains("Alarms that only A gives") && page.contains("Content-Security-Policy"));
    let said = backtest(&place, &watch(&["--compare", "watch.toml"]));
    assert!(said.out.ends_with("Both give the same alarms.\n"), "{}", said.out);
}

#[test]
fn what_can_not_be_done_is_said() {
    let place = labelled();
    place.write("clock.toml", WATCH.replace("size = \"1s\"", "size = \"1s\"\nclock = \"processing\""));
    place.write("untimed.toml", WATCH.replace("timestamp.field = \"timestamp\"", ""));
    place.write("broken.jsonl", "{\"service\":\"a\"}\n");
    let input = ["--input", "logs.jsonl"];
    for (arguments, code, expected) in [
        (&["clock.toml"][..], 78, "clock.toml:"),
        (&["untimed.toml"], 69, "no event has come to a detector with a time of its own"),
        (&["none.toml"], 78, "none.toml"),
        (&["watch.toml", "--labels", "broken.jsonl"], 64, "broken.jsonl, line 1: missing field `kind`"),
        (&["watch.toml", "--labels", "none.jsonl"], 69, "none.jsonl can't be read"),
        (&["watch.toml", "--alarms", "latency.alarms"], 64, "the pipeline has no `latency.alarms`"),
        (
            &["watch.toml", "--alarms", "per_service"],
            69,
            "an event of `watch/per_service` is no anomaly: missing field",
        ),
        (&["watch.toml", "--min-recall", "0.9"], 64, "--labels"),
    ] {
        let said = backtest(&place, &[arguments, &input].concat());
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
    let said = backtest(&place, &["watch.toml", "--input", "lgs=logs.jsonl"]);
    assert_eq!(said.code, Some(64));
    assert!(said.err.contains("there is no file `lgs=logs.jsonl`, and no source is named `lgs`"), "{}", said.err);
}
