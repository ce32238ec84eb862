//! `spike` with `method = "deviance"` where the classic rule has its traps.

use logd_detect::baseline::Method;
use logd_detect::detector::Unusable;
use logd_detect::incident::{Kind, Reason, Severity, State};
use logd_detect::rule::{Criterion, Direction, Settings};
use proptest::prelude::*;

use crate::{Run, minutes};

const BACK: Option<Reason> = Some(Reason::BackToNormal);

impl Run {
    /// So many hits of so many events.
    fn count(&mut self, hits: u32, events: u32) -> &mut Self {
        let window = self.window();
        self.second += 1;
        let (share, events) = (f64::from(hits) / f64::from(events), f64::from(events));
        let key = || self.key.clone();
        let observed = self.detector.observe(&mut self.state, key, window, Some(share), Some(events)).unwrap();
        self.anomalies.extend(observed.anomalies);
        self
    }

    fn count_all(&mut self, hits: impl IntoIterator<Item = u32>, events: u32) -> &mut Self {
        hits.into_iter().for_each(|hits| {
            self.count(hits, events);
        });
        self
    }
}

/// About so many hits, now more and now less, as chance would have it.
fn about(hits: u32, n: usize) -> impl Iterator<Item = u32> {
    let step = (f64::from(hits)).sqrt().round() as u32;
    (0..n).map(move |i| (hits + [0, step, 2 * step, step][i % 4]).saturating_sub(step))
}

fn run() -> Run {
    Run::new(Settings::deviance())
}

#[test]
fn from_a_quarter_to_more_than_half() {
    let mut run = run();
    run.count_all(about(50, 100), 200).count_all([120; 3], 200).count_all(about(50, 40), 200);
    assert_eq!(run.told().iter().map(|told| told.1).collect::<Vec<_>>(), [State::Open, State::Resolved]);
    let open = &run.anomalies[0];
    assert_eq!((open.timestamp.0, open.r#type, open.severity), (101_000_000, Kind::ErrorRate, Severity::Warning));
    assert_eq!(open.explanation, "error rate 60 %, usually 25 % (z 11, threshold 6.5 by deviance and 1 %)");
    assert_eq!(run.anomalies[1].reason, BACK);
    assert_eq!(open.baseline.method, Some(Method::Deviance));
}

#[test]
fn from_half_a_percent_to_five() {
    let mut run = run();
    run.count_all(about(5, 200), 1000).count_all([50; 3], 1000);
    assert_eq!(run.told(), [(201, State::Open, None)]);
    assert_eq!(
        run.anomalies[0].explanation,
        "error rate 5.0 %, usually 0.50 % (z 12, threshold 6.5 by deviance and 1 %)"
    );
}

#[test]
fn few_events_tell_little() {
    // Two of three and three of three; the classic rule takes both for a burst.
    let mut run = run();
    run.count_all(about(5, 100), 1000).count_all([2, 3], 3);
    assert_eq!(run.told(), []);
    // As many in four hundred times as many events are.
    assert_eq!(run.count(800, 1200).told().len(), 1);
}

#[test]
fn a_new_key_is_not_judged_by_what_nobody_has() {
    for (hits, events) in [(1, 4), (50, 200), (25_000, 100_000), (99_000, 100_000), (0, 1000)] {
        let mut run = run();
        run.count_all(about(hits, 300), events);
        assert_eq!(run.told(), [], "{hits} of {events}");
    }
}

#[test]
fn shares_that_stray_are_asked_for_more() {
    let told =
        |shares: [u32; 4]| run().count_all(shares.into_iter().cycle().take(400), 10_000).count(400, 10_000).told();
    assert_eq!(told([90, 110, 100, 100]).len(), 1);
    // The same mean, but far from what chance would have it: it has been like that before.
    assert_eq!(told([75, 75, 75, 175]).len(), 0);
}

#[test]
fn a_lasting_change_becomes_normal_and_the_next_incident_is_found() {
    let mut run = Run::new(Settings { relearn_after: Some(minutes(10)), ..Settings::deviance() });
    run.count_all(about(10, 300), 1000).count_all(about(100, 1200), 1000);
    let ends: Vec<_> = run.ends().into_iter().map(|(_, state, reason)| (state, reason)).collect();
    assert_eq!(ends, [(State::Open, None), (State::Resolved, Some(Reason::NewNormal))]);
    let sentence = "error rate 10 %, new normal 10 % instead of 1.0 % after 10 min, peak 11 % (z 18)";
    assert_eq!(run.anomalies.last().unwrap().explanation, sentence);
    assert_eq!(run.count_all([300; 3], 1000).anomalies.last().unwrap().state, State::Open);
}

#[test]
fn a_fall_is_seen_where_it_is_asked_for() {
    let falls = |direction| {
        let mut settings = Settings::deviance();
        settings.rule.direction = direction;
        let mut run = Run::new(settings);
        run.count_all(about(200, 100), 1000).count_all([20; 2], 1000);
        run.anomalies.iter().map(|anomaly| anomaly.r#type).collect::<Vec<_>>()
    };
    assert_eq!(falls(Direction::Up), []);
    assert_eq!(falls(Direction::Down), [Kind::ErrorDrop]);
}

#[test]
fn after_a_day_counts_weigh_half() {
    let mut run = run();
    run.count_all([100; 100], 1000);
    run.second += 86_400;
    // As many again, at a share of 13 %: no anomaly, and worth twice as much as the old.
    run.count_all([130; 100], 1000);
    let expected = (100.0 * 100.0 / 2.0 + 130.0 * 100.0) / (100_000.0 / 2.0 + 100_000.0);
    let usual = run.state.baseline().summary(1.0).mean;
    assert!((usual - expected).abs() < 1e-3, "{usual} is not {expected}");
}

#[test]
fn what_is_no_share_is_told_and_changes_nothing() {
    let mut run = run();
    run.count_all(about(5, 20), 100);
    let (before, window) = (run.state.clone(), run.window());
    let cases = [
        (0.5, None, Unusable::Missing),
        (0.5, Some(f64::NAN), Unusable::NotANumber),
        (0.5, Some(f64::INFINITY), Unusable::Infinite),
        (0.5, Some(0.0), Unusable::NotAShare),
        (1.5, Some(10.0), Unusable::NotAShare),
        (-0.1, Some(10.0), Unusable::NotAShare),
    ];
    for (share, events, reason) in cases {
        let observed = run.detector.observe(&mut run.state, || run.key.clone(), window, Some(share), events);
        assert_eq!(observed, Err(reason));
        assert_eq!(run.state, before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn snapshots_change_nothing_and_verdicts_follow_from_their_evidence(
        counts in prop::collection::vec((0_u32..60, 60_u32..2000, 0_i64..4000), 20..300),
        every in 1..50_usize,
    ) {
        let fed = |cut: &dyn Fn(usize) -> bool| {
            let mut run = Run::new(Settings { relearn_after: Some(minutes(60)), ..Settings::deviance() });
            for (index, &(hits, events, pause)) in counts.iter().enumerate() {
                if cut(index) {
                    run.state = postcard::from_bytes(&postcard::to_stdvec(&run.state).unwrap()).unwrap();
                }
                run.second += pause;
                run.count(hits, events);
            }
            run
        };
        let (whole, cut) = (fed(&|_| false), fed(&|index| index % every == 0));
        prop_assert_eq!(&whole.anomalies, &cut.anomalies);
        prop_assert_eq!(&whole.state, &cut.state);
        for anomaly in &whole.anomalies {
            let evidence = anomaly.evidence.rule().unwrap();
            let point = evidence.points.last().unwrap();
            prop_assert_eq!(evidence.rule.judge(point.value, &point.baseline).score.unwrap_or(0.0), anomaly.score);
        }
    }

    #[test]
    fn the_band_is_where_the_verdict_turns(
        usual in 0.001_f64..0.999,
        events in 1_f64..1e6,
        share in 0_f64..=1.0,
        effect in 1_f64..3.0,
    ) {
        let std = (usual * (1.0 - usual) / events).sqrt();
        let baseline = logd_detect::baseline::Summary { n: 100, mean: usual, std, seasonal: 0.0 };
        let mut rule = Settings::deviance().rule;
        rule.criterion = Criterion::Deviance { threshold: 3.0, min_value: 0.01 };
        (rule.min_effect, rule.direction) = (effect, Direction::Both);
        let verdict = rule.judge(share, &baseline);
        let near = |bound: Option<f64>| bound.is_some_and(|bound| (share - bound).abs() < 1e-9);
        prop_assume!(!near(verdict.lower) && !near(verdict.upper));
        let outside = verdict.upper.is_some_and(|upper| share > upper) || verdict.lower.is_some_and(|lower| share < lower);
        prop_assert_eq!(verdict.exceeds.is_some(), outside, "{:?}", verdict);
    }
}
