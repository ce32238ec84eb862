//! The methods beside the classic ones against NumPy's and SciPy's figures. `tests/data/methods.py` makes them.

use logd_detect::baseline::Method;
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
    method: Method,
    settings: Figures,
    values: Vec<f64>,
    /// Of how many events each value is a share.
    events: Option<Vec<f64>>,
    /// None while there are too few values.
    verdicts: Vec<Option<Verdict>>,
}

/// What was judged, mean, standard deviation, score, anomaly, and the probability of both tails.
type Verdict = (f64, f64, f64, Option<f64>, bool, Option<f64>);

#[derive(Deserialize)]
struct Figures {
    samples: usize,
    recent: usize,
    alpha: f64,
    min_samples: usize,
    threshold: f64,
}

impl Case {
    fn settings(&self) -> Settings {
        let Figures { samples, recent, alpha, min_samples, threshold: wanted } = self.settings;
        let mut settings = if self.method == Method::Deviance { Settings::deviance() } else { Settings::zscore() };
        if let Criterion::Zscore { threshold, .. } | Criterion::Deviance { threshold, .. } =
            &mut settings.rule.criterion
        {
            *threshold = wanted;
        }
        settings.rule.min_samples = min_samples;
        settings.relearn_after = None;
        (settings.baseline.method, settings.baseline.samples) = (self.method, samples);
        (settings.baseline.recent, settings.baseline.alpha) = (recent, alpha);
        settings
    }
}

fn assert_close(actual: f64, expected: f64, slack: f64, place: &str) {
    let close = (actual - expected).abs() <= 1e-9 * expected.abs() + slack;
    assert!(close, "{place}: {actual} is not {expected}");
}

#[test]
fn verdicts_are_scipys() {
    let reference: Reference = serde_json::from_str(include_str!("../data/methods.json")).unwrap();
    let mut anomalies = 0;
    for case in reference.cases {
        let mut run = Run::new(case.settings());
        for (index, (&value, verdict)) in case.values.iter().zip(&case.verdicts).enumerate() {
            let place = format!("{}, value {index}", case.name);
            let events = case.events.as_ref().map(|events| events[index]);
            let summary = run.state.baseline().summary(events.unwrap_or(1.0));
            run.second = index as i64 * 60;
            let window = run.window();
            let observed =
                run.detector.observe(&mut run.state, || run.key.clone(), window, Some(value), events).unwrap();
            let Some((judged, mean, std, score, anomaly, _)) = *verdict else {
                assert!(summary.n < case.settings.min_samples, "{place}");
                continue;
            };
            // A double of this size is off by half its last place, and so is each of its differences.
            let slack = mean.abs() * f64::EPSILON * 4.0;
            assert_close(observed.score.value, judged, slack, &place);
            assert_close(summary.mean, mean, slack, &place);
            assert_close(summary.std, std, slack, &place);
            let verdict = case.settings().rule.judge(observed.score.value, &summary);
            assert_eq!(verdict.exceeds.is_some(), anomaly, "{place}");
            match (observed.score.score, score) {
                (Some(actual), Some(expected)) => assert_close(actual, expected, slack * 4.0 / std, &place),
                (actual, expected) => assert_eq!(actual, expected, "{place}"),
            }
            anomalies += usize::from(anomaly);
        }
    }
    assert!(anomalies > 50, "only {anomalies} anomalies");
}

#[test]
fn the_tail_that_is_told_is_scipys() {
    let reference: Reference = serde_json::from_str(include_str!("../data/methods.json")).unwrap();
    let mut compared = 0;
    for case in reference.cases.iter().filter(|case| case.method == Method::Gaussian) {
        let mut run = Run::new(case.settings());
        for (index, (&value, verdict)) in case.values.iter().zip(&case.verdicts).enumerate() {
            run.second = index as i64 * 60;
            let told = run.anomalies.len();
            run.see(value);
            let Some((_, _, _, Some(score), true, Some(tail))) = *verdict else { continue };
            for anomaly in run.anomalies[told..].iter().filter(|anomaly| anomaly.reason.is_none()) {
                let expected = if tail < f64::MIN_POSITIVE { "< 1e-300".to_owned() } else { format!("{tail:.1e}") };
                let text = &anomaly.explanation;
                assert!(text.contains(&format!(", p {expected}, ")), "{}: {text}, z {score}", case.name);
                compared += 1;
            }
        }
    }
    assert!(compared >= 3, "only {compared} were told");
}
