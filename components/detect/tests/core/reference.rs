//! The classic rules against NumPy's figures for the same input. `tests/data/reference.py` makes them.

use logd_detect::detector::Unusable;
use logd_detect::rule::{Criterion, Settings};
use serde::Deserialize;

use crate::Run;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    settings: Figures,
    values: Vec<serde_json::Value>,
    /// None while there are too few values, or for a gap.
    verdicts: Vec<Option<Verdict>>,
}

/// Mean, standard deviation, score, anomaly.
type Verdict = (f64, f64, Option<f64>, bool);

/// The figures that the Python rules were run with.
#[derive(Deserialize)]
struct Figures {
    samples: usize,
    min_samples: usize,
    exclude_anomalies: bool,
    threshold: Option<f64>,
    min_std: Option<f64>,
    factor: Option<f64>,
    min_value: Option<f64>,
}

impl Figures {
    fn settings(&self) -> Settings {
        let (mut settings, criterion) = match (self.threshold, self.min_std, self.factor, self.min_value) {
            (Some(threshold), Some(min_std), ..) => {
                (Settings::zscore(), Criterion::Zscore { threshold, min_std, min_std_ratio: 0.0 })
            }
            (.., Some(factor), Some(min_value)) => (Settings::spike(), Criterion::Spike { factor, min_value }),
            _ => panic!("neither rule"),
        };
        settings.rule.criterion = criterion;
        settings.rule.min_samples = self.min_samples;
        settings.baseline.samples = self.samples;
        settings.baseline.exclude_anomalies = self.exclude_anomalies;
        settings.relearn_after = None;
        settings
    }
}

fn number(value: &serde_json::Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str().map(|text| text.parse().unwrap()))
}

fn assert_close(actual: f64, expected: f64, slack: f64, place: &str) {
    let close = (actual - expected).abs() <= 1e-9 * expected.abs() + slack;
    assert!(close, "{place}: {actual} is not {expected}");
}

#[test]
fn verdicts_are_numpys() {
    let reference: Reference = serde_json::from_str(include_str!("../data/reference.json")).unwrap();
    for case in reference.cases {
        let settings = case.settings.settings();
        let mut run = Run::new(settings);
        for (index, (value, verdict)) in case.values.iter().zip(&case.verdicts).enumerate() {
            let place = format!("{}, value {index}", case.name);
            let summary = run.state.baseline().summary(1.0);
            let window = run.window();
            let observed = run.detector.observe(&mut run.state, || run.key.clone(), window, number(value), None);
            let Some((mean, std, score, anomaly)) = *verdict else {
                assert!(observed.is_err() || summary.n < settings.rule.min_samples, "{place}");
                continue;
            };
            assert_close(summary.mean, mean, 0.0, &place);
            // A spread of exactly nothing comes out as exactly that, hence no slack.
            assert_close(summary.std, std, 0.0, &place);
            let judged = settings.rule.judge(number(value).unwrap(), &summary);
            assert_eq!(judged.exceeds.is_some(), anomaly, "{place}");
            assert_eq!(observed.unwrap().score.score, judged.score, "{place}");
            match settings.rule.criterion {
                // The mean as a double is off by half its last place.
                Criterion::Zscore { .. } => match (judged.score, score) {
                    (Some(actual), Some(expected)) => {
                        assert_close(actual, expected, mean.abs() * f64::EPSILON / std.max(1e-9), &place);
                    }
                    (actual, expected) => assert_eq!(actual, expected, "{place}"),
                },
                Criterion::Spike { factor, min_value } if mean > min_value / factor => {
                    assert_close(judged.score.unwrap(), score.unwrap(), 0.0, &place);
                }
                Criterion::Spike { .. } | Criterion::Deviance { .. } => {}
            }
        }
    }
}

#[test]
fn the_defaults_are_the_classic_figures() {
    let reference: Reference = serde_json::from_str(include_str!("../data/reference.json")).unwrap();
    let classic = |name: &str| {
        let case = reference.cases.iter().find(|case| case.name == name).unwrap();
        Settings { relearn_after: Some(super::minutes(120)), ..case.settings.settings() }
    };
    assert_eq!(classic("whole milliseconds"), Settings::zscore());
    assert_eq!(classic("errors of 11 %"), Settings::spike());
}

#[test]
fn what_cannot_be_used_is_told_and_changes_nothing() {
    let mut run = Run::new(Settings::zscore());
    run.see_all(super::calm(50));
    let (before, window) = (run.state.clone(), run.window());
    let cases = [
        (None, Unusable::Missing),
        (Some(f64::NAN), Unusable::NotANumber),
        (Some(f64::INFINITY), Unusable::Infinite),
        (Some(f64::NEG_INFINITY), Unusable::Infinite),
        (Some(1e151), Unusable::Infinite),
    ];
    for (value, reason) in cases {
        assert_eq!(run.detector.observe(&mut run.state, || run.key.clone(), window, value, None), Err(reason));
        assert_eq!(run.state, before);
    }
    assert!(run.see(f64::MAX).is_none() && run.see(300.0).is_some());
}
