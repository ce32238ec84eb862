//! What is told: new, vanished and frequent templates, storms, and what is not.

use super::*;

/// A second of a service: three templates that come every second, with numbers in them.
fn usual(second: i64) -> Vec<Event> {
    let line = |place: i64, text: &str| event(second * 1000 + place, "web", text);
    vec![
        line(0, &format!("GET /x/{second} took {} ms", second % 90)),
        line(1, &format!("cache hit {second} in region {}", second % 7)),
        line(2, "heartbeat ok"),
    ]
}

/// Ends at this second, having learned.
const LEARNED: i64 = 4500;

/// A transform that has learned for longer than an hour.
fn learned(toml: &str) -> Driver {
    let mut driver = Driver::new(toml, 1, 1);
    let events: Vec<Event> = (0..LEARNED).flat_map(usual).collect();
    driver.feed(&events);
    assert_eq!(driver.told(), [], "what is usual is quiet");
    driver
}

/// The usual from the end of learning on, for so many seconds, changed by `change`.
fn go_on(driver: &mut Driver, seconds: i64, change: impl Fn(i64, &mut Vec<Event>)) {
    let mut all = Vec::new();
    for second in 0..seconds {
        let mut events = usual(LEARNED + second);
        change(second, &mut events);
        all.extend(events);
    }
    driver.feed(&all);
}

/// Told of at these seconds after the end of learning.
fn since_learned(driver: &Driver) -> Vec<(i64, String)> {
    driver.told().into_iter().map(|(at, words)| (at - LEARNED, words)).collect()
}

#[test]
fn a_new_template_is_told_once_and_known_from_then_on() {
    let mut driver = learned("group_by = ['service']");
    go_on(&mut driver, 900, |second, events| {
        if matches!(second, 7 | 8 | 650) {
            events.push(event((LEARNED + second) * 1000 + 5, "web", format!("disk {second} is about to fail")));
        }
    });
    let expected =
        [(10, "open new 1"), (310, "resolved back_to_normal new 1")].map(|(at, words)| (at, words.to_owned()));
    assert_eq!(since_learned(&driver), expected);
    let anomaly = &driver.anomalies[0];
    assert_eq!(anomaly["type"], "pattern");
    assert_eq!(anomaly["explanation"], "new: “disk <*> is about to fail”, 2 times in 10 s");
    assert_eq!(anomaly["key"]["service"], "web");
    assert_eq!(anomaly["key"]["template_id"], anomaly["evidence"]["templates"][0]["template_id"]);
    assert_eq!(anomaly["samples"][0]["message"], "disk 7 is about to fail");
    assert_eq!(anomaly["evidence"]["method"], "pattern");
    assert_eq!(anomaly["incident_id"], driver.anomalies[1]["incident_id"]);
}

#[test]
fn before_it_has_learned_nothing_is_new() {
    let mut driver = Driver::new("learn = '2h'", 1, 1);
    for second in 0..LEARNED {
        let mut events = usual(second);
        if second % 1000 == 999 {
            events.push(event(second * 1000 + 9, "web", "x ".repeat(second as usize / 1000 + 1)));
        }
        driver.feed(&events);
    }
    assert_eq!(driver.told(), []);
}

#[test]
fn a_storm_of_new_templates_is_one_incident() {
    let mut driver = learned("");
    go_on(&mut driver, 400, |second, events| {
        if second < 30 {
            let line = |place: i64| {
                let words = "abcdefghij".chars().map(|letter| format!("{letter}{place}-{second}"));
                words.take((second + 5) as usize % 9 + 1).collect::<Vec<_>>().join(" word ")
            };
            events.extend((0..10).map(|place| {
                event((LEARNED + second) * 1000 + place, "web", format!("p{second}q{place}z {}", line(place)))
            }));
        }
    });
    let told = since_learned(&driver);
    assert_eq!(told.iter().filter(|(_, words)| words.starts_with("open")).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|(_, words)| words.starts_with("resolved")).count(), 1, "{told:?}");
    assert!(told.len() < 8 && told[0].0 == 10, "{told:?}");
    let storm = &driver.anomalies[0];
    assert!(storm["key"].get("template_id").is_none());
    assert_eq!(
        (storm["evidence"]["templates"].as_array().unwrap().len(), storm["samples"].as_array().unwrap().len()),
        (10, 10)
    );
    assert!(storm["explanation"].as_str().unwrap().contains(" new templates, such as “"), "{}", storm["explanation"]);
}

#[test]
fn a_template_that_vanishes_is_missed_and_welcomed_back() {
    let mut driver = learned("");
    go_on(&mut driver, 1200, |second, events| {
        if (100..400).contains(&second) {
            events.pop();
        }
    });
    let told = since_learned(&driver);
    assert_eq!(told[0].1, "open vanished 1");
    assert!((110..=160).contains(&told[0].0), "{told:?}");
    let (end, last) = told.last().unwrap();
    assert!(last.starts_with("resolved back_to_normal vanished"), "{told:?}");
    assert!((690..=1000).contains(end), "{told:?}");
    assert!(driver.anomalies[0]["explanation"].as_str().unwrap().starts_with("missing: “heartbeat ok” for "));
    assert_eq!(driver.anomalies[0]["samples"][0]["message"], "heartbeat ok");
}

#[test]
fn when_nobody_speaks_time_alone_tells_of_it_and_ends_it() {
    let mut driver = learned("");
    driver.tick((LEARNED + 600) * 1000);
    let opened = since_learned(&driver);
    assert!(
        opened.len() >= 3
            && opened
                .iter()
                .all(|(at, words)| *at < 120 && words.starts_with("open vanished 1") || words.starts_with("update")),
        "{opened:?}"
    );
    driver.tick((LEARNED + 40_000_000) * 1000);
    let ended = since_learned(&driver).iter().filter(|(_, words)| words == "resolved new_normal vanished 1").count();
    assert_eq!(ended, 3);
    let told = driver.anomalies.len();
    driver.tick((LEARNED + 80_000_000) * 1000);
    assert_eq!(driver.anomalies.len(), told);
}

#[test]
fn a_burst_of_one_template_is_told() {
    let mut driver = learned("");
    go_on(&mut driver, 900, |second, events| {
        if (100..160).contains(&second) {
            let line = |place: i64| event((LEARNED + second) * 1000 + 10 + place, "web", "heartbeat ok");
            events.extend((0..30).map(line));
        }
    });
    let told = since_learned(&driver);
    assert_eq!(told[0].1, "open more 1");
    assert!((110..=130).contains(&told[0].0), "{told:?}");
    assert!(told.last().unwrap().1.starts_with("resolved back_to_normal more"), "{told:?}");
    assert_eq!(told.iter().filter(|(_, words)| words.starts_with("open")).count(), 1, "{told:?}");
    for anomaly in &driver.anomalies {
        let evidence: crate::pattern::PatternEvidence = serde_json::from_value({
            let mut evidence = anomaly["evidence"].clone();
            evidence.as_object_mut().unwrap().remove("method");
            evidence
        })
        .unwrap();
        let (told, again) = (anomaly["score"].as_f64().unwrap(), evidence.score());
        assert!((told - again).abs() < 1e-9 * again, "{told} can be computed again, as {again}");
    }
}

#[test]
fn a_lasting_change_is_the_new_normal() {
    let mut driver = learned("");
    go_on(&mut driver, 8_000, |second, events| {
        let line = |place: i64| event((LEARNED + second) * 1000 + 10 + place, "web", "heartbeat ok");
        events.extend((0..10).map(line));
    });
    let told = since_learned(&driver);
    assert_eq!(told.iter().filter(|(_, words)| words.starts_with("open")).count(), 1, "{told:?}");
    assert!(told.last().unwrap().1.starts_with("resolved new_normal more"), "{told:?}");
}

#[test]
fn the_end_of_the_input_closes_what_has_an_event_and_resolves_nothing() {
    let mut driver = learned("");
    go_on(&mut driver, 9, |second, events| {
        if second == 8 {
            events.push(event((LEARNED + second) * 1000 + 5, "web", "one that is new"));
        }
    });
    assert_eq!(driver.told(), []);
    driver.end();
    assert_eq!(since_learned(&driver), [(10, "open new 1".to_owned())]);
}
