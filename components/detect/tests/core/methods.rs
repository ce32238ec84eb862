//! The methods and seasons of `zscore` where the classic rule has its traps.

use logd_detect::baseline::Method;
use logd_detect::incident::{Reason, Season, State};
use logd_detect::rule::{Criterion, RuleEvidence, Settings};
use logd_detect::season::Seasons;
use proptest::prelude::*;

use crate::{Run, calm, minutes};

const METHODS: [Method; 4] = [Method::Classic, Method::Gaussian, Method::Robust, Method::Ewma];

fn zscore(method: Method, season: Seasons) -> Settings {
    let mut settings = Settings::zscore();
    (settings.baseline.method, settings.baseline.season) = (method, season);
    settings
}

fn floored(method: Method, std: f64, ratio: f64) -> Settings {
    let mut settings = zscore(method, Seasons::None);
    settings.rule.criterion = Criterion::Zscore { threshold: 3.0, min_std: std, min_std_ratio: ratio };
    settings
}

fn opened(run: &Run) -> usize {
    run.anomalies.iter().filter(|anomaly| anomaly.state == State::Open).count()
}

#[test]
fn a_jump_after_equal_values_is_seen_where_the_spread_has_a_floor() {
    for method in METHODS {
        let jump = |n| [200.0; 50].into_iter().chain(std::iter::repeat_n(900.0, n));
        let alarms = |settings| opened(Run::new(settings).see_all(jump(10)));
        let first = opened(Run::new(floored(method, 0.0, 0.0)).see_all(jump(1)));
        assert_eq!(first, 0, "{method:?}: nothing to measure by");
        assert_eq!(alarms(floored(method, 10.0, 0.0)), 1, "{method:?}");
        assert_eq!(alarms(floored(method, 0.0, 0.05)), 1, "{method:?}");
        // The larger of the two holds.
        assert_eq!(alarms(floored(method, 1.0, 2.0)), 0, "{method:?}");
    }
}

#[test]
fn the_floor_is_told() {
    let mut run = Run::new(floored(Method::Robust, 0.0, 0.05));
    run.see_all([200.0; 50]).see(900.0);
    let sentence = "mean 900 ms, usually 200 ± 0 ms (median ± 1.48 MAD, z 70 at ± 10 ms, the least, threshold 3)";
    assert_eq!(run.anomalies[0].explanation, sentence);
}

#[test]
fn every_method_is_back_to_normal_after_an_incident() {
    for method in METHODS {
        let mut run = Run::new(zscore(method, Seasons::None));
        run.see_all(calm(300)).see_all([1180.0; 40]).see_all(calm(100));
        let ends: Vec<_> = run.ends().into_iter().map(|(_, state, reason)| (state, reason)).collect();
        assert_eq!(ends, [(State::Open, None), (State::Resolved, Some(Reason::BackToNormal))], "{method:?}");
        assert_eq!(run.anomalies[0].baseline.method, Some(method));
    }
}

#[test]
fn no_method_locks_itself_in_after_a_lasting_shift() {
    let shifted = |n| calm(n).map(|value| value + 900.0);
    for method in METHODS {
        let mut run = Run::new(Settings { relearn_after: Some(minutes(10)), ..zscore(method, Seasons::None) });
        run.see_all(calm(300)).see_all(shifted(2000));
        let ends: Vec<_> = run.ends().into_iter().map(|(_, state, reason)| (state, reason)).collect();
        assert_eq!(ends, [(State::Open, None), (State::Resolved, Some(Reason::NewNormal))], "{method:?}");
        run.see_all([9000.0; 30]).see_all(shifted(200));
        assert_eq!(opened(&run), 2, "{method:?}: the next incident is found");
    }
}

#[test]
fn what_cannot_be_used_changes_nothing_whatever_the_method() {
    for method in METHODS {
        let mut run = Run::new(zscore(method, Seasons::Day));
        run.see_all(calm(100));
        let before = run.state.clone();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e151] {
            assert!(run.see(value).is_none());
            assert_eq!(run.state, before, "{method:?}");
        }
    }
}

#[test]
fn one_odd_value_is_nothing_to_the_mean_of_recent_ones() {
    let alarms = |method, odd: usize| {
        let odd = std::iter::repeat_n(600.0, odd);
        opened(Run::new(zscore(method, Seasons::None)).see_all(calm(300)).see_all(odd).see_all(calm(100)))
    };
    assert_eq!((alarms(Method::Classic, 1), alarms(Method::Gaussian, 1)), (1, 0));
    assert_eq!(alarms(Method::Gaussian, 8), 1);
}

#[test]
fn a_spoiled_window_blinds_the_classic_method_and_not_the_robust_one() {
    let alarms = |method| {
        let mut settings = zscore(method, Seasons::None);
        settings.baseline.exclude_anomalies = false;
        settings.confirm = "2 of 2".parse().unwrap();
        let spoiled = calm(300).enumerate().map(|(i, value)| if i % 10 == 0 { 3000.0 } else { value });
        opened(Run::new(settings).see_all(spoiled).see_all([1500.0; 5]))
    };
    assert_eq!((alarms(Method::Classic), alarms(Method::Robust)), (0, 1));
}

/// A value a minute for so many days; a job runs from 3:00 to 3:15 each night.
fn nights(run: &mut Run, days: i64) -> Vec<i64> {
    for minute in 0..days * 1440 {
        run.second = minute * 60;
        let wobble = ((minute * 7919) % 41 - 20) as f64;
        run.see(if (180..195).contains(&(minute % 1440)) { 1000.0 } else { 295.0 } + wobble);
    }
    let opened = run.anomalies.iter().filter(|anomaly| anomaly.state == State::Open);
    opened.map(|anomaly| anomaly.timestamp.0.div_euclid(86_400_000_000)).collect()
}

#[test]
fn a_nightly_job_is_quiet_from_its_fourth_day_where_the_time_of_day_counts() {
    for method in METHODS {
        let days = nights(&mut Run::new(zscore(method, Seasons::None)), 10);
        assert_eq!(days, (0..10).collect::<Vec<_>>(), "{method:?}: each night");
        let days = nights(&mut Run::new(zscore(method, Seasons::Day)), 10);
        assert_eq!(days, [0, 1, 2], "{method:?}");
        let days = nights(&mut Run::new(zscore(method, Seasons::Auto)), 10);
        assert_eq!(days, [0, 1, 2, 3], "{method:?}: one more, to see whether there is a season");
    }
}

#[test]
fn a_job_that_does_not_run_is_an_anomaly_and_its_evidence_holds() {
    let mut run = Run::new(zscore(Method::Classic, Seasons::Day));
    nights(&mut run, 6);
    run.anomalies.clear();
    run.second = 6 * 86_400 + 3 * 3600 + 300;
    run.see(295.0);
    let anomaly = &run.anomalies[0];
    assert_eq!(anomaly.explanation, "mean 295 ms, usually 999 ± 12 ms at this time of day (z 58, threshold 3)");
    assert_eq!(anomaly.baseline.season, Season::Day);
    let evidence = anomaly.evidence.rule().unwrap();
    let point = evidence.points.last().unwrap();
    assert_eq!(evidence.rule.judge(point.value, &point.baseline).score, Some(anomaly.score));
    assert!((anomaly.baseline.mean - 1000.0).abs() < 5.0);
}

#[test]
fn what_was_usual_is_told_as_of_the_time_of_the_telling() {
    // Anomalies enter the baseline; an incident begins at night, within the job, and ends after it.
    let mut settings = zscore(Method::Classic, Seasons::Day);
    settings.baseline.exclude_anomalies = false;
    let mut run = Run::new(settings);
    nights(&mut run, 6);
    run.anomalies.clear();
    for minute in 185..260 {
        run.second = 6 * 86_400 + minute * 60;
        run.see(if minute < 195 { 5000.0 } else { 295.0 + (minute % 7) as f64 });
    }
    let resolved = run.anomalies.iter().find(|anomaly| anomaly.state == State::Resolved).unwrap();
    assert_eq!(resolved.timestamp.0 / 60_000_000 % 1440, 197, "{}", resolved.explanation);
    let sentence = "mean 296 ms, usually 296 ± 12 ms at this time of day, back to normal after 12 min";
    assert!(resolved.explanation.starts_with(sentence), "{}", resolved.explanation);
}

fn method() -> impl Strategy<Value = Settings> {
    let seasons = prop_oneof![Just(Seasons::None), Just(Seasons::Day), Just(Seasons::Auto)];
    (0..4_usize, seasons, 1..20_usize, 0.01..0.5_f64, any::<bool>()).prop_map(
        |(method, season, recent, alpha, exclude)| {
            let mut settings = zscore(METHODS[method], season);
            settings.baseline.samples = 60;
            (settings.baseline.recent, settings.baseline.alpha) = (recent, alpha);
            settings.baseline.exclude_anomalies = exclude;
            settings.relearn_after = Some(minutes(90));
            settings.cooldown = minutes(0);
            settings
        },
    )
}

/// Values half an hour apart, for up to ten days, mostly calm.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let level = prop_oneof![6 => Just(295.0), 1 => Just(1500.0), 1 => Just(5.0)];
    prop::collection::vec((level, 0..20_i32).prop_map(|(level, wobble)| level + f64::from(wobble)), 100..480)
}

fn fed(settings: Settings, values: &[f64], cut: impl Fn(usize) -> bool) -> Run {
    let mut run = Run::new(settings);
    for (index, &value) in values.iter().enumerate() {
        if cut(index) {
            run.state = postcard::from_bytes(&postcard::to_stdvec(&run.state).unwrap()).unwrap();
        }
        run.second = index as i64 * 1800;
        run.see(value);
    }
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn snapshots_change_nothing(settings in method(), values in values(), every in 1..50_usize) {
        let (whole, cut) = (fed(settings, &values, |_| false), fed(settings, &values, |index| index % every == 0));
        prop_assert_eq!(&whole.anomalies, &cut.anomalies);
        prop_assert_eq!(&whole.state, &cut.state);
    }

    #[test]
    fn the_scale_does_not_matter(settings in method(), values in values(), power in -20..20_i32) {
        let scaled: Vec<f64> = values.iter().map(|value| value * 2_f64.powi(power)).collect();
        let (run, other) = (fed(settings, &values, |_| false), fed(settings, &scaled, |_| false));
        let told = |run: &Run| run.anomalies.iter().map(|a| (a.id.clone(), a.score)).collect::<Vec<_>>();
        prop_assert_eq!(told(&run), told(&other));
        for (one, other) in run.anomalies.iter().zip(&other.anomalies) {
            prop_assert_eq!(one.baseline.mean * 2_f64.powi(power), other.baseline.mean);
            prop_assert_eq!(one.baseline.std * 2_f64.powi(power), other.baseline.std);
        }
    }

    #[test]
    fn every_verdict_follows_from_its_evidence(settings in method(), values in values()) {
        for anomaly in fed(settings, &values, |_| false).anomalies {
            let evidence = anomaly.evidence.rule().unwrap();
            let point = evidence.points.last().unwrap();
            prop_assert_eq!(evidence.rule.judge(point.value, &point.baseline).score.unwrap_or(0.0), anomaly.score);
            if anomaly.state == State::Open {
                prop_assert_eq!(RuleEvidence::confirmed(evidence).map(|(_, since)| since), Some(anomaly.since));
            }
        }
    }
}
