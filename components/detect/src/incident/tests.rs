//! The state machine, point by point. One point a second; what the rule says of it is given.

use std::time::Duration;

use super::*;
use crate::rule::Confirm;

/// A point of second `at` with a score on the upper side: above 3 it is an anomaly, above 1.5 beyond half the rule.
fn seen(at: i64, score: f64) -> Seen {
    let now = Micros(at * 1_000_000);
    Seen {
        now,
        point: Peak { value: 100.0 * score, score, timestamp: now },
        baseline: Summary::default(),
        anomaly: (score > 3.0).then_some((Side::Up, Micros(now.0 - 1_000_000))),
        half: (score > 1.5).then_some(Side::Up),
        can_relearn: true,
    }
}

/// What is told of a series of scores: second, state, reason.
fn told(settings: &Settings, scores: impl IntoIterator<Item = f64>) -> Vec<(usize, State, Option<Reason>)> {
    let mut incident = Incident::default();
    let step = |(at, score)| {
        let change = incident.step(settings, &seen(at as i64, score), |since| since.0 as u128)?;
        Some((at, change.state, change.reason))
    };
    scores.into_iter().enumerate().filter_map(step).collect()
}

const BACK: Option<Reason> = Some(Reason::BackToNormal);

fn repeat(score: f64, times: usize) -> impl Iterator<Item = f64> {
    std::iter::repeat_n(score, times)
}

#[test]
fn an_incident_is_told_once_at_each_end() {
    let scores = repeat(0.5, 5).chain(repeat(4.0, 20)).chain(repeat(0.5, 30));
    assert_eq!(told(&Settings::zscore(), scores), [(5, State::Open, None), (34, State::Resolved, BACK)]);
}

#[test]
fn one_usual_value_does_not_end_it_nor_do_values_at_the_edge() {
    let settings = Settings::zscore();
    // Between half and the whole rule: neither an anomaly nor back to normal.
    let edge = [4.0].into_iter().chain(repeat(2.0, 60)).chain(repeat(0.5, 3));
    assert_eq!(told(&settings, edge), [(0, State::Open, None), (63, State::Resolved, BACK)]);
    // An anomaly every eight seconds keeps it open.
    let scores = (0..100).map(|at| if at % 8 == 0 { 4.0 } else { 0.5 });
    assert_eq!(told(&settings, scores), [(0, State::Open, None)]);
}

#[test]
fn calm_takes_as_many_points_as_confirmation_looks_at() {
    let mut settings = Settings { resolve_after: Duration::ZERO, ..Settings::zscore() };
    let scores = || [4.0].into_iter().chain(repeat(0.5, 20));
    assert_eq!(told(&settings, scores())[1].0, 3);
    settings.confirm = Confirm::new(3, 7).unwrap();
    assert_eq!(told(&settings, scores())[1].0, 7);
}

#[test]
fn only_what_is_markedly_worse_is_told_again() {
    // z 4 info → z 5 no news → z 8 twice as much and a warning → z 15 critical → z 29 no news → z 30 twice 15.
    let scores = [4.0, 5.0, 8.0, 8.0, 15.0, 29.0, 30.0, 4.0, 30.0];
    let updates: Vec<_> = told(&Settings::zscore(), scores).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(updates, [0, 2, 4, 6]);
}

#[test]
fn severity_never_falls_and_the_peak_stays() {
    let (settings, mut incident) = (Settings::zscore(), Incident::default());
    let mut last = None;
    for (at, score) in [4.0, 15.0, 4.0].into_iter().chain(repeat(0.0, 20)).enumerate() {
        last = incident.step(&settings, &seen(at as i64, score), |_| 7).or(last);
    }
    let change = last.unwrap();
    assert_eq!((change.state, change.incident.changes), (State::Resolved, 3));
    assert_eq!((change.incident.severity, change.incident.peak.score), (Severity::Critical, 15.0));
    assert_eq!(change.incident.since, Micros(-1_000_000));
}

#[test]
fn after_an_incident_the_key_rests() {
    let burst = || repeat(4.0, 5).chain(repeat(0.5, 15));
    let settings = Settings::zscore();
    // Resolved at 14; the bursts at 20, 40 and 60 fall into the minute, the one at 80 does not.
    let at: Vec<_> = told(&settings, (0..5).flat_map(|_| burst())).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(at, [0, 14, 80, 94]);
    // What begins in the minute and still holds at its end opens then.
    let scores = burst().chain(repeat(4.0, 100));
    assert_eq!(told(&settings, scores).into_iter().map(|(at, ..)| at).collect::<Vec<_>>(), [0, 14, 74]);
}

#[test]
fn a_change_that_stays_is_the_new_normal_in_the_end() {
    let settings = Settings { relearn_after: Some(Duration::from_secs(600)), ..Settings::zscore() };
    let changes = told(&settings, repeat(4.0, 700));
    assert_eq!(changes[..2], [(0, State::Open, None), (599, State::Resolved, Some(Reason::NewNormal))]);
    let never = Settings { relearn_after: None, ..settings };
    assert_eq!(told(&never, repeat(4.0, 10_000)), [(0, State::Open, None)]);
}

#[test]
fn the_other_side_does_not_keep_it_open() {
    let (settings, mut incident) = (Settings::zscore(), Incident::default());
    let other = |at| Seen { anomaly: Some((Side::Down, Micros(0))), half: Some(Side::Down), ..seen(at, 5.0) };
    assert!(incident.step(&settings, &seen(0, 4.0), |_| 1).is_some());
    let change = (1..30).find_map(|at| incident.step(&settings, &other(at), |_| 2)).unwrap();
    assert_eq!((change.reason, change.at), (BACK, Micros(10_000_000)));
    assert_eq!(change.incident.peak.score, 4.0);
    assert!(incident.open().is_none());
}

#[test]
fn no_incident_ends_where_it_began() {
    let settings = Settings { resolve_after: Duration::ZERO, cooldown: Duration::ZERO, ..Settings::zscore() };
    let mut incident = Incident::default();
    let mut at_zero = |score| {
        let start = Seen { anomaly: (score > 3.0).then_some((Side::Up, Micros(0))), ..seen(0, score) };
        incident.step(&settings, &start, |since| since.0 as u128).map(|change| change.state)
    };
    assert_eq!(at_zero(4.0), Some(State::Open));
    assert!((0..10).all(|_| at_zero(0.0).is_none()));
}
