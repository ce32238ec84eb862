//! Of templates: how far a count is from what was expected is computed again.

use super::{Account, Disagreement, agree, is_alarm, unfounded};
use crate::explain::figures::{short, two_digits};
use crate::incident::Anomaly;
use crate::pattern::PatternEvidence;

/// How it came about.
pub(super) fn account(evidence: &PatternEvidence) -> Account {
    let figures = &evidence.figures;
    let (count, expected) = (figures.count, two_digits(figures.expected));
    let rule = format!(
        "score > {}: {count} in {} s, where {expected} were expected, with a relative variance of {}",
        short(figures.threshold()),
        figures.seconds,
        two_digits(figures.spread)
    );
    Account { rule, quiet: Vec::new(), steps: Vec::new() }
}

/// Judges again.
pub(super) fn verify(anomaly: &Anomaly, evidence: &PatternEvidence) -> Result<(), Disagreement> {
    agree([
        ("its value", anomaly.value, evidence.figures.count as f64),
        ("its score", anomaly.score, evidence.score()),
        ("its threshold", anomaly.threshold, evidence.figures.threshold()),
    ])?;
    let exceeds = evidence.score() > evidence.figures.threshold();
    if is_alarm(anomaly) && !exceeds { Err(unfounded(anomaly)) } else { Ok(()) }
}
