//! The anomaly event: one schema for all detectors, with everything in it that its verdict rests on.

use serde::{Deserialize, Serialize};

use super::{Key, Peak, Reason, State};
use crate::baseline::{Method, Summary};
use crate::novelty::NoveltyEvidence;
use crate::pattern::PatternEvidence;
use crate::rule::{Criterion, Rule, RuleEvidence, Side};
use crate::season::Period;
use crate::signals::{Figures, Recent};
use crate::time::{Interval, Micros};

/// A change of an incident, as it leaves on `NAME.anomalies`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Names this event: a hash of the incident and of the change's number in it.
    pub id: String,
    /// Names the incident: a hash of pipeline, component, key and start.
    pub incident_id: String,
    /// What became of it.
    pub state: State,
    /// Why it was resolved.
    pub reason: Option<Reason>,
    /// When it changed: as a rule the end of the window.
    pub timestamp: Micros,
    /// The start of the first point that exceeded the rule.
    pub since: Micros,
    /// What the value stands for.
    pub window: Interval,
    /// The detector's component id.
    pub detector: String,
    /// The field that was judged.
    pub field: String,
    /// What sort of anomaly it is.
    pub r#type: Kind,
    /// Whose it is: field → value.
    pub key: Key,
    /// The signals that take part, in the order in which they came; none where a rule judges one field.
    pub signals: Vec<Part>,
    /// Incidents of other keys that were open then, or had opened in the five minutes before: the earliest first, which
    /// is where to look for the cause; twenty at most.
    pub related: Vec<Related>,
    /// The highest severity so far.
    pub severity: Severity,
    /// How far out the value is, in the unit of `threshold`; 0 where there is no verdict. See [`crate::rule::Verdict`].
    pub score: f64,
    /// The last value; with the method `gaussian` the mean of the last ones.
    pub value: f64,
    /// What a score has to exceed.
    pub threshold: f64,
    /// What the value was judged by.
    pub baseline: BaselineFigures,
    /// The worst point so far.
    pub peak: Peak,
    /// A sentence with the figures.
    pub explanation: String,
    /// What its verdict rests on, and can be computed again from.
    pub evidence: Evidence,
    /// Events of the window, if it kept some: filled in by whoever has them.
    pub samples: Vec<serde_json::Value>,
}

/// What a verdict rests on, by the method that came to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Evidence {
    /// A rule, and the last points that it judged.
    Rule(RuleEvidence),
    /// What was never there: that of the worst value of the incident.
    Novelty(NoveltyEvidence),
    /// How often a template of log lines came, and should have come.
    Pattern(PatternEvidence),
    /// Signals, each judged by figures of its own.
    Signals(SignalEvidence),
}

/// A signal that takes part in an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What sort of anomaly it is.
    pub r#type: Kind,
    /// The length of the window that gave it away, in seconds.
    pub seconds: u32,
    /// The start of that window.
    pub since: Micros,
    /// Whether it still goes on.
    pub open: bool,
}

/// An incident of another key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Related {
    /// Names it.
    pub incident_id: String,
    /// Whose it is.
    pub key: Key,
    /// When it opened.
    pub opened: Micros,
}

/// All that is needed to come to the same verdicts again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalEvidence {
    /// The figures of each signal that takes part, when it was an alarm last; in the order of
    /// [`Anomaly::signals`].
    pub figures: Vec<Figures>,
    /// The last buckets, the oldest first; the last one is that of the change.
    #[serde(default)]
    pub recent: Vec<Recent>,
}

impl SignalEvidence {
    /// Judges again: whether each signal is an alarm.
    #[must_use]
    pub fn verify(&self) -> bool {
        self.figures.iter().all(Figures::fires)
    }
}

impl Evidence {
    /// That of a rule, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleEvidence> {
        match self {
            Self::Rule(evidence) => Some(evidence),
            Self::Signals(_) | Self::Pattern(_) | Self::Novelty(_) => None,
        }
    }

    /// That of signals, if it was them.
    #[must_use]
    pub fn signals(&self) -> Option<&SignalEvidence> {
        match self {
            Self::Signals(evidence) => Some(evidence),
            Self::Rule(_) | Self::Pattern(_) | Self::Novelty(_) => None,
        }
    }

    /// That of `novelty`, if it was that.
    #[must_use]
    pub fn novelty(&self) -> Option<&NoveltyEvidence> {
        match self {
            Self::Novelty(evidence) => Some(evidence),
            Self::Rule(_) | Self::Signals(_) | Self::Pattern(_) => None,
        }
    }
}

/// The baseline in an anomaly event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineFigures {
    /// How many values it rests on.
    pub n: usize,
    /// What was expected: their mean, or what stands for it by `method`.
    pub mean: f64,
    /// Their population standard deviation, or what stands for it by `method`.
    pub std: f64,
    /// How the two were made: see [`Summary`]. None where the test behind them has figures of its own, in the evidence.
    pub method: Option<Method>,
    /// Which season it belongs to.
    pub season: Season,
}

impl BaselineFigures {
    /// Those of a summary.
    pub(crate) fn new(summary: &Summary, method: Method, period: Option<Period>) -> Self {
        let Summary { n, mean, std, .. } = *summary;
        let season = match period {
            None => Season::None,
            Some(Period::Day) => Season::Day,
            Some(Period::Week) => Season::Week,
        };
        Self { n, mean, std, method: Some(method), season }
    }
}

/// The season that a baseline belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Season {
    /// The baseline knows none.
    None,
    /// The time of day.
    Day,
    /// The time of day and the day of the week.
    Week,
}

/// A kind, a severity or the like as it stands in an event.
pub(crate) fn word(word: impl Serialize) -> String {
    serde_json::to_value(word).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What sort of anomaly it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `zscore`, above the mean.
    HighLatency,
    /// `zscore`, below the mean.
    LowLatency,
    /// `spike`, above the mean.
    ErrorSpike,
    /// `spike`, below the mean (`direction = "down"`, which the classic rule does not have).
    ErrorDrop,
    /// Answers take longer than is usual at this time.
    Latency,
    /// More of the answers than usual are among the slowest.
    TailLatency,
    /// Answers have become slower little by little, over half an hour or more.
    Degradation,
    /// More requests fail than usual.
    ErrorRate,
    /// Fewer requests come than is usual at this time.
    TrafficDrop,
    /// More requests come than is usual at this time.
    TrafficSurge,
    /// No request comes, where some should have.
    Silence,
    /// Values follow one another as they never did.
    Novelty,
    /// The texts of logs are not the usual ones.
    Pattern,
}

impl Kind {
    /// The kind that a rule finds on a side.
    #[must_use]
    pub fn of(rule: &Rule, side: Side) -> Self {
        match (rule.criterion, side) {
            (Criterion::Zscore { .. }, Side::Up) => Self::HighLatency,
            (Criterion::Zscore { .. }, Side::Down) => Self::LowLatency,
            (Criterion::Spike { .. }, Side::Up) => Self::ErrorSpike,
            (Criterion::Deviance { .. }, Side::Up) => Self::ErrorRate,
            (Criterion::Spike { .. } | Criterion::Deviance { .. }, Side::Down) => Self::ErrorDrop,
        }
    }
}

/// How bad it is, by the score in multiples of the threshold.
///
/// | rule     | info    | warning       | critical        |
/// |----------|---------|---------------|-----------------|
/// | `zscore` | below 2 | from 2 (z 6)  | from 4 (z 12)   |
/// | `spike`  | never   | from 1        | from 1.5        |
/// | deviance | below 1.5 | from 1.5    | from 3          |
/// | `detect` | below 1.5, one signal alone | from 1.5; several signals, or a silence | from 3 |
///
/// A rate can't grow much further than to five times its mean, so a spike's steps are shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Out of the usual, no more.
    Info,
    /// Worth a look soon.
    Warning,
    /// Worth a look now.
    Critical,
}

impl Severity {
    /// The severity of a score that exceeds `rule`.
    #[must_use]
    pub fn of(rule: &Rule, score: f64) -> Self {
        let (warning, critical) = match rule.criterion {
            Criterion::Zscore { .. } => (2.0, 4.0),
            Criterion::Spike { .. } => (1.0, 1.5),
            Criterion::Deviance { .. } => (1.5, 3.0),
        };
        match score / rule.threshold() {
            times if times >= critical => Self::Critical,
            times if times >= warning => Self::Warning,
            _ => Self::Info,
        }
    }
}
