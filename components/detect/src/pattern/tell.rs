//! From what was found to the anomaly that is told.

use crate::explain::pattern;
use crate::incident::{Anomaly, BaselineFigures, Evidence, Identity, Key, Kind, Season, event, hex};
use crate::time::{Interval, Micros};

use super::evidence::PatternEvidence;
use super::open::Open;
use super::rate::Figures;
use super::track::{Finding, Naming, Sample, template_id};

/// The names that anomalies carry.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    /// Where the transform stands, and which field it reads.
    pub(super) identity: Identity,
    /// The field that names a template.
    pub(super) id_field: String,
}

impl Teller {
    /// The name of an incident of `key` that began at `since`.
    pub(super) fn incident(&self, mut key: Key, naming: Naming, since: Micros) -> u128 {
        let (name, value) = match naming {
            Naming::Template(id) => (self.id_field.clone(), template_id(id)),
            Naming::Storm(change) => ("\0storm".to_owned(), format!("{change:?}")),
        };
        key.insert(name, value);
        self.identity.incident(&key, since)
    }

    /// The event of a change. An incident of one template has that in its key; a storm has the key alone.
    pub(super) fn anomaly(&self, mut key: Key, finding: Finding) -> Anomaly {
        let Finding { told, template, shown, samples } = finding;
        let open @ Open { figures, since, .. } = &told.incident;
        if let Some(id) = template {
            key.insert(self.id_field.clone(), template_id(id));
        }
        let evidence = PatternEvidence { figures: *figures, total: open.templates, templates: shown };
        let explanation = match told.reason {
            None => pattern::anomalous(&evidence),
            Some(reason) => pattern::resolved(&evidence, reason, told.at.since(*since)),
        };
        let start =
            told.at.0.saturating_sub(i64::try_from(figures.seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000));
        Anomaly {
            id: hex(event(open.id, open.changes)),
            incident_id: hex(open.id),
            state: told.state,
            reason: told.reason,
            timestamp: told.at,
            since: *since,
            window: Interval { start: Micros(start), end: told.at },
            detector: self.identity.component.clone(),
            field: self.identity.field.clone(),
            r#type: Kind::Pattern,
            key,
            severity: open.severity,
            score: evidence.score(),
            value: figures.count as f64,
            threshold: figures.threshold(),
            baseline: baseline(figures),
            peak: open.peak,
            signals: Vec::new(),
            related: Vec::new(),
            explanation,
            evidence: Evidence::Pattern(evidence),
            samples: samples.iter().map(|sample| self.sample(sample)).collect(),
        }
    }

    /// An event as evidence: its time, and the field that was read.
    fn sample(&self, Sample { at, line }: &Sample) -> serde_json::Value {
        serde_json::json!({ "timestamp": at.to_string(), self.identity.field.as_str(): &**line })
    }
}

/// What was expected of the count: its mean, and its standard deviation by the gamma-Poisson distribution.
fn baseline(figures: &Figures) -> BaselineFigures {
    let Figures { expected, spread, seconds, .. } = *figures;
    let std = (expected + spread * expected * expected).sqrt();
    let n = usize::try_from(seconds).unwrap_or(usize::MAX);
    BaselineFigures { n, mean: expected, std, method: None, season: Season::None }
}
