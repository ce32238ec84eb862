//! The account of an anomaly: the steps by which its evidence leads to its verdict, for whoever asks why; and whether it
//! leads there again.

use serde::Serialize;

use super::figures::short;
use crate::incident::{Anomaly, Evidence, Kind, State};
use crate::rule::{Criterion, Direction, Point, Rule, RuleEvidence, Side, Verdict};
use crate::time::Interval;

/// How an anomaly came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// The rule with its figures, as a formula.
    pub rule: String,
    /// What would have made no anomaly of it: a phrase each, `a value of 603.2 or less`.
    pub quiet: Vec<String>,
    /// The last points, oldest first; the last one is that of the event.
    pub steps: Vec<Step>,
}

/// A point, and what its rule says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What it stands for.
    pub window: Interval,
    /// Its value.
    pub value: f64,
    /// What was usual; `None` while too little was known.
    pub expected: Option<f64>,
    /// How far out it is, in the unit of the threshold; `None` where there is no verdict.
    pub score: Option<f64>,
    /// On which side it exceeds the rule; `None` if it does not.
    pub exceeds: Option<Side>,
}

/// A figure of an event that does not follow from its evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event says that {what} is {said}, and from its evidence follows {follows}")]
pub struct Disagreement {
    /// Which figure.
    pub what: &'static str,
    /// What the event says.
    pub said: String,
    /// What follows from the evidence.
    pub follows: String,
}

impl Account {
    /// How an anomaly came about.
    #[must_use]
    pub fn of(anomaly: &Anomaly) -> Self {
        let Evidence::Rule(evidence) = &anomaly.evidence;
        Self { rule: formula(evidence), quiet: quiet(evidence), steps: steps(evidence) }
    }
}

/// Computes the verdict of an anomaly again from the evidence in it, and compares all that follows with what it says.
///
/// # Errors
/// Something else follows.
pub fn verify(anomaly: &Anomaly) -> Result<(), Disagreement> {
    let Evidence::Rule(evidence) = &anomaly.evidence;
    let Some(last) = evidence.points.last() else {
        let follows = "nothing: there is no point".to_owned();
        return Err(Disagreement { what: "its value", said: anomaly.value.to_string(), follows });
    };
    let score = evidence.rule.judge(last.value, &last.baseline).score.unwrap_or(0.0);
    let figures = [
        ("its value", anomaly.value, last.value),
        ("the mean of the baseline", anomaly.baseline.mean, last.baseline.mean),
        ("the spread of the baseline", anomaly.baseline.std, last.baseline.std),
        ("its score", anomaly.score, score),
        ("its threshold", anomaly.threshold, evidence.rule.threshold()),
    ];
    for (what, said, follows) in figures {
        if !is_same(said, follows) {
            return Err(Disagreement { what, said: said.to_string(), follows: follows.to_string() });
        }
    }
    if anomaly.state == State::Resolved {
        // It says that values are usual again, or are not watched: no rule was exceeded.
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

/// Figures may have lost their last bits on the way through JSON.
fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
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
        Criterion::Zscore { threshold, min_std } => {
            let distance = match rule.direction {
                Direction::Both => "|value - mean|",
                Direction::Up => "value - mean",
                Direction::Down => "mean - value",
            };
            let least = if min_std > 0.0 { format!(", std at least {}", short(min_std)) } else { String::new() };
            format!("{distance} / std > {}{least}", short(threshold))
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
        Criterion::Zscore { .. } => Some("threshold"),
        // Where the score is told in multiples of the least value, more than the factor decides.
        Criterion::Spike { factor, min_value } => (last.baseline.mean > min_value / factor).then_some("factor"),
    };
    let score = verdict.score.zip(setting);
    let setting = score.map(|(score, setting)| format!("`{setting}` at {} or more", figure(score, f64::ceil)));
    bound.into_iter().chain(setting).collect()
}

/// Five digits tell a bound well enough; `rounded` to the quiet side of it.
fn figure(value: f64, rounded: fn(f64) -> f64) -> String {
    let size = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let decimals = (4.0 - size).clamp(0.0, 9.0);
    let scale = 10_f64.powf(decimals);
    format!("{:.*}", decimals as usize, rounded(value * scale) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::{Detector, KeyState};
    use crate::explain::Measure;
    use crate::incident::{Identity, Key};
    use crate::rule::Settings;
    use crate::time::Micros;

    /// The events that a detector tells of these values, one a second, as they come out of JSON again.
    fn told(settings: Settings, values: impl Iterator<Item = f64>) -> Vec<Anomaly> {
        let (pipeline, component, field) = ("p".to_owned(), "d".to_owned(), "latency".to_owned());
        let detector =
            Detector::new(settings, Identity { pipeline, component, field }, Measure::of_field("latency", "d"));
        let (mut state, mut told) = (KeyState::default(), Vec::new());
        for (second, value) in (0..).zip(values) {
            let window = Interval { start: Micros(second * 1_000_000), end: Micros((second + 1) * 1_000_000) };
            let observed = detector.observe(&mut state, Key::new, window, Some(value)).unwrap();
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
            let Evidence::Rule(evidence) = &mut anomaly.evidence;
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
        let Evidence::Rule(evidence) = &told[0].evidence;
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
        let with = |threshold: f64| Rule { criterion: Criterion::Zscore { threshold, min_std: 0.0 }, ..evidence.rule };
        let bound = number(&account.quiet[1]);
        assert_eq!(with(bound).judge(400.0, baseline).exceeds, None);
        assert_eq!(with(bound * 0.999).judge(400.0, baseline).exceeds, Some(Side::Up));
    }
}
