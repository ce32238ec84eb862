//! The known traps of the classic rules, and the ways out of them that the settings offer.

use logd_detect::incident::{Anomaly, Kind, Reason, Severity, State};
use logd_detect::rule::{Confirm, Criterion, Direction, Settings, Side};

use crate::{Run, calm, minutes, second};

const BACK: Option<Reason> = Some(Reason::BackToNormal);

fn with_zscore(settings: Settings, threshold: f64, min_std: f64) -> Settings {
    let mut settings = settings;
    settings.rule.criterion = Criterion::Zscore { threshold, min_std, min_std_ratio: 0.0 };
    settings
}

fn confirmed(settings: Settings, confirm: &str) -> Settings {
    Settings { confirm: confirm.parse().unwrap(), ..settings }
}

#[test]
fn a_slow_service_is_told_once_at_each_end() {
    let mut run = Run::new(confirmed(Settings::zscore(), "2 of 3"));
    run.see_all(calm(200)).see_all([1180.0; 45]).see_all(calm(100));
    assert_eq!(run.told(), [(202, State::Open, None), (255, State::Resolved, BACK)]);
    let [open, resolved] = &run.anomalies[..] else { panic!("two events") };

    assert_eq!((open.since, open.window.start), (second(200), second(201)));
    assert_eq!((open.r#type, open.severity), (Kind::HighLatency, Severity::Critical));
    assert_eq!(open.detector, "latency");
    assert_eq!(open.explanation, "mean 1,180 ms, usually 295 ± 37 ms (z 24, threshold 3)");
    assert_eq!(open.incident_id, resolved.incident_id);
    assert_ne!(open.id, resolved.id);
    assert_eq!(resolved.peak.timestamp, second(202));
    let sentence = "mean 295 ms, usually 295 ± 37 ms, back to normal after 55 s, peak 1,180 ms (z 24)";
    assert_eq!(resolved.explanation, sentence);
}

#[test]
fn the_event_reads_as_its_schema_says() {
    let mut run = Run::new(Settings::zscore());
    run.see_all(calm(200)).see(1180.0);
    let json = serde_json::to_value(&run.anomalies[0]).unwrap();
    let expected = serde_json::json!({
        "state": "open", "reason": null, "timestamp": "1970-01-01T00:03:21Z", "since": "1970-01-01T00:03:20Z",
        "window": {"start": "1970-01-01T00:03:20Z", "end": "1970-01-01T00:03:21Z"},
        "detector": "latency", "type": "high_latency", "key": {"service": "payment-service"},
        "severity": "critical", "value": 1180.0, "threshold": 3.0, "samples": [],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&json[field], value, "{field}");
    }
    assert_eq!(json["baseline"]["n"], 200);
    assert_eq!(json["baseline"]["season"], "none");
    assert_eq!(json["evidence"]["confirm"], "1 of 1");
    assert_eq!(json["evidence"]["points"].as_array().unwrap().len(), 10);
    assert_eq!(json["id"].as_str().unwrap().len(), 32);
    assert_eq!(serde_json::from_value::<Anomaly>(json).unwrap(), run.anomalies[0]);
}

#[test]
fn the_verdict_can_be_computed_again_from_the_event() {
    let mut run = Run::new(confirmed(Settings::zscore(), "3 of 5"));
    run.see_all(calm(100)).see_all([600.0, 300.0, 610.0, 300.0, 620.0]);
    let open = &run.anomalies[0];
    assert_eq!(open.evidence.rule().unwrap().confirmed(), Some((Side::Up, open.since)));
    // It would not have opened with one more point to confirm it, nor at a threshold above its score.
    let mut other = open.evidence.rule().unwrap().clone();
    other.confirm = Confirm::new(4, 5).unwrap();
    assert_eq!(other.confirmed(), None);
    let mut other = open.evidence.rule().unwrap().clone();
    other.rule.criterion = Criterion::Zscore { threshold: open.score, min_std: 0.0, min_std_ratio: 0.0 };
    assert_eq!(other.confirmed(), None);
}

#[test]
fn without_relearning_a_lasting_shift_locks_the_detector_in() {
    let shifted = |n| calm(n).map(|value| value + 400.0);
    let mut run = Run::new(Settings { relearn_after: None, ..Settings::zscore() });
    run.see_all(calm(200)).see_all(shifted(20_000));
    assert_eq!(run.ends(), [(201, State::Open, None)], "for ever, as the classic rule has it");
}

#[test]
fn a_lasting_shift_becomes_normal_and_the_next_incident_is_found() {
    let shifted = |n| calm(n).map(|value| value + 400.0);
    let mut run = Run::new(Settings { relearn_after: Some(minutes(10)), ..Settings::zscore() });
    run.see_all(calm(200)).see_all(shifted(2000)).see_all([1500.0; 30]).see_all(shifted(200));
    let new_normal = Some(Reason::NewNormal);
    let expected = [
        (201, State::Open, None),
        (800, State::Resolved, new_normal),
        (2201, State::Open, None),
        (2240, State::Resolved, BACK),
    ];
    assert_eq!(run.ends(), expected);
    let sentence = "mean 685 ms, new normal 695 ± 37 ms instead of 295 ± 37 ms after 10 min, peak 755 ms (z 12)";
    let resolved = run.anomalies.iter().find(|anomaly| anomaly.reason.is_some()).unwrap();
    assert_eq!(resolved.explanation, sentence);
}

#[test]
fn a_key_with_few_values_relearns_when_it_has_enough() {
    let mut run = Run::new(Settings { relearn_after: Some(minutes(1)), ..Settings::zscore() });
    run.see_all(calm(20));
    // One value in half a minute: after a minute there are two, and ten only after five.
    for _ in 0..15 {
        run.second += 29;
        run.see(900.0 + (run.second % 7) as f64);
    }
    assert_eq!(run.told()[0].1, State::Open);
    assert_eq!(run.told()[1], (20 + 11 * 30, State::Resolved, Some(Reason::NewNormal)));
}

#[test]
fn no_spread_hides_a_jump_unless_it_is_lifted() {
    let jump = || [200.0; 50].into_iter().chain([900.0]);
    let mut classic = Run::new(Settings::zscore());
    assert_eq!(classic.see_all(jump()).told(), []);
    let mut lifted = Run::new(with_zscore(Settings::zscore(), 3.0, 10.0));
    assert_eq!(lifted.see_all(jump()).told(), [(51, State::Open, None)]);
}

#[test]
fn faster_answers_are_an_anomaly_only_where_asked_for() {
    let faster = || calm(100).chain([40.0; 10]);
    let mut both = Run::new(Settings::zscore());
    both.see_all(faster());
    assert_eq!(both.anomalies[0].r#type, Kind::LowLatency);
    assert_eq!(both.anomalies[0].explanation, "mean 40 ms, usually 295 ± 38 ms (z 6.8, threshold 3)");
    let mut settings = Settings::zscore();
    settings.rule.direction = Direction::Up;
    assert_eq!(Run::new(settings).see_all(faster()).told(), []);
}

#[test]
fn one_wild_value_is_no_incident_where_two_are_asked_for() {
    let mut run = Run::new(confirmed(Settings::zscore(), "2 of 3"));
    for _ in 0..5 {
        run.see_all([1e9]).see_all(calm(13));
    }
    run.see_all(calm(100)).see_all([1e9]).see_all(calm(10));
    assert_eq!(run.told(), []);
    // Nor does it widen the baseline: what exceeds the rule stays out.
    let mut run = Run::new(confirmed(Settings::zscore(), "2 of 3"));
    run.see_all(calm(100)).see_all([1e9]).see_all(calm(10)).see_all([600.0; 2]);
    assert_eq!(run.told(), [(113, State::Open, None)]);
}

#[test]
fn confirmation_wants_one_side() {
    let mut run = Run::new(confirmed(Settings::zscore(), "2 of 3"));
    run.see_all(calm(100)).see_all([600.0, 20.0, 295.0, 20.0, 600.0]);
    let sides: Vec<_> = run.anomalies.iter().map(|anomaly| (anomaly.r#type, anomaly.since)).collect();
    assert_eq!(sides, [(Kind::LowLatency, second(101))]);
}

#[test]
fn a_spike_is_found_on_eleven_percent_and_not_on_twenty_five() {
    let errors = |base: f64, burst: f64| {
        let usual = move |n| (0..n).map(move |i| base + f64::from(i % 5 - 2) * 0.01);
        usual(120).chain([burst; 3]).chain(usual(60))
    };
    let mut run = Run::new(Settings::spike());
    run.see_all(errors(0.11, 0.61));
    assert_eq!(run.told(), [(121, State::Open, None), (133, State::Resolved, BACK)]);
    let sentence = "error rate 61 %, usually 11 % (5.5 ×, threshold 5 × and 10 %)";
    assert_eq!(run.anomalies[0].explanation, sentence);
    assert_eq!(run.anomalies[0].severity, Severity::Warning);

    assert_eq!(Run::new(Settings::spike()).see_all(errors(0.25, 0.6)).told(), [], "five times 25 % is more than all");
    assert_eq!(Run::new(Settings::spike()).see_all(errors(0.02, 0.09)).told(), [], "less than 10 %");
    let mut finer = Settings::spike();
    finer.rule.criterion = Criterion::Spike { factor: 2.0, min_value: 0.05 };
    assert_eq!(Run::new(finer).see_all(errors(0.25, 0.6)).told().len(), 2, "a smaller factor sees it");
}

#[test]
fn a_long_spike_is_not_over_before_it_is_over() {
    let usual = || [0.10, 0.11, 0.12].into_iter().cycle();
    let mut run = Run::new(Settings::spike());
    // After three windows the mean of the last hundred has grown too much for the classic rule to fire again.
    run.see_all(usual().take(120)).see_all([0.61; 90]).see_all(usual().take(60));
    assert_eq!(run.told(), [(121, State::Open, None), (213, State::Resolved, BACK)]);
    let sentence = "error rate 12 %, usually 11 %, back to normal after 1 min 33 s, peak 61 %";
    assert_eq!(run.anomalies[1].explanation, sentence);
}

#[test]
fn a_key_that_falls_silent_is_resolved_as_of_its_time() {
    let mut run = Run::new(Settings::zscore());
    run.see_all(calm(100)).see(900.0);
    assert!(run.state.is_open());
    let mut forgotten = run.state.clone();
    let limit = second(101 + 7200);
    let Run { detector, key, state, .. } = &mut run;
    let key = || key.clone();
    assert!(detector.advance(state, key, second(7200)).is_none());
    let resolved = detector.advance(state, key, second(100_000)).unwrap();
    assert_eq!((resolved.reason, resolved.timestamp), (Some(Reason::NoData), limit));
    assert!(detector.advance(state, key, second(200_000)).is_none(), "once");

    let let_go = detector.forget(&mut forgotten, key).unwrap();
    assert_eq!((let_go.reason, let_go.timestamp), (Some(Reason::NoLongerWatched), second(101)));
    assert!(detector.forget(&mut forgotten, key).is_none());
}

#[test]
fn the_watermark_need_not_come_before_the_next_value() {
    let (mut early, mut late) = (Run::new(Settings::zscore()), Run::new(Settings::zscore()));
    for run in [&mut early, &mut late] {
        run.see_all(calm(100)).see(900.0);
        run.second = 9000;
    }
    let told = early.detector.advance(&mut early.state, || early.key.clone(), second(8000));
    early.anomalies.extend(told);
    for run in [&mut early, &mut late] {
        run.see_all([950.0; 3]);
    }
    let reasons: Vec<_> = late.anomalies.iter().map(|anomaly| (anomaly.state, anomaly.reason)).collect();
    assert_eq!(reasons, [(State::Open, None), (State::Resolved, Some(Reason::NoData)), (State::Open, None)]);
    assert_eq!((&early.anomalies, &early.state), (&late.anomalies, &late.state));
}
