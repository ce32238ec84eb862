//! Of a rule: each point is judged again by the baseline of its time.

use super::{Account, Disagreement, Step, agree, figure, is_alarm};
use crate::explain::figures::short;
use crate::incident::{Anomaly, Kind, State};
use crate::rule::{Criterion, Direction, Point, Rule, RuleEvidence, Side, Verdict};

/// How it came about.
pub(super) fn account(evidence: &RuleEvidence) -> Account {
    Account { rule: formula(evidence), quiet: quiet(evidence), steps: steps(evidence) }
}

/// Computes it again.
pub(super) fn verify(anomaly: &Anomaly, evidence: &RuleEvidence) -> Result<(), Disagreement> {
    let Some(last) = evidence.points.last() else {
        let follows = "nothing: there is no point".to_owned();
        return Err(Disagreement { what: "its value", said: anomaly.value.to_string(), follows });
    };
    let score = evidence.rule.judge(last.value, &last.baseline).score.unwrap_or(0.0);
    agree([
        ("its value", anomaly.value, last.value),
        ("the mean of the baseline", anomaly.baseline.mean, last.baseline.mean),
        ("the spread of the baseline", anomaly.baseline.std, last.baseline.std),
        ("its score", anomaly.score, score),
        ("its threshold", anomaly.threshold, evidence.rule.threshold()),
    ])?;
    if !is_alarm(anomaly) {
        return Ok(());
    }
    let found = evidence.confirmed().map(|(side, since)| (Kind::of(&evidence.rule, side), since));
    let agrees = found.is_some_and(|(kind, since)| {
        // An incident that gets worse may have begun before the first of these points.
        kind == anomaly.r#type && (since == anomaly.since || anomaly.state == State::Update)
    });
    if agrees {
        return Ok(());
    }
    let told = |kind: Kind, since| format!("{kind:?} since {since}");
    Err(Disagreement {
        what: "it",
        said: told(anomaly.r#type, anomaly.since),
        follows: found.map_or_else(|| "no anomaly".to_owned(), |(kind, since)| told(kind, since)),
    })
}

fn steps(evidence: &RuleEvidence) -> Vec<Step> {
    let step = |point: &Point| {
        let verdict = evidence.rule.judge(point.value, &point.baseline);
        let Verdict { expected, score, exceeds, .. } = verdict;
        Step { window: point.window, value: point.value, expected, score, exceeds }
    };
    evidence.points.iter().map(step).collect()
}

fn formula(RuleEvidence { rule, confirm, .. }: &RuleEvidence) -> String {
    let mut parts = vec![test(rule)];
    if rule.min_effect > 1.0 {
        parts.push(format!("at least {} times the mean, or that much less", short(rule.min_effect)));
    }
    if confirm.of() > 1 {
        parts.push(format!("{confirm} points"));
    }
    parts.push(format!("from {} values on", rule.min_samples));
    parts.join("; ")
}

fn test(rule: &Rule) -> String {
    match rule.criterion {
        Criterion::Zscore { threshold, min_std, min_std_ratio } => {
            let distance = match rule.direction {
                Direction::Both => "|value - mean|",
                Direction::Up => "value - mean",
                Direction::Down => "mean - value",
            };
            let mut formula = format!("{distance} / std > {}", short(threshold));
            if min_std > 0.0 {
                formula += &format!(", std at least {}", short(min_std));
            }
            if min_std_ratio > 0.0 {
                formula += &format!(", std at least {} of the mean", short(min_std_ratio));
            }
            formula
        }
        Criterion::Spike { factor, min_value } => {
            let (factor, least) = (short(factor), short(min_value));
            let up = format!("value > {factor} * mean and value > {least}");
            let down = format!("value < mean / {factor} and mean > {least}");
            match rule.direction {
                Direction::Both => format!("{up}, or {down}"),
                Direction::Up => up,
                Direction::Down => down,
            }
        }
        Criterion::Deviance { threshold, min_value } => {
            format!("binomial deviance of the share from the mean > {}, share > {}", short(threshold), short(min_value))
        }
    }
}

/// What would have been no anomaly: by the last point alone, for without it none is confirmed.
fn quiet(RuleEvidence { rule, points, .. }: &RuleEvidence) -> Vec<String> {
    let Some(last) = points.last() else { return Vec::new() };
    let verdict = rule.judge(last.value, &last.baseline);
    let Some(side) = verdict.exceeds else { return Vec::new() };
    let bound = match side {
        Side::Up => verdict.upper.map(|upper| format!("a value of {} or less", figure(upper, f64::floor))),
        Side::Down => verdict.lower.map(|lower| format!("a value of {} or more", figure(lower, f64::ceil))),
    };
    let setting = match rule.criterion {
        Criterion::Zscore { .. } | Criterion::Deviance { .. } => Some("threshold"),
        // Where the score is told in multiples of the least value, more than the factor decides.
        Criterion::Spike { factor, min_value } => (last.baseline.mean > min_value / factor).then_some("factor"),
    };
    let score = verdict.score.zip(setting);
    let setting = score.map(|(score, setting)| format!("`{setting}` at {} or more", figure(score, f64::ceil)));
    bound.into_iter().chain(setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::Detector;
    use crate::explain::{Measure, verify};
    use crate::incident::{Evidence, Identity, Key};
    use crate::rule::Settings;
    use crate::time::{Interval, Micros};

    /// The events that a detector tells of these values, one a second, as they come out of JSON again.
    fn told(settings: Settings, values: impl Iterator<Item = f64>) -> Vec<Anomaly> {
        let (pipeline, component, field) = ("p".to_owned(), "d".to_owned(), "latency".to_owned());
        let detector =
            Detector::new(settings, Identity { pipeline, component, field }, Measure::of_field("latency", "d"));
        let (mut state, mut told) = (detector.begin(), Vec::new());
        for (second, value) in (0..).zip(values) {
            let window = Interval { start: Micros(second * 1_000_000), end: Micros((second + 1) * 1_000_000) };
            let observed = detector.observe(&mut state, Key::new, window, Some(value), None).unwrap();
            told.extend(observed.anomalies);
        }
        let text = serde_json::to_string(&told).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Usual values, a jump, one that is worse, and back.
    fn values() -> impl Iterator<Item = f64> {
        let usual = |n: i32| (0..n).map(|second| 100.0 + f64::from(second % 7));
        usual(50).chain([400.0; 5]).chain([900.0; 5]).chain(usual(600))
    }

    #[test]
    fn what_a_detector_tells_follows_from_its_evidence() {
        for settings in [Settings::zscore(), Settings::spike()] {
            let told =
                told(settings, values().map(|value| if settings == Settings::spike() { value * value } else { value }));
            let states: Vec<State> = told.iter().map(|anomaly| anomaly.state).collect();
            assert!(states.contains(&State::Open) && states.contains(&State::Resolved), "{states:?}");
            for anomaly in &told {
                assert_eq!(verify(anomaly), Ok(()), "{anomaly:?}");
            }
        }
    }

    #[test]
    fn what_was_changed_does_not_follow() {
        let told = told(Settings::zscore(), values());
        let changed = |change: fn(&mut Anomaly)| {
            let mut anomaly = told[0].clone();
            change(&mut anomaly);
            verify(&anomaly).map_err(|error| error.what)
        };
        assert_eq!(changed(|_| {}), Ok(()));
        assert_eq!(changed(|anomaly| anomaly.value += 1.0), Err("its value"));
        assert_eq!(changed(|anomaly| anomaly.score *= 1.01), Err("its score"));
        assert_eq!(changed(|anomaly| anomaly.threshold = 2.0), Err("its threshold"));
        assert_eq!(changed(|anomaly| anomaly.baseline.mean = 99.0), Err("the mean of the baseline"));
        assert_eq!(changed(|anomaly| anomaly.since.0 += 1), Err("it"));
        assert_eq!(changed(|anomaly| anomaly.r#type = Kind::LowLatency), Err("it"));
        let weaker = |anomaly: &mut Anomaly| {
            let Evidence::Rule(evidence) = &mut anomaly.evidence else { unreachable!() };
            evidence.points.pop();
        };
        assert_eq!(changed(weaker), Err("its value"));
    }

    #[test]
    fn the_bounds_are_where_it_would_have_been_quiet() {
        let told = told(Settings::zscore(), values());
        let account = Account::of(&told[0]);
        assert_eq!(account.rule, "|value - mean| / std > 3; from 10 values on");
        let step = account.steps.last().unwrap();
        assert_eq!((step.value, step.exceeds), (400.0, Some(Side::Up)));
        let Some(evidence) = told[0].evidence.rule() else { unreachable!() };
        let baseline = &evidence.points.last().unwrap().baseline;
        let number = |phrase: &str| {
            let numbers = phrase.split(' ').find_map(|word| word.parse::<f64>().ok());
            numbers.unwrap_or_else(|| panic!("{phrase} has no number"))
        };
        let exceeds = |value: f64| evidence.rule.judge(value, baseline).exceeds;
        assert!(account.quiet[0].starts_with("a value of ") && account.quiet[0].ends_with(" or less"));
        let bound = number(&account.quiet[0]);
        assert_eq!((exceeds(bound), exceeds(bound * 1.001)), (None, Some(Side::Up)));
        assert!(account.quiet[1].starts_with("`threshold` at ") && account.quiet[1].ends_with(" or more"));
        let with = |threshold: f64| Rule {
            criterion: Criterion::Zscore { threshold, min_std: 0.0, min_std_ratio: 0.0 },
            ..evidence.rule
        };
        let bound = number(&account.quiet[1]);
        assert_eq!(with(bound).judge(400.0, baseline).exceeds, None);
        assert_eq!(with(bound * 0.999).judge(400.0, baseline).exceeds, Some(Side::Up));
    }
}
