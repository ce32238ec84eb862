//! What the stream as a whole must be: the classic mix, the same bytes however it is made, incidents where they belong.

use std::collections::HashMap;

use serde_json::Value;

use crate::{Generator, Incident, Kind, Level, Line, Plan, Position, Service};

const SECOND: i64 = 1_000_000;

/// When live time begins in these tests; not a whole millisecond, as a clock is not.
const LIVE: i64 = 1_700_000_000_000_123;

fn plan(count: u64) -> Plan {
    Plan { seed: 42, start: LIVE, live: LIVE, rate: 1000, count: Some(count), incidents: Vec::new() }
}

fn incident(kind: Kind, at: i64, duration: i64, factor: f64) -> Incident {
    Incident { kind, service: Service::PaymentService, at: at * SECOND, duration: duration * SECOND, factor }
}

/// The lines of a plan from a position on, made in chunks of `most`, each with its time.
fn lines(plan: &Plan, position: Position, most: usize) -> Vec<(i64, String)> {
    let mut generator = Generator::new(plan, position);
    let mut all = Vec::new();
    while generator.next_time().is_some() {
        let (mut bytes, mut index) = (Vec::new(), Vec::new());
        generator.append(most, i64::MAX, &mut bytes, &mut index);
        let text = |line: &Line| String::from_utf8(bytes[line.start..line.end].to_vec()).unwrap();
        all.extend(index.iter().map(|line| (line.time, text(line))));
        assert_eq!(bytes.len(), index.iter().map(|line| line.end - line.start).sum::<usize>());
    }
    all
}

fn all_lines(plan: &Plan) -> Vec<(i64, String)> {
    lines(plan, Position::default(), 4096)
}

/// All lines of a plan as JSON objects.
fn objects(plan: &Plan) -> Vec<Value> {
    all_lines(plan).iter().map(|(_, line)| serde_json::from_str(line).unwrap()).collect()
}

fn response_time(log: &Value) -> u64 {
    log["response_time_ms"].as_u64().unwrap()
}

/// The mean response time and the share of failures, of those logs that `of` picks.
fn means(logs: &[Value], of: impl Fn(&Value) -> bool) -> (f64, f64) {
    let picked: Vec<&Value> = logs.iter().filter(|log| of(log)).collect();
    let failures = picked.iter().filter(|log| log["level"] == "ERROR" || log["level"] == "CRITICAL").count();
    let sum: u64 = picked.iter().map(|log| response_time(log)).sum();
    (sum as f64 / picked.len() as f64, failures as f64 / picked.len() as f64)
}

/// Asserts that `count` of `total` is within five standard deviations of a share.
fn assert_share(count: usize, total: usize, share: f64, what: &str) {
    let deviation = (share * (1.0 - share) / total as f64).sqrt();
    let found = count as f64 / total as f64;
    assert!((found - share).abs() < 5.0 * deviation, "{what}: {found} instead of {share}");
}

/// All the incidents there are, within the first minute.
fn troubled(count: u64) -> Plan {
    let mut plan = plan(count);
    plan.incidents = vec![
        incident(Kind::Traffic, 1, 3, 2.5),
        incident(Kind::Latency, 3, 4, 4.0),
        incident(Kind::ErrorRate, 5, 4, 6.0),
        incident(Kind::Silence, 10, 2, 1.0),
    ];
    plan
}

#[test]
fn lines_are_the_classic_mix() {
    let logs = objects(&plan(100_000));
    for service in Service::ALL {
        let count = logs.iter().filter(|log| log["service"] == service.name()).count();
        assert_share(count, logs.len(), 0.2, service.name());
    }
    for level in Level::ALL {
        let count = logs.iter().filter(|log| log["level"] == level.name()).count();
        assert_share(count, logs.len(), f64::from(level.percent()) / 100.0, level.name());
    }
    assert_share(logs.iter().filter(|log| log["is_anomaly"] == true).count(), logs.len(), 0.05, "anomalies");
    assert_eq!(Level::ALL.map(Level::percent).iter().sum::<u32>(), 100);
    let failures = Level::ALL.iter().filter(|level| level.is_failure()).map(|level| level.percent());
    assert_eq!(f64::from(failures.sum::<u32>()), Level::FAILURE_SHARE * 100.0);
}

#[test]
fn response_times_fill_their_ranges() {
    let mut seen: HashMap<(String, u64), (u64, u64)> = HashMap::new();
    for log in objects(&plan(400_000)) {
        let anomaly = log["is_anomaly"] == true;
        let mut factor = if anomaly && log["level"] == "ERROR" { 3 } else { 1 };
        if anomaly && log["service"] == "database" {
            factor *= 2;
        }
        let time = response_time(&log);
        assert_eq!(time % factor, 0, "{log}");
        let (least, greatest) =
            seen.entry((log["level"].as_str().unwrap().to_owned(), factor)).or_insert((u64::MAX, 0));
        (*least, *greatest) = ((*least).min(time / factor), (*greatest).max(time / factor));
    }
    for level in Level::ALL {
        let (least, greatest) = level.response_time_ms();
        for factor in [1, 2, 3, 6] {
            let Some(found) = seen.get(&(level.name().to_owned(), factor)) else {
                assert!(if level == Level::Error { factor == 2 } else { factor >= 3 }, "{level:?} × {factor}");
                continue;
            };
            assert!(found.0 >= least.into() && found.1 <= greatest.into(), "{level:?} × {factor}: {found:?}");
        }
        let plain = seen[&(level.name().to_owned(), 1)];
        let slack = u64::from(greatest - least) / 50;
        assert!(plain.0 <= u64::from(least) + slack && plain.1 >= u64::from(greatest) - slack, "{level:?}: {plain:?}");
    }
}

#[test]
fn a_line_reads_like_this() {
    let (time, line) = &all_lines(&plan(1))[0];
    let log: Value = serde_json::from_str(line).unwrap();
    assert_eq!(log["timestamp"], "2023-11-14T22:13:20.000Z");
    assert_eq!(*time, LIVE - 123);
    let fields = [
        "timestamp",
        "service",
        "level",
        "message",
        "response_time_ms",
        "user_id",
        "request_id",
        "ip_address",
        "endpoint",
        "is_anomaly",
    ];
    let places: Vec<_> = fields.iter().map(|field| line.find(&format!("\"{field}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{line}");
    assert_eq!(log.as_object().unwrap().len(), fields.len());
    assert!(log["endpoint"].as_str().unwrap().starts_with("/api/v1/"));
}

#[test]
fn lines_are_compact_and_about_280_bytes() {
    let lines = all_lines(&plan(20_000));
    let bytes: usize = lines.iter().map(|(_, line)| line.len()).sum();
    assert!((270..=290).contains(&(bytes / lines.len())), "{}", bytes / lines.len());
    assert!(lines.iter().all(|(_, line)| !line.contains('\n') && !line.contains("\": ")));
}

#[test]
fn a_line_has_the_time_that_its_text_says() {
    let plan = Plan { rate: 300, ..plan(2_000) };
    for (number, (time, line)) in all_lines(&plan).iter().enumerate() {
        let log: Value = serde_json::from_str(line).unwrap();
        let text = chrono::DateTime::parse_from_rfc3339(log["timestamp"].as_str().unwrap()).unwrap();
        assert_eq!(text.timestamp_micros(), *time);
        let exact = LIVE + number as i64 * SECOND / 300;
        assert_eq!(*time, exact - exact % 1000);
    }
}

#[test]
fn chunks_change_nothing() {
    let plan = troubled(15_000);
    let whole = all_lines(&plan);
    for most in [1, 7, 1000] {
        assert!(lines(&plan, Position::default(), most) == whole, "chunks of {most}");
    }
    assert!(all_lines(&Plan { seed: 43, ..plan }) != whole);
}

#[test]
fn a_stream_goes_on_at_any_position() {
    let plan = troubled(15_000);
    let whole = all_lines(&plan);
    let mut generator = Generator::new(&plan, Position::default());
    for made in 0..whole.len() {
        if made % 97 == 0 {
            let position = generator.position();
            assert_eq!(position.lines, made as u64);
            let rest: Vec<_> = whole[made..].iter().take(50).cloned().collect();
            let short = Plan { count: Some((made + rest.len()) as u64), ..plan.clone() };
            assert!(lines(&short, position, 8) == rest, "at line {made}, {position:?}");
        }
        generator.append(1, i64::MAX, &mut Vec::new(), &mut Vec::new());
    }
    assert_eq!(generator.next_time(), None);
}

#[test]
fn only_what_is_due_is_made() {
    let mut generator = Generator::new(&plan(5_000), Position::default());
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    let mut made = |now| {
        generator.append(usize::MAX, now, &mut bytes, &mut lines);
        lines.len()
    };
    assert_eq!(made(LIVE - 1), 0);
    assert_eq!(made(LIVE), 1);
    assert_eq!(made(LIVE + 999), 1);
    assert_eq!(made(LIVE + SECOND), 1001);
    assert_eq!(made(LIVE + SECOND), 1001);
    assert_eq!(made(LIVE + 60 * SECOND), 5000);
}

#[test]
fn incidents_keep_to_their_time_and_service() {
    let plan = Plan { rate: 5000, ..plan(75_000) };
    let calm = all_lines(&plan);
    for kind in [Kind::Latency, Kind::ErrorRate] {
        let changed = Plan { incidents: vec![incident(kind, 5, 3, 4.0)], ..plan.clone() };
        let mut different = 0;
        for ((time, before), (_, after)) in calm.iter().zip(all_lines(&changed)) {
            if *before != after {
                assert!((LIVE - 123 + 5 * SECOND..LIVE - 123 + 8 * SECOND).contains(time), "{kind:?}: {after}");
                assert!(before.contains("\"payment-service\""), "{kind:?}: {after}");
                different += 1;
            }
        }
        assert!(different > 500, "{kind:?}: {different}");
    }
    for kind in [Kind::Traffic, Kind::Silence] {
        let changed = Plan { incidents: vec![incident(kind, 5, 3, 0.5)], count: Some(74_000 / 2), ..plan.clone() };
        let mut left = all_lines(&changed).into_iter().peekable();
        for line in &calm {
            let within = (LIVE - 123 + 5 * SECOND..LIVE - 123 + 8 * SECOND).contains(&line.0);
            match left.peek() {
                None => break,
                Some(next) if next == line => left.next(),
                Some(_) => {
                    assert!(within && line.1.contains("\"payment-service\""), "{kind:?}: {}", line.1);
                    None
                }
            };
        }
        assert_eq!(left.next(), None, "{kind:?}");
    }
}

#[test]
fn latency_and_errors_are_multiplied_one_without_the_other() {
    let payment = |log: &Value| log["service"] == "payment-service";
    let long = |kind, factor| Plan { incidents: vec![incident(kind, 0, 3600, factor)], ..plan(200_000) };
    let (latency, failures) = means(&objects(&plan(200_000)), payment);
    assert!((latency - 294.6).abs() < 15.0 && (failures - 0.11).abs() < 0.01, "{latency} {failures}");
    for factor in [0.5, 4.0] {
        let (slow, same) = means(&objects(&long(Kind::Latency, factor)), payment);
        assert!((slow / latency - factor).abs() < 0.01 && same == failures, "{slow} {same}");
    }
    for (factor, share) in [(0.5, 0.055), (6.0, 0.66), (100.0, 1.0)] {
        let (same, often) = means(&objects(&long(Kind::ErrorRate, factor)), payment);
        assert!((often - share).abs() < 0.015 && same == latency, "{same} {often}");
    }
}

#[test]
fn traffic_is_multiplied_and_stays_in_order() {
    let plan = Plan { incidents: vec![incident(Kind::Traffic, 10, 20, 2.5)], ..plan(60_000) };
    let lines = all_lines(&plan);
    let of_payment = |from: i64, till: i64| {
        let span = LIVE + from * SECOND - 123..LIVE + till * SECOND - 123;
        lines.iter().filter(|(time, line)| span.contains(time) && line.contains("\"payment-service\"")).count()
    };
    let (before, within) = (of_payment(0, 10) as f64 / 10.0, of_payment(10, 30) as f64 / 20.0);
    assert!((before - 200.0).abs() < 30.0 && (within - 500.0).abs() < 40.0, "{before} {within}");
    assert!(lines.is_sorted_by_key(|(time, _)| *time));
    let requests = |line: &String| serde_json::from_str::<Value>(line).unwrap()["request_id"].to_string();
    let different: std::collections::HashSet<_> = lines.iter().map(|(_, line)| requests(line)).collect();
    assert_eq!(different.len(), lines.len(), "extra lines are lines of their own");
}

#[test]
fn incidents_are_told_from_the_end_of_the_backfill() {
    let backfilled = Plan {
        start: LIVE - 1800 * SECOND,
        incidents: vec![incident(Kind::Silence, -600, 60, 1.0)],
        ..plan(1_800_000)
    };
    let mut generator = Generator::new(&backfilled, Position { slot: 1_199_000, lines: 1_199_000, copy: 0 });
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    generator.append(usize::MAX, LIVE - 500 * SECOND, &mut bytes, &mut lines);
    let spoke =
        lines.iter().filter(|line| bytes[line.start..line.end].windows(17).any(|part| part == b"\"payment-service\""));
    let times: Vec<i64> = spoke.map(|line| line.time - LIVE).collect();
    let gap = times.windows(2).max_by_key(|pair| pair[1] - pair[0]).unwrap();
    assert!((-600 * SECOND - 100_000..=-600 * SECOND).contains(&gap[0]), "{gap:?}");
    assert!((-540 * SECOND - 1000..-540 * SECOND + 100_000).contains(&gap[1]), "{gap:?}");
    let label: Value = serde_json::from_str(&backfilled.labels().next().unwrap()).unwrap();
    assert_eq!(label["start"], "2023-11-14T22:03:20.000Z");
}

#[test]
fn without_a_rate_the_stream_is_that_of_a_thousand_a_second() {
    assert!(all_lines(&Plan { rate: 0, ..plan(3000) }) == all_lines(&plan(3000)));
}
