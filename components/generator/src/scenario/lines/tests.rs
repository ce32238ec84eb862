//! The lines of a scenario: they say what the requests were, and go on from any place.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A hundredth of the usual traffic for a day.
fn small() -> Scenario {
    Scenario { days: 1, warm_up_days: 0, rate_factor: 0.01, ..Scenario::incidents() }
}

/// Up to so many lines from a place on, made in chunks of `most`, with the place behind each chunk.
fn lines(seed: u64, count: u64, place: Place, most: usize) -> (Vec<String>, Vec<Place>) {
    let mut maker = ScenarioLines::new(&small(), seed, Some(count), place);
    let (mut all, mut places) = (Vec::new(), Vec::new());
    while maker.next_time().is_some() {
        let (mut bytes, mut index) = (Vec::new(), Vec::new());
        maker.append(most, i64::MAX, &mut bytes, &mut index);
        all.extend(index.iter().map(|line| String::from_utf8(bytes[line.start..line.end].to_vec()).unwrap()));
        places.push(maker.place());
    }
    (all, places)
}

#[test]
fn lines_say_what_the_requests_were() {
    let (all, _) = lines(1, u64::MAX, Place::default(), 4096);
    let simulation = Simulation::new(&small(), 1);
    let mut requests: Vec<(i64, String, f64, bool)> = Vec::new();
    for (service, own) in simulation.services() {
        let told = |request: Request| (request.at.as_micros(), service.name.clone(), request.latency_ms, request.error);
        requests.extend(own.map(told));
    }
    requests.sort_by_key(|request| request.0);
    assert_eq!(all.len(), requests.len());
    let mut levels = std::collections::BTreeMap::new();
    for (line, (at, service, latency_ms, error)) in all.iter().zip(requests) {
        let log: Value = serde_json::from_str(line).unwrap();
        let level = log["level"].as_str().unwrap();
        assert_eq!(log["timestamp"], crate::timestamp::rfc3339(at));
        assert_eq!(log["service"], service);
        assert_eq!(matches!(level, "ERROR" | "CRITICAL"), error, "{line}");
        assert!((log["response_time_ms"].as_f64().unwrap() - latency_ms).abs() <= 0.000_501, "{line}");
        let text = line.split_once(r#""response_time_ms":"#).unwrap().1.split_once(',').unwrap().0;
        assert_eq!(text.split_once('.').unwrap().1.len(), 3, "{line}");
        for field in ["message", "endpoint", "request_id", "user_id", "ip_address"] {
            assert!(log[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {line}");
        }
        *levels.entry(level.to_owned()).or_insert(0) += 1;
    }
    assert_eq!(levels.keys().collect::<Vec<_>>(), ["CRITICAL", "DEBUG", "ERROR", "INFO", "WARN"]);
}

#[test]
fn another_service_changes_no_line() {
    let mut more = small();
    more.services.insert(0, Service { name: "new".to_owned(), ..more.services[0].clone() });
    let mut maker = ScenarioLines::new(&more, 1, None, Place::default());
    let (mut bytes, mut index) = (Vec::new(), Vec::new());
    maker.append(5000, i64::MAX, &mut bytes, &mut index);
    let texts = index.iter().map(|line| String::from_utf8(bytes[line.start..line.end].to_vec()).unwrap());
    let others: Vec<String> = texts.filter(|line| !line.contains(r#""service":"new""#)).collect();
    let (before, _) = lines(1, others.len() as u64, Place::default(), 4096);
    assert!(others == before && others.len() > 1000);
}

#[test]
fn nothing_is_made_before_it_is_due() {
    let mut maker = ScenarioLines::new(&small(), 1, None, Place::default());
    for _ in 0..100 {
        let next = maker.next_time().unwrap();
        let (mut bytes, mut index) = (Vec::new(), Vec::new());
        maker.append(1000, next - 1, &mut bytes, &mut index);
        assert!(index.is_empty());
        maker.append(1, next, &mut bytes, &mut index);
        assert_eq!(index[0].time, whole_milliseconds(next));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// From each of the places between chunks of any size, what follows is what followed.
    #[test]
    fn lines_go_on_from_any_place(seed: u64, most in 1..3000_usize, which: prop::sample::Index) {
        let (whole, places) = lines(seed, 5000, Place::default(), most);
        let place = *which.get(&places);
        let (rest, _) = lines(seed, 5000, place, 777);
        prop_assert!(rest == whole[place.lines as usize..]);
    }
}
