//! Of novelty: how strange the values are is computed again from what they were compared with.

use super::{Account, Disagreement, agree, figure, is_alarm, unfounded};
use crate::explain::figures::short;
use crate::incident::Anomaly;
use crate::novelty::NoveltyEvidence;

/// How it came about.
pub(super) fn account(evidence: &NoveltyEvidence) -> Account {
    let rule = format!("score >= {}, reached by a strangeness over {}", evidence.threshold, short(evidence.limit));
    let quiet = evidence.score().map(|score| format!("`threshold` above {}", figure(score, f64::ceil)));
    Account { rule, quiet: quiet.into_iter().collect(), steps: Vec::new() }
}

/// Judges again: the evidence is that of the worst value of the incident.
pub(super) fn verify(anomaly: &Anomaly, evidence: &NoveltyEvidence) -> Result<(), Disagreement> {
    let Some(score) = evidence.score() else { return Err(unfounded(anomaly)) };
    agree([
        ("the score of its peak", anomaly.peak.score, score),
        ("its threshold", anomaly.threshold, evidence.threshold),
    ])?;
    if is_alarm(anomaly) && !evidence.is_novel() { Err(unfounded(anomaly)) } else { Ok(()) }
}
