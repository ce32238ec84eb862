//! The rules at their edges. Whole series are checked against NumPy in `tests/core`.

use super::*;

fn usual(mean: f64, std: f64) -> Summary {
    Summary { n: 1000, mean, std, ..Summary::default() }
}

fn side(rule: &Rule, value: f64, mean: f64, std: f64) -> Option<Side> {
    rule.judge(value, &usual(mean, std)).exceeds
}

#[test]
fn exactly_at_the_threshold_is_usual() {
    let rule = Settings::zscore().rule;
    assert_eq!(side(&rule, 130.0, 100.0, 10.0), None);
    assert_eq!(side(&rule, 130.1, 100.0, 10.0), Some(Side::Up));
    assert_eq!(side(&rule, 69.9, 100.0, 10.0), Some(Side::Down));
    let spike = Settings::spike().rule;
    assert_eq!(side(&spike, 0.5, 0.1, 0.0), None);
    assert_eq!(side(&spike, 0.51, 0.1, 0.0), Some(Side::Up));
}

#[test]
fn a_spread_of_nothing_hides_a_jump_unless_it_is_lifted() {
    let mut rule = Settings::zscore().rule;
    let verdict = rule.judge(9000.0, &usual(100.0, 0.0));
    assert_eq!(verdict, Verdict { expected: Some(100.0), ..Verdict::default() });
    rule.criterion = Criterion::Zscore { threshold: 3.0, min_std: 5.0, min_std_ratio: 0.0 };
    let verdict = rule.judge(120.0, &usual(100.0, 0.0));
    assert_eq!((verdict.exceeds, verdict.score), (Some(Side::Up), Some(4.0)));
    assert_eq!((verdict.lower, verdict.upper), (Some(85.0), Some(115.0)));
}

#[test]
fn a_baseline_too_short_has_no_verdict() {
    let short = Summary { n: 9, ..usual(100.0, 1.0) };
    assert_eq!(Settings::zscore().rule.judge(9000.0, &short), Verdict::default());
    let zero = Rule { min_samples: 0, ..Settings::zscore().rule };
    assert_eq!(zero.judge(1.0, &Summary::default()), Verdict::default());
}

#[test]
fn one_direction_ignores_the_other() {
    let up = Rule { direction: Direction::Up, ..Settings::zscore().rule };
    let faster = up.judge(10.0, &usual(100.0, 10.0));
    assert_eq!((faster.exceeds, faster.score), (None, Some(9.0)));
    assert_eq!((faster.lower, faster.upper), (None, Some(130.0)));
    let down = Rule { direction: Direction::Down, ..up };
    assert_eq!(side(&down, 200.0, 100.0, 10.0), None);
    assert_eq!(side(&down, 10.0, 100.0, 10.0), Some(Side::Down));
}

#[test]
fn an_effect_must_be_large_enough_on_its_side() {
    let rule = Rule { min_effect: 1.5, ..Settings::zscore().rule };
    assert_eq!(side(&rule, 149.0, 100.0, 10.0), None);
    assert_eq!(side(&rule, 150.0, 100.0, 10.0), Some(Side::Up));
    assert_eq!(side(&rule, 67.0, 100.0, 10.0), None);
    assert_eq!(side(&rule, 66.0, 100.0, 10.0), Some(Side::Down));
    let verdict = rule.judge(100.0, &usual(100.0, 1.0));
    assert_eq!((verdict.lower, verdict.upper), (Some(100.0 / 1.5), Some(150.0)));
    // Mirrored below 0: −60 is 1.67 times nearer to 0 than −100, −160 is 1.6 times farther.
    assert_eq!(side(&rule, -67.0, -100.0, 10.0), None);
    assert_eq!(side(&rule, -60.0, -100.0, 10.0), Some(Side::Up));
    assert_eq!(side(&rule, -149.0, -100.0, 10.0), None);
    assert_eq!(side(&rule, -160.0, -100.0, 10.0), Some(Side::Down));
}

#[test]
fn a_spike_needs_both_factor_and_value() {
    let rule = Settings::spike().rule;
    assert_eq!(side(&rule, 0.09, 0.005, 0.0), None, "18 times as much, but little");
    assert_eq!(side(&rule, 0.6, 0.2, 0.0), None, "the trap: five times 20 % is more than all");
    assert_eq!(side(&rule, 0.11, 0.0, 0.0), Some(Side::Up));
    let verdict = rule.judge(0.61, &usual(0.11, 0.0));
    assert!((verdict.score.unwrap() - 0.61 / 0.11).abs() < 1e-12);
    assert_eq!((verdict.lower, verdict.upper), (None, Some(0.55)));
    // With a tiny mean the score counts from what `min_value` lets through, not into the thousands.
    let verdict = rule.judge(0.2, &usual(1e-6, 0.0));
    assert_eq!((verdict.exceeds, verdict.score), (Some(Side::Up), Some(10.0)));
}

#[test]
fn a_fall_is_the_spike_turned_over() {
    let rule = Rule { direction: Direction::Both, ..Settings::spike().rule };
    assert_eq!(side(&rule, 19.0, 100.0, 0.0), Some(Side::Down));
    assert_eq!(side(&rule, 21.0, 100.0, 0.0), None);
    assert_eq!(side(&rule, 0.0, 0.09, 0.0), None, "nothing to fall from");
    assert_eq!(rule.judge(0.0, &usual(100.0, 0.0)).score, Some(SCORE_LIMIT));
    assert_eq!(rule.judge(19.0, &usual(100.0, 0.0)).lower, Some(20.0));
}

#[test]
fn scores_stay_numbers() {
    let verdict = Settings::zscore().rule.judge(VALUE_LIMIT, &usual(0.0, f64::MIN_POSITIVE));
    assert_eq!((verdict.exceeds, verdict.score), (Some(Side::Up), Some(SCORE_LIMIT)));
    let free = Criterion::Spike { factor: 5.0, min_value: 0.0 };
    let rule = Rule { criterion: free, ..Settings::spike().rule };
    assert_eq!(rule.judge(0.0, &usual(0.0, 0.0)).score, Some(0.0));
    assert_eq!(rule.judge(0.1, &usual(0.0, 0.0)).score, Some(SCORE_LIMIT));
}

#[test]
fn the_relaxed_rule_is_half_as_strict() {
    let rule = Rule { min_effect: 1.5, ..Settings::zscore().rule }.relaxed();
    assert_eq!((rule.threshold(), rule.min_effect), (1.5, 1.25));
    let spike = Settings::spike().rule.relaxed();
    assert_eq!(spike.criterion, Criterion::Spike { factor: 3.0, min_value: 0.05 });
}
