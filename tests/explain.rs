//! `logd explain`: an alarm is explained from what it carries, wherever it was kept.

use serde_json::Value;

use crate::backtest::input::{WATCH, labelled};
use crate::support::{Place, Running, Said, run};

/// A place with the events of a backtest in `a.jsonl`, and the events.
fn told() -> (Place, Vec<Value>) {
    let place = labelled();
    let arguments = ["backtest", "watch.toml", "--input", "logs.jsonl", "--anomalies", "a.jsonl"];
    let said = run(place.logd().args(arguments));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let text = std::fs::read_to_string(place.path("a.jsonl")).expect("there");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(events.len() >= 4, "{text}");
    (place, events)
}

fn explain(place: &Place, arguments: &[&str]) -> Said {
    run(place.logd().arg("explain").args(arguments))
}

fn id<'e>(event: &'e Value, name: &str) -> &'e str {
    event[name].as_str().expect("an id")
}

#[test]
fn every_event_of_a_file_is_explained_and_follows_from_its_evidence() {
    let (place, events) = told();
    for event in &events {
        let said = explain(&place, &[id(event, "id"), "--file", "a.jsonl", "--verify"]);
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        assert!(
            said.out.contains("The verdict was computed again from the evidence, and is the same."),
            "{}",
            said.out
        );
    }
    let opened = &events[0];
    let said = explain(&place, &[id(opened, "id"), "--file", "a.jsonl"]);
    assert!(
        said.out.starts_with("service payment-service: high_latency, critical, open at 2026-01-01T"),
        "{}",
        said.out
    );
    for expected in [
        id(opened, "explanation"),
        "|value - mean| / std > 3; at least 2 times the mean, or that much less; 2 of 3 points; from 10 values on",
        "\nquiet would be    a value of ",
        "\nquiet would be    `threshold` at ",
        "  exceeds\n",
        "\nendpoint of the samples: /api/v1/",
        "\nsamples\n  {",
    ] {
        assert!(said.out.contains(expected), "{expected}: {}", said.out);
    }
}

#[test]
fn an_incident_is_explained_by_how_it_began() {
    let (place, events) = told();
    let incident = id(&events[0], "incident_id");
    let said = explain(&place, &[incident, "--file", "a.jsonl", "--format", "json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let explained: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(explained["event"], events[0]);
    let of_incident = events.iter().filter(|event| event["incident_id"] == incident).count();
    assert_eq!(explained["later"].as_array().map(Vec::len), Some(of_incident - 1));
    assert_eq!(explained["steps"].as_array().and_then(|steps| steps.last()?["exceeds"].as_str()), Some("up"));
    assert!(explained.get("verified").is_none(), "it was not asked for");
}

#[test]
fn what_does_not_follow_is_a_failure() {
    let (place, events) = told();
    let mut changed = events[0].clone();
    changed["threshold"] = 2.5.into();
    place.write("changed.jsonl", changed.to_string());
    let asked = [id(&changed, "id"), "--file", "changed.jsonl"];
    assert_eq!(explain(&place, &asked).code, Some(0), "nobody asked whether it follows");
    let said = explain(&place, &[&asked[..], &["--verify"]].concat());
    assert_eq!(said.code, Some(1));
    assert_eq!(said.err, "logd: the event says that its threshold is 2.5, and from its evidence follows 3\n");

    let said = explain(&place, &["none", "--file", "a.jsonl"]);
    assert_eq!((said.code, said.err.as_str()), (Some(69), "logd: nothing is known of `none`\n"));
    place.write("broken.jsonl", "{}\n{");
    let said = explain(&place, &["none", "--file", "broken.jsonl"]);
    assert_eq!(said.code, Some(69));
    assert!(said.err.starts_with("logd: broken.jsonl, line 2"), "{}", said.err);
    let said = explain(&place, &["none"]);
    assert_eq!(said.code, Some(69));
    assert!(said.err.contains("no logd runs"), "{}", said.err);
}

#[test]
fn the_daemon_is_asked_for_what_its_archive_has() {
    let (place, events) = told();
    let sink = "\n[sinks.api]\ntype = \"api\"\nanomalies = [\"latency.anomalies\", \"errors.anomalies\"]\n";
    place.write("pipelines/watch.toml", WATCH.to_owned() + sink);
    place.write("logd.toml", "[api]\naddress = \"127.0.0.1:0\"\nretention.max_age = \"36500d\"\n");
    let mut daemon = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    let opened = id(&events[0], "id");
    daemon.wait_for("the anomaly", |_| explain(&place, &[opened]).code == Some(0));
    let by_daemon = explain(&place, &[opened, "--verify"]);
    let by_file = explain(&place, &[opened, "--verify", "--file", "a.jsonl"]);
    // The daemon knows one thing more.
    let without = by_daemon.out.replace("configuration     generation 1\n", "");
    assert_ne!(without, by_daemon.out);
    assert_eq!((by_daemon.code, without), (Some(0), by_file.out), "{}", by_daemon.err);
    let incident = explain(&place, &[id(&events[0], "incident_id")]);
    assert_eq!(incident.code, Some(0), "{}", incident.err);
    let said = explain(&place, &["none"]);
    assert_eq!((said.code, said.err.as_str()), (Some(69), "logd: nothing is known of `none`\n"));
    daemon.signal("TERM");
    assert!(daemon.end().0.success());
}
