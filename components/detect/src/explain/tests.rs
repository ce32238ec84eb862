//! The sentences, word by word.

use super::*;
use crate::rule::{Direction, Settings};
use crate::season::Seasons;

fn sentence<'a>(measure: &'a Measure, rule: &'a Rule, value: f64, baseline: &'a Summary) -> Sentence<'a> {
    let verdict = rule.judge(value, baseline);
    let side = verdict.exceeds.unwrap_or(Side::Up);
    Sentence {
        measure,
        rule,
        usual: &CLASSIC,
        period: None,
        side,
        value,
        score: verdict.score.unwrap_or(0.0),
        baseline,
    }
}

fn usual(mean: f64, std: f64) -> Summary {
    Summary { n: 1000, mean, std, ..Summary::default() }
}

const CLASSIC: BaselineSettings = BaselineSettings {
    method: Method::Classic,
    season: Seasons::None,
    samples: 1000,
    recent: 10,
    alpha: 0.003,
    exclude_anomalies: true,
};

fn latency() -> Measure {
    Measure::of_field("latency_mean", "latency")
}

#[test]
fn a_slow_service() {
    let (rule, usual) = (Settings::zscore().rule, usual(295.2, 38.1));
    let text = sentence(&latency(), &rule, 1180.4, &usual).anomalous();
    assert_eq!(text, "mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3)");
}

#[test]
fn a_narrow_spread_gets_its_decimals() {
    let (rule, usual) = (Settings::zscore().rule, usual(22.1, 0.05));
    let text = sentence(&Measure::of_field("cpu", "hosts"), &rule, 22.4, &usual).anomalous();
    assert_eq!(text, "cpu 22.400, usually 22.100 ± 0.050 (z 6.0, threshold 3)");
}

#[test]
fn a_lifted_spread_is_told() {
    let mut rule = Settings::zscore().rule;
    rule.criterion = Criterion::Zscore { threshold: 2.5, min_std: 10.0, min_std_ratio: 0.0 };
    let usual = usual(295.0, 0.0);
    let text = sentence(&latency(), &rule, 525.0, &usual).anomalous();
    assert_eq!(text, "mean 525 ms, usually 295 ± 0 ms (z 23 at ± 10 ms, the least, threshold 2.5)");
}

#[test]
fn a_burst_of_errors() {
    let (rule, usual) = (Settings::spike().rule, usual(0.11, 0.02));
    let measure = Measure::of_field("error_rate", "errors");
    let text = sentence(&measure, &rule, 0.61, &usual).anomalous();
    assert_eq!(text, "error rate 61 %, usually 11 % (5.5 ×, threshold 5 × and 10 %)");
    let never = Summary { mean: 0.0, ..usual };
    let text = sentence(&measure, &rule, 0.61, &never).anomalous();
    assert_eq!(text, "error rate 61 %, usually 0 % (threshold 5 × and 10 %)");
}

#[test]
fn a_fall() {
    let criterion = Criterion::Spike { factor: 5.0, min_value: 0.0 };
    let rule = Rule { criterion, direction: Direction::Down, ..Settings::spike().rule };
    let usual = usual(1200.0, 0.0);
    let text = sentence(&Measure::of_field("count", "traffic"), &rule, 100.0, &usual).anomalous();
    assert_eq!(text, "count 100, usually 1,200 (12 × less, threshold 5 ×)");
}

#[test]
fn every_end() {
    let (rule, old) = (Settings::zscore().rule, usual(295.2, 38.1));
    let peak = Peak { value: 1480.0, score: 31.1, timestamp: crate::time::Micros(0) };
    let new = usual(1180.0, 41.0);
    let end = |reason, value| {
        let ending = Ending { reason, lasted: Duration::from_secs(50), peak: &peak, baseline: &new };
        sentence(&latency(), &rule, value, &old).resolved(&ending)
    };
    assert_eq!(
        [
            end(Reason::BackToNormal, 301.0),
            end(Reason::NewNormal, 1175.0),
            end(Reason::NoData, 1175.0),
            end(Reason::NoLongerWatched, 1175.0),
        ],
        [
            "mean 301 ms, usually 295 ± 38 ms, back to normal after 50 s, peak 1,480 ms (z 31)",
            "mean 1,175 ms, new normal 1,180 ± 41 ms instead of 295 ± 38 ms after 50 s, peak 1,480 ms (z 31)",
            "mean 1,175 ms at last, usually 295 ± 38 ms, then no data, peak 1,480 ms (z 31)",
            "mean 1,175 ms at last, usually 295 ± 38 ms, no longer watched after 50 s, peak 1,480 ms (z 31)",
        ]
    );
}

#[test]
fn each_method_says_how_it_came_to_its_figures() {
    let (rule, figures) = (Settings::zscore().rule, usual(295.2, 38.1));
    let told = |method, rule| {
        let usual = BaselineSettings { method, ..CLASSIC };
        Sentence { usual: &usual, ..sentence(&latency(), &rule, 430.4, &figures) }.anomalous()
    };
    assert_eq!(told(Method::Robust, rule), "mean 430 ms, usually 295 ± 38 ms (median ± 1.48 MAD, z 3.5, threshold 3)");
    // By scipy.stats.norm: 2 * sf(135.2 / 38.1), and sf of it.
    assert_eq!(
        told(Method::Gaussian, rule),
        "mean 430 ms over the last 10, usually 295 ± 38 ms (z 3.5, p 3.9e-4, threshold 3)"
    );
    let up = Rule { direction: Direction::Up, ..rule };
    assert!(told(Method::Gaussian, up).ends_with("(z 3.5, p 1.9e-4, threshold 3)"));
    assert_eq!(told(Method::Ewma, rule), "mean 430 ms, usually 295 ± 38 ms (z 3.5, threshold 3)");
    assert_eq!(tail(1e6, Direction::Both), "< 1e-300");
}

#[test]
fn a_season_is_told() {
    let (rule, figures) = (Settings::zscore().rule, usual(295.2, 38.1));
    let told = |period| Sentence { period: Some(period), ..sentence(&latency(), &rule, 1180.4, &figures) }.anomalous();
    assert_eq!(told(Period::Day), "mean 1,180 ms, usually 295 ± 38 ms at this time of day (z 23, threshold 3)");
    assert_eq!(told(Period::Week), "mean 1,180 ms, usually 295 ± 38 ms at this time of the week (z 23, threshold 3)");
}
