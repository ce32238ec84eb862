//! What is kept: webhooks, silences, and the calls that were made or are to be made.
//!
//! These are the rows of the store, so what they say stays readable by later versions: members are added with a default,
//! and none changes its meaning.

use std::collections::BTreeSet;
use std::time::Duration;

use logd_archive::Scope;
use logd_sdk::Time;
use logd_sdk::settings::Secret;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::hours::QuietHours;

/// What a webhook can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// An incident was opened: the name that it has had before there were incidents.
    AnomalyDetected,
    /// An incident was opened.
    IncidentOpened,
    /// An incident got markedly worse.
    IncidentUpdated,
    /// An incident is over.
    IncidentResolved,
    /// More of a service's logs than usual are errors.
    HighErrorRate,
}

impl Event {
    /// As it stands in `type` of what is sent.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AnomalyDetected => "anomaly_detected",
            Self::IncidentOpened => "incident_opened",
            Self::IncidentUpdated => "incident_updated",
            Self::IncidentResolved => "incident_resolved",
            Self::HighErrorRate => "high_error_rate",
        }
    }

    /// Whether it tells of a beginning.
    pub(super) fn is_opening(self) -> bool {
        matches!(self, Self::AnomalyDetected | Self::IncidentOpened)
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Out of the usual, no more.
    Info,
    /// Worth a look soon.
    Warning,
    /// Worth a look now.
    Critical,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a user could see when they made something: it does no more than they could.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Limits {
    services: Option<BTreeSet<String>>,
    pipelines: Option<BTreeSet<String>>,
}

impl Limits {
    /// Whether what a pipeline knows of a service is within.
    pub(super) fn allow(&self, pipeline: &str, service: &str) -> bool {
        let within = |limit: &Option<BTreeSet<String>>, name| limit.as_ref().is_none_or(|names| names.contains(name));
        within(&self.services, service) && within(&self.pipelines, pipeline)
    }

    /// Whether all that is within these is within `scope` too.
    pub(super) fn are_within(&self, scope: &Scope) -> bool {
        let within = |inner: &Option<BTreeSet<String>>, outer: &Option<BTreeSet<String>>| match (inner, outer) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner.is_subset(outer),
        };
        within(&self.services, &scope.services) && within(&self.pipelines, &scope.pipelines)
    }
}

impl From<&Scope> for Limits {
    fn from(scope: &Scope) -> Self {
        Self { services: scope.services.clone(), pipelines: scope.pipelines.clone() }
    }
}

/// A registered webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Webhook {
    pub(super) id: String,
    #[serde(serialize_with = "exposed")]
    pub(super) url: Secret,
    pub(super) events: BTreeSet<Event>,
    /// `None` for all.
    pub(super) services: Option<BTreeSet<String>>,
    pub(super) min_severity: Option<Severity>,
    pub(super) description: Option<String>,
    pub(super) enabled: bool,
    pub(super) quiet_hours: Option<QuietHours>,
    /// Zero where each change is told by itself.
    pub(super) group_wait: Duration,
    /// What calls are signed with, the newest first.
    pub(super) secrets: Vec<Key>,
    pub(super) created_by: String,
    pub(super) created_at: Time,
    pub(super) limits: Limits,
    /// Why it is not enabled, if it was not its owner who did that.
    pub(super) disabled_reason: Option<String>,
    /// Since when no call has been taken.
    pub(super) failing_since: Option<Time>,
}

/// What calls are signed with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Key {
    #[serde(serialize_with = "exposed")]
    pub(super) secret: Secret,
    /// Until when, if another has taken its place.
    pub(super) until: Option<Time>,
}

/// A secret shows itself nowhere but in the store, whose file nobody else may read.
fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// What a call is about, as far as it matters who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) service: String,
    pub(super) pipeline: String,
    /// `high_latency`, `high_error_rate`, …
    pub(super) kind: String,
    pub(super) severity: Severity,
}

/// A call that is to be made, or was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its `webhook-id`, the same however often it is made.
    pub(super) id: String,
    /// What it tells; `None` for a test.
    pub(super) event: Option<Event>,
    /// The ids of the changes that it tells of.
    pub(super) changes: Vec<String>,
    /// The incidents that they belong to.
    pub(super) incidents: Vec<String>,
    pub(super) subject: Subject,
    /// When that happened, by the clock of the one who was told.
    pub(super) at: Time,
    /// Since when it is to be made: longer ago for none than [`LONGEST`](super::pace::LONGEST).
    pub(super) since: Time,
    pub(super) stage: Stage,
    /// When it is to be looked at again: made, or handed on by whatever holds it.
    pub(super) due: Time,
    /// What holds it back, while it is [`Stage::Gathering`].
    pub(super) held: Option<Held>,
    /// How often it was made since then.
    pub(super) attempts: u32,
    /// What the last attempt was answered.
    pub(super) status: Option<u16>,
    /// Why the last attempt failed.
    pub(super) error: Option<String>,
    pub(super) took: Option<Duration>,
}

/// What was heard of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heard {
    /// The worst so far.
    pub(super) severity: Severity,
    /// When that was.
    pub(super) at: Time,
    /// Whether a person has resolved it.
    pub(super) is_over: bool,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Others may still become part of it, or something holds it back. Its body is one part of what will be sent.
    Gathering,
    /// It is to be made, or made again. Its body is what is sent.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Failed,
}

impl Stage {
    /// Whether it is over.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed)
    }
}

/// What holds a call back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Held {
    /// A silence.
    Silenced,
    /// The quiet hours of its webhook.
    Quiet,
}

/// Something that nobody is to be called for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Silence {
    pub(super) id: String,
    pub(super) service: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) pipeline: Option<String>,
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) repeat: Option<Repeat>,
    /// Whose clocks `repeat` goes by; UTC where there is none.
    pub(super) time_zone: Option<String>,
    pub(super) comment: String,
    pub(super) created_by: String,
    pub(super) created_at: Time,
    pub(super) limits: Limits,
}

/// How often a silence comes again, without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Repeat {
    /// Every day at the same time of day.
    Daily,
    /// Every week on the same day at the same time of day.
    Weekly,
}
