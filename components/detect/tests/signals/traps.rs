//! What the classic rules fail at, and what no detector must be fooled by.

use logd_detect::incident::{Anomaly, Kind, Reason, State};
use logd_detect::signals::Settings;

use super::workload::{self, DAY, Doing, Event, HOUR, Random, events, usual};
use super::{MONDAY, Run};

/// A week in which nothing happens, and what is known after it.
fn learned(seed: u64, days: usize) -> (Run, Random) {
    let (mut run, mut random) = (Run::new(), Random::new(seed));
    run.go_on(&mut random, days * DAY, usual);
    assert_eq!(run.told, [], "nothing happens, and nothing is told");
    (run, random)
}

/// As usual, with a latency times so much.
fn slower(times: f64) -> impl Fn(usize) -> Doing {
    move |tick| Doing { latency: usual(tick).latency * times, ..usual(tick) }
}

fn failing(errors: f64) -> impl Fn(usize) -> Doing {
    move |tick| Doing { errors, ..usual(tick) }
}

#[test]
fn a_lasting_shift_is_one_alarm_and_then_the_new_normal() {
    let (mut run, mut random) = learned(1, 3);
    run.go_on(&mut random, 8 * HOUR, slower(1.6));
    let opened = run.opened();
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert!(matches!(opened[0].1, Kind::Latency | Kind::Degradation), "{opened:?}");
    let last = run.told.last().unwrap();
    assert_eq!((last.state, last.reason), (State::Resolved, Some(Reason::NewNormal)));
    assert!(run.tick_of(last) <= 3 * DAY + 3 * HOUR, "closed within three hours");
    run.go_on(&mut random, HOUR, slower(1.6 * 2.5));
    assert_eq!(run.opened().len(), 2, "the next one is found");
    run.go_on(&mut random, 2 * HOUR, slower(1.6));
    assert_eq!(run.told.last().unwrap().reason, Some(Reason::BackToNormal));
}

#[test]
fn a_jump_after_nothing_but_equal_values_is_seen() {
    let mut run = Run::new();
    let equal: &[Event] = &[(Some(100.0), false); 5];
    (0..DAY).for_each(|_| run.close(equal));
    assert_eq!(run.told, []);
    (0..30).for_each(|_| run.close(&[(Some(150.0), false); 5]));
    let opened = run.opened();
    // Where all are equal, what is half as slow again is also among the slowest.
    assert!(matches!(opened[..], [(tick, Kind::Latency | Kind::TailLatency)] if tick <= DAY + 12), "{opened:?}");
}

#[test]
fn more_errors_are_found_whatever_is_usual() {
    for (seed, usually, then) in [(2, 0.25, 0.6), (3, 0.005, 0.05)] {
        let (mut run, mut random) = (Run::new(), Random::new(seed));
        run.go_on(&mut random, 2 * DAY, failing(usually));
        assert_eq!(run.told, [], "{usually} is usual");
        run.go_on(&mut random, HOUR, failing(then));
        assert!(matches!(run.opened()[..], [(_, Kind::ErrorRate)]), "{usually} to {then}: {:?}", run.opened());
    }
}

#[test]
fn faster_answers_are_no_alarm() {
    let (mut run, mut random) = learned(4, 2);
    run.go_on(&mut random, 6 * HOUR, slower(0.3));
    assert_eq!(run.told, []);
}

#[test]
fn the_nightly_job_is_quiet_from_the_fourth_day() {
    let (mut run, mut random) = (Run::new(), Random::new(5));
    let nightly = |tick: usize| {
        let Doing { events, latency, .. } = usual(tick);
        let is_on = (3 * HOUR..3 * HOUR + 90).contains(&(tick % DAY));
        if is_on { Doing { events: 4.0 * events, latency: 1.3 * latency, ..usual(tick) } } else { usual(tick) }
    };
    run.go_on(&mut random, 8 * DAY, nightly);
    let late: Vec<_> = run.opened().into_iter().filter(|(tick, _)| *tick > 3 * DAY).collect();
    assert_eq!(late, []);
}

#[test]
fn one_slow_bucket_is_nothing() {
    let (mut run, mut random) = learned(6, 2);
    for times in [3.0, 10.0, 30.0] {
        run.go_on(&mut random, 1, slower(times));
        run.go_on(&mut random, HOUR, usual);
    }
    assert_eq!(run.told, []);
}

#[test]
fn a_new_service_is_quiet_in_its_first_hour() {
    let (mut run, mut random) = (Run::new(), Random::new(7));
    run.go_on(&mut random, HOUR, |tick| Doing {
        events: if tick % 60 < 30 { 20.0 } else { 0.0 },
        latency: if tick % 7 < 3 { 1000.0 } else { 10.0 },
        errors: if tick % 100 < 50 { 0.0 } else { 0.9 },
        slow: 0.0,
    });
    assert_eq!(run.told, []);
}

#[test]
fn each_thing_that_goes_wrong_is_found_and_told() {
    type Case = (Kind, fn(usize) -> Doing, usize);
    let cases: [Case; 7] = [
        (Kind::Latency, |tick| slower(2.5)(tick), 60),
        (Kind::TailLatency, |tick| Doing { slow: 0.08, ..usual(tick) }, 120),
        (Kind::ErrorRate, |tick| failing(0.4)(tick), 30),
        (Kind::TrafficDrop, |tick| Doing { events: 0.2 * usual(tick).events, ..usual(tick) }, 60),
        (Kind::TrafficSurge, |tick| Doing { events: 4.0 * usual(tick).events, ..usual(tick) }, 30),
        (Kind::Silence, |tick| Doing { events: 0.0, ..usual(tick) }, 30),
        (Kind::Degradation, |tick| slower(1.0 + 8e-4 * (tick - 2 * DAY - 12 * HOUR) as f64)(tick), 2 * HOUR),
    ];
    let (mut run, mut random) = learned(8, 2);
    run.go_on(&mut random, 12 * HOUR, usual);
    for (kind, doing, within) in cases {
        let mut run = run.fork();
        let mut random = random.clone();
        run.go_on(&mut random, within.max(HOUR), doing);
        let opened = run.opened();
        let found = opened.first().copied();
        assert!(found.is_some_and(|(tick, _)| tick <= 2 * DAY + 12 * HOUR + within), "{kind:?}: {opened:?}");
        let kinds: Vec<_> = run.told.last().unwrap().signals.iter().map(|part| part.r#type).collect();
        let alike = kind == Kind::Degradation && kinds.contains(&Kind::Latency);
        assert!(kinds.contains(&kind) || alike, "{kind:?}: {kinds:?}");
        let first = &run.told[0];
        println!("{kind:?} after {}: {}", found.unwrap().0 - 2 * DAY - 12 * HOUR, first.explanation);
        for anomaly in &run.told {
            assert!(anomaly.evidence.signals().unwrap().verify(), "{anomaly:?}");
        }
        run.go_on(&mut random, HOUR, usual);
        assert_eq!(run.told.last().unwrap().reason, Some(Reason::BackToNormal), "{kind:?}");
        assert_eq!(opened.len(), 1, "{kind:?}: {opened:?}");
    }
}

#[test]
fn strange_values_change_nothing() {
    let incident = |tick: usize| {
        let is_on = (2 * DAY..2 * DAY + HOUR).contains(&tick);
        if is_on { slower(2.0)(tick) } else { usual(tick) }
    };
    let told = |strange: bool| {
        let (mut run, mut random) = (Run::new(), Random::new(9));
        for tick in 0..2 * DAY + 3 * HOUR {
            let mut events = events(&mut random, incident(tick));
            if strange && tick % 97 == 0 {
                events.push((Some([1e9, f64::NAN, f64::INFINITY, -5.0, 0.0][tick / 97 % 5]), false));
            }
            run.close(&events);
        }
        run.told
    };
    let (clean, strange) = (told(false), told(true));
    assert_eq!(clean.first().map(|anomaly| anomaly.state), Some(State::Open));
    let shown = |anomaly: &Anomaly| (anomaly.state, anomaly.r#type, anomaly.reason);
    assert!(clean.iter().map(shown).eq(strange.iter().map(shown)), "{clean:#?} {strange:#?}");
    for (clean, strange) in clean.iter().zip(&strange) {
        let apart = (clean.timestamp.0 - strange.timestamp.0).abs() / 1_000_000;
        // An alarm closes when nothing holds it any more, which is a matter of small differences.
        let within = if clean.state == State::Resolved { 600 } else { 120 };
        assert!(apart <= within, "{apart} s: {}", clean.explanation);
    }
}

#[test]
fn what_is_turned_off_is_not_told() {
    let mut settings = Settings::default();
    settings.latency.enabled = false;
    settings.degradation.enabled = false;
    settings.tail_latency.enabled = false;
    let (mut run, mut random) = (Run::with(&settings, "payment", MONDAY), Random::new(13));
    run.go_on(&mut random, DAY, usual);
    run.go_on(&mut random, HOUR, slower(4.0));
    assert_eq!(run.told, []);
}

#[test]
fn a_deployment_makes_another_latency_usual_at_once() {
    let (mut run, mut random) = learned(14, 2);
    let mut marked = workload::bucket(&events(&mut random, usual(run.tick))).unwrap();
    marked.mark();
    run.close_bucket(Some(&marked));
    run.go_on(&mut random, 6 * HOUR, slower(2.0));
    assert_eq!(run.told, [], "that is the new normal");
    run.go_on(&mut random, HOUR, slower(5.0));
    assert!(matches!(run.opened()[..], [(_, Kind::Latency)]), "{:?}", run.opened());
}

#[test]
fn errors_that_stay_are_the_new_normal_after_four_hours() {
    let (mut run, mut random) = learned(15, 1);
    run.go_on(&mut random, 6 * HOUR, failing(0.2));
    let last = run.told.last().unwrap();
    assert_eq!((run.opened().len(), last.reason), (1, Some(Reason::NewNormal)));
    let lasted = last.timestamp.since(run.told[0].timestamp);
    assert_eq!(lasted, std::time::Duration::from_secs(4 * 3600));
}

#[test]
fn who_sleeps_costs_nothing_and_wakes_where_it_was() {
    let (mut run, mut random) = learned(16, 2);
    (0..3 * DAY).for_each(|_| run.close(&[]));
    assert!(run.watched.is_asleep());
    let reasons: Vec<_> = run.told.iter().filter_map(|anomaly| anomaly.reason).collect();
    assert_eq!(reasons, [Reason::NewNormal], "the silence, after two hours");
    run.told.clear();
    run.go_on(&mut random, DAY, usual);
    assert_eq!(run.told, [], "it does as before");
    run.go_on(&mut random, HOUR, slower(3.0));
    assert_eq!(run.opened().len(), 1);
}
