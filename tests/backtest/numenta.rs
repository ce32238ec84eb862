//! The rules of the Numenta Anomaly Benchmark, over a folder in its layout.

use std::fmt::Write as _;

use serde_json::Value;

use super::backtest;
use crate::support::Place;

const PIPELINE: &str = r#"
[sources.points]
type = "file"
include = ["points.csv"]

[transforms.parsed]
type = "parse"
inputs = ["points"]
format = "csv"
columns = ["timestamp", "value"]
timestamp.field = "timestamp"

[transforms.odd]
type = "zscore"
inputs = ["parsed"]
field = "value"
threshold = 5.0

[sinks.nowhere]
type = "blackhole"
inputs = ["odd.anomalies"]
"#;

/// As it stands in the data: 1000 minutes, with something at 500 that a window is around, and something less at 800.
fn points(folder: &str, place: &Place) {
    let time =
        |minute: usize| format!("2026-01-{:02} {:02}:{:02}:00", 1 + minute / 1440, minute / 60 % 24, minute % 60);
    let mut lines = "timestamp,value\n".to_owned();
    for minute in 0..1000 {
        let level = match minute {
            500..520 => 100.0,
            800..803 => 20.0,
            _ => 10.0,
        };
        let noise = (minute * 7919 % 97) as f64 / 97.0;
        let _ = writeln!(lines, "{},{}", time(minute), level + noise);
    }
    place.write(&format!("{folder}/data/real/one.csv"), &lines);
    place.write(&format!("{folder}/data/real/two.csv"), &lines);
    let window = format!("[[\"{}.000000\", \"{}.000000\"]]", time(495), time(540));
    place.write(
        &format!("{folder}/labels/combined_windows.json"),
        format!("{{\"real/one.csv\": {window}, \"real/two.csv\": []}}"),
    );
}

fn place() -> Place {
    let place = Place::new();
    place.write("p.toml", PIPELINE);
    points("nab", &place);
    points("half", &place);
    place
}

#[test]
fn a_pipeline_is_scored_by_the_rules_of_the_benchmark() {
    let place = place();
    let said = backtest(&place, &["p.toml", "--nab", "nab"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(said.out.lines().next(), Some("p.toml: 2 series, 1 windows"));
    assert_eq!(lines[2], ["profile", "score", "found", "false"]);
    for (row, profile) in lines[3..].iter().zip(["standard", "reward_low_FP", "reward_low_FN"]) {
        // The one that is less, in both, and what no window of the second is around.
        assert_eq!((row[0], row[2], row[3]), (profile, "1", "3"), "{}", said.out);
    }
    assert!(said.out.lines().count() == 6 && lines[3][1] > lines[4][1], "{}", said.out);
}

#[test]
fn a_setting_is_chosen_on_other_series() {
    let place = place();
    let train = ["p.toml", "--nab", "nab", "--nab-train", "half", "--sweep", "threshold=5..100/2"];
    let told = [(); 2].map(|()| backtest(&place, &[&train[..], &["--format", "json"]].concat()));
    assert_eq!((told[0].code, told[0].err.as_str()), (Some(0), ""));
    assert_eq!(told[0].out, told[1].out);
    let outcome: Value = serde_json::from_str(&told[0].out).expect("JSON");
    assert_eq!((&outcome["setting"], &outcome["series"]), (&"threshold".into(), &2.into()));
    for profile in outcome["profiles"].as_array().expect("profiles") {
        assert_eq!((&profile["value"], &profile["false_alarms"]), (&100.0.into(), &1.into()), "{outcome}");
    }
}

#[test]
fn what_does_not_go_together_is_said() {
    let place = place();
    place.write("empty/combined_windows.json", "{}");
    let sweep = ["--sweep", "threshold=5..9/2"];
    for (arguments, code, expected) in [
        (&["--nab", "none"][..], 69, "combined_windows.json can't be read"),
        (&["--nab", "nab", "--input", "x"], 64, "--input"),
        (&["--nab", "nab", "--nab-train", "half"], 64, "--sweep"),
        (&["--nab", "nab", sweep[0], sweep[1]], 64, "--nab-train, which is missing"),
        (&["--nab", "nab", "--nab-train", "empty", sweep[0], sweep[1]], 69, "empty has no windows to choose by"),
    ] {
        let said = backtest(&place, &[&["p.toml"], arguments].concat());
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
}
