//! Of signals: the figures of each are judged again.

use super::{Account, Disagreement, agree, figure, is_alarm, unfounded};
use crate::explain::figures::{short, span, two_digits};
use crate::incident::{Anomaly, Kind, SignalEvidence};
use crate::signals::Figures;

/// How it came about.
pub(super) fn account(evidence: &SignalEvidence) -> Account {
    let rules: Vec<String> = evidence.figures.iter().map(formula).collect();
    let quiet = evidence.figures.iter().flat_map(quiet).collect();
    Account { rule: rules.join("; "), quiet, steps: Vec::new() }
}

/// Judges again.
pub(super) fn verify(anomaly: &Anomaly, evidence: &SignalEvidence) -> Result<(), Disagreement> {
    if !is_alarm(anomaly) {
        return Ok(());
    }
    let worst = evidence.figures.iter().max_by(|one, other| one.times().total_cmp(&other.times()));
    let Some(worst) = worst.filter(|_| evidence.verify()) else { return Err(unfounded(anomaly)) };
    agree([
        ("its value", anomaly.value, worst.bounds().value),
        ("its score", anomaly.score, worst.score()),
        ("its threshold", anomaly.threshold, worst.threshold()),
    ])
}

fn formula(figures: &Figures) -> String {
    let (name, limit) = (name(figures), figures.limit());
    let over = span(std::time::Duration::from_secs(u64::from(figures.seconds())));
    let (score, threshold) = (two_digits(figures.score()), short(limit.threshold));
    format!("`{name}` over {over}: score {score} > {threshold}, and {} times the usual", short(limit.min_effect))
}

/// What would have been no alarm: thresholds are divided by the sensitivity.
fn quiet(figures: &Figures) -> Vec<String> {
    let (name, limit, bounds) = (name(figures), figures.limit(), figures.bounds());
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

/// The signal as its settings have it.
fn name(figures: &Figures) -> &'static str {
    match figures.kind() {
        Kind::Degradation => "degradation",
        Kind::TailLatency => "tail_latency",
        Kind::ErrorRate => "error_rate",
        Kind::TrafficDrop => "traffic_drop",
        Kind::TrafficSurge => "traffic_surge",
        Kind::Silence => "silence",
        _ => "latency",
    }
}
