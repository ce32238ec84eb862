//! What must not matter: shards, batches, order of arrival, other services, a restart; and what time alone brings about.

use logd_sdk::keyed::Shard as _;
use serde_json::Value;

use crate::explain::Account;

use super::{Driver, Event, SETTINGS, workload};

/// What a run tells, from batches of `size`; `restart` after so many batches, with other shards.
fn run(events: &[Event], shards: usize, size: usize, restart: Option<usize>) -> Driver {
    let mut driver = Driver::new(SETTINGS, shards);
    for (number, batch) in events.chunks(size).enumerate() {
        driver.send(batch);
        if restart.is_some_and(|every| number % every == 0) {
            driver.restart(1 + number % 3);
        }
    }
    driver.end();
    assert_eq!(driver.passed, events.len(), "all goes on");
    assert_eq!(driver.late, 0);
    driver
}

#[test]
fn two_services_that_go_wrong_together_are_told_of_one_another() {
    let driver = run(&workload(), 1, 500, None);
    let services = driver.fields("/key/service");
    let states = driver.fields("/state");
    let opened: Vec<_> =
        services.iter().zip(&states).filter(|(_, state)| *state == "open").map(|(key, _)| key).collect();
    assert_eq!(opened, ["web", "api"]);
    let first = driver.anomalies.iter().find(|anomaly| anomaly["key"]["service"] == "web").unwrap();
    let second = driver.anomalies.iter().find(|anomaly| anomaly["key"]["service"] == "api").unwrap();
    assert_eq!((first["type"].as_str(), second["type"].as_str()), (Some("latency"), Some("error_rate")));
    assert_eq!(first["related"], serde_json::json!([]), "nobody knows what is to come");
    assert_eq!(second["related"][0]["incident_id"], first["incident_id"]);
    assert_eq!(second["related"][0]["key"]["service"], "web");
    assert!(first["explanation"].as_str().unwrap().contains("times the usual"), "{first}");
    assert_eq!(first["evidence"]["method"], "signals");
    let samples = |anomaly: &Value| anomaly["samples"].as_array().unwrap().clone();
    assert!(samples(first).iter().all(|event| event["response_time_ms"].as_f64() > Some(200.0)), "{first}");
    assert!(samples(second).iter().all(|event| event["failed"] == true && event["service"] == "api"), "{second}");
    assert_eq!((samples(first).len(), samples(second).len()), (3, 3));
    let last = driver.anomalies.iter().find(|anomaly| anomaly["state"] == "resolved").unwrap();
    assert!(samples(last).is_empty(), "it shows nothing wrong: {last}");
    let recent = first["evidence"]["recent"].as_array().unwrap();
    assert_eq!((recent.len(), &recent[11]["window"]["end"]), (12, &first["timestamp"]));
    assert!(recent[0]["times_usual"].as_f64() < Some(1.5) && recent[11]["times_usual"].as_f64() > Some(2.0), "{first}");
    assert_eq!(recent[0]["window"]["end"], recent[1]["window"]["start"]);
    let account = Account::of(&serde_json::from_value(first.clone()).unwrap());
    let values: Vec<f64> = account.steps.iter().map(|step| step.value).collect();
    assert!(values[0] < 200.0 && values[11] > 200.0, "{values:?}");
    assert_eq!(states.iter().filter(|state| *state == "resolved").count(), 2);
    assert!(driver.scores.len() > 3 * 360, "{}", driver.scores.len());
}

#[test]
fn shards_batches_and_restarts_do_not_matter() {
    let events = workload();
    let plain = run(&events, 1, 500, None);
    for (shards, size, restart) in [(8, 500, None), (3, 77, None), (1, 5000, None), (2, 400, Some(5))] {
        let other = run(&events, shards, size, restart);
        assert_eq!(other.anomalies, plain.anomalies, "{shards} shards, batches of {size}");
        assert_eq!(other.scores, plain.scores, "{shards} shards, batches of {size}");
    }
}

#[test]
fn the_order_of_arrival_does_not_matter_within_the_lateness() {
    let events = workload();
    let plain = run(&events, 1, 500, None);
    // Three seconds apart at most, of five that are allowed.
    let mut shuffled = events.clone();
    shuffled.chunks_mut(6).for_each(<[Event]>::reverse);
    let other = run(&shuffled, 4, 333, None);
    assert_eq!(other.anomalies, plain.anomalies);
    assert_eq!(other.scores, plain.scores);
}

#[test]
fn other_services_and_their_names_do_not_matter() {
    let without: Vec<_> = workload().into_iter().filter(|event| event.service != "calm").collect();
    let plain = run(&workload(), 1, 500, None);
    assert_eq!(run(&without, 1, 500, None).anomalies, plain.anomalies, "an unrelated service");
    let renamed = |event: Event| Event {
        service: match event.service {
            "web" => "zebra",
            "api" => "ape",
            other => other,
        },
        ..event
    };
    let renamed = run(&workload().into_iter().map(renamed).collect::<Vec<_>>(), 1, 500, None);
    for pointer in ["/timestamp", "/state", "/type", "/score", "/explanation"] {
        assert_eq!(renamed.fields(pointer), plain.fields(pointer), "{pointer}");
    }
}

#[test]
fn silence_needs_no_event() {
    let mut driver = Driver::new(SETTINGS, 2);
    let day: Vec<_> = (0..30 * 3600)
        .step_by(2)
        .map(|second| Event { second, service: "web", latency: 100.0, failed: false })
        .collect();
    day.chunks(1000).for_each(|batch| driver.send(batch));
    assert_eq!(driver.anomalies.len(), 0);
    driver.wait(120);
    assert_eq!((&*driver.fields("/type")[0], &*driver.fields("/state")[0]), ("silence", "open"));
    assert!(driver.fields("/explanation")[0].starts_with("no request for"), "{:?}", driver.fields("/explanation"));
    // It stays silent: that is the new normal after two hours, and nothing is told any more.
    (0..200).for_each(|_| driver.wait(600));
    let told = driver.fields("/reason");
    assert_eq!(told.last().unwrap(), "new_normal", "{told:?}");
    let count = driver.anomalies.len();
    (0..2000).for_each(|_| driver.wait(600));
    assert_eq!(driver.anomalies.len(), count);
    driver.restart(2);
    assert!(driver.store.is_empty(), "after a week of silence it is forgotten");
}

#[test]
fn what_is_late_goes_no_further() {
    let mut driver = Driver::new(SETTINGS, 1);
    let event = |second| Event { second, service: "web", latency: 100.0, failed: false };
    driver.send(&[event(100)]);
    driver.send(&[event(50), event(101)]);
    assert_eq!((driver.passed, driver.late), (2, 1));
}

#[test]
fn there_are_no_more_keys_than_may_be() {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let mut driver = Driver::new(&format!("max_keys = 4\n{SETTINGS}"), 1);
    for (second, service) in (0..).step_by(7).zip(NAMES) {
        driver.send(&[Event { second, service, latency: -1.0, failed: false }]);
    }
    assert_eq!(driver.errors["key_evicted"], 2);
    assert_eq!(driver.errors["unusable_latency"], 6);
    driver.restart(1);
    assert!((4..=8).contains(&driver.store.len()), "two states for each key, of which one comes with its first bucket");
}

#[test]
fn windows_count_as_the_events_that_they_are_of() {
    let toml = "group_by = ['service']\nfields.latency = 'response_time_ms'\nfields.count = 'count'\n\
                fields.error_rate = 'error_rate'\nbucket = '60s'";
    let mut driver = Driver::new(toml, 2);
    let window = |minute: i64, latency: f64, error_rate: f64| {
        // As a window says it: at its last moment.
        let json = format!(r#"{{"service":"web","response_time_ms":{latency},"count":60,"error_rate":{error_rate}}}"#);
        (minute * 60 + 59, json)
    };
    for minute in 0..180 {
        let (latency, error_rate) = if minute < 150 { (100.0, 0.0) } else { (250.0, 0.5) };
        driver.send_json(&[window(minute, latency + (minute % 7) as f64, error_rate)]);
    }
    driver.end();
    let kinds: Vec<_> = driver.fields("/signals/0/type").into_iter().chain(driver.fields("/signals/1/type")).collect();
    assert!(kinds.contains(&"error_rate".to_owned()) && kinds.contains(&"latency".to_owned()), "{kinds:?}");
    assert_eq!(driver.fields("/state")[0], "open");
}

#[test]
fn what_is_known_is_not_written_with_every_event() {
    let mut driver = Driver::new(SETTINGS, 1);
    let event = |second| Event { second, service: "web", latency: 100.0, failed: false };
    (0..3600).for_each(|second| driver.send(&[event(second)]));
    driver.restart(1);
    driver.send(&[event(3601)]);
    let mut written = Vec::new();
    driver.shards[0].save(&mut |_, state| written.push(state.expect("it is there").len()));
    let is_small = matches!(written[..], [bucket, samples] if bucket < 400 && samples < 600);
    assert!(is_small, "what is known has several thousand bytes: {written:?}");
}
