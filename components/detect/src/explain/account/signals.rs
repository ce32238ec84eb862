//! Of signals: the figures of each are judged again.

use super::{Account, Disagreement, Step, agree, figure, is_alarm, unfounded};
use crate::explain::figures::{short, span, two_digits};
use crate::incident::{Anomaly, Kind, SignalEvidence, word};
use crate::signals::{Figures, Recent};

/// How it came about.
pub(super) fn account(evidence: &SignalEvidence) -> Account {
    let rules: Vec<String> = evidence.figures.iter().map(formula).collect();
    let quiet = evidence.figures.iter().flat_map(quiet).collect();
    let worst = Figures::worst(evidence.figures.iter().copied());
    let steps = worst.map(|worst| evidence.recent.iter().filter_map(|recent| step(&worst, recent)).collect());
    Account { rule: rules.join("; "), quiet, steps: steps.unwrap_or_default() }
}

/// What a signal was in a bucket; `None` where it has none. Judged is not the bucket but what it is a part of.
fn step(figures: &Figures, recent: &Recent) -> Option<Step> {
    let share = |part: u32, whole: u32| (whole > 0).then(|| f64::from(part) / f64::from(whole));
    let (value, usual) = match figures {
        Figures::Latency(figures) => (figures.usual * recent.times_usual?, figures.usual),
        Figures::TailLatency(figures) => (share(recent.slow, recent.latencies)?, figures.usual),
        Figures::ErrorRate(figures) => (share(recent.errors, recent.events)?, figures.usual),
        Figures::Traffic(_) | Figures::Silence(_) => (f64::from(recent.events), recent.expected),
    };
    Some(Step { window: recent.window, value, expected: Some(usual), score: None, exceeds: None })
}

/// Judges again.
pub(super) fn verify(anomaly: &Anomaly, evidence: &SignalEvidence) -> Result<(), Disagreement> {
    if !is_alarm(anomaly) {
        return Ok(());
    }
    let worst = Figures::worst(evidence.figures.iter().copied());
    let Some(worst) = worst.filter(|_| evidence.verify()) else { return Err(unfounded(anomaly)) };
    agree([
        ("its value", anomaly.value, worst.bounds().value),
        ("its score", anomaly.score, worst.score()),
        ("its threshold", anomaly.threshold, worst.threshold()),
    ])
}

fn formula(figures: &Figures) -> String {
    // Its settings are named as its anomalies.
    let (name, limit) = (word(figures.kind()), figures.limit());
    let over = span(std::time::Duration::from_secs(u64::from(figures.seconds())));
    let (score, threshold) = (two_digits(figures.score()), short(limit.threshold));
    format!("`{name}` over {over}: score {score} > {threshold}, and {} times the usual", short(limit.min_effect))
}

/// What would have been no alarm: thresholds are divided by the sensitivity.
fn quiet(figures: &Figures) -> Vec<String> {
    let (name, limit, bounds) = (word(figures.kind()), figures.limit(), figures.bounds());
    let edge = match figures.kind() {
        Kind::Silence => None,
        Kind::TrafficDrop => {
            Some(format!("a value of {} or more", figure(bounds.expected / limit.min_effect, f64::ceil)))
        }
        _ => Some(format!("a value of {} or less", figure(bounds.expected * limit.min_effect, f64::floor))),
    };
    let sensitivity = format!(
        "`{name}.sensitivity` at {} of what it is, or less",
        figure(limit.threshold / figures.score(), f64::floor)
    );
    edge.into_iter().chain([sensitivity]).collect()
}
