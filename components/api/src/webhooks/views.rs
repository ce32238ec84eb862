//! What is answered: webhooks, calls and silences as users see them. No secret is in them, but where one is made.

use std::collections::BTreeSet;

use logd_sdk::Time;
use logd_sdk::settings::Duration;
use serde::Serialize;
use utoipa::ToSchema;

use super::hours::QuietHours;
use super::model::{self, Event, Record, Repeat, Severity, Stage};
use crate::audit::millis;

/// A registered webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// Names it.
    pub(crate) id: String,
    /// Where to.
    #[schema(format = "uri")]
    pub(crate) url: String,
    /// What it is told of.
    pub(crate) events: BTreeSet<Event>,
    /// Of which services; null for all.
    #[schema(required = true)]
    pub(crate) services: Option<BTreeSet<String>>,
    /// From which severity on; null for all.
    #[schema(required = true)]
    pub(crate) min_severity: Option<Severity>,
    /// What it is for.
    #[schema(required = true)]
    pub(crate) description: Option<String>,
    /// Whether it is called.
    pub(crate) enabled: bool,
    /// Hours in which only what is critical makes a call.
    #[schema(required = true)]
    pub(crate) quiet_hours: Option<QuietHours>,
    /// How long it waits for other changes of the same service.
    #[schema(required = true, example = "30s")]
    pub(crate) group_wait: Option<String>,
    /// Who has registered it.
    pub(crate) created_by: String,
    /// When.
    #[schema(format = "date-time")]
    pub(crate) created_at: String,
    /// Why it is not enabled, if logd has done that.
    #[schema(required = true)]
    pub(crate) disabled_reason: Option<String>,
    /// Since when no call has been taken.
    #[schema(required = true, format = "date-time")]
    pub(crate) failing_since: Option<String>,
    /// How many calls are to be made.
    pub(crate) waiting: usize,
}

impl Webhook {
    pub(super) fn of(webhook: &model::Webhook, waiting: usize) -> Self {
        let group_wait = Some(webhook.group_wait).filter(|wait| !wait.is_zero());
        Self {
            id: webhook.id.clone(),
            url: webhook.url.expose().to_owned(),
            events: webhook.events.clone(),
            services: webhook.services.clone(),
            min_severity: webhook.min_severity,
            description: webhook.description.clone(),
            enabled: webhook.enabled,
            quiet_hours: webhook.quiet_hours.clone(),
            group_wait: group_wait
                .map(|wait| Duration::from_millis(wait.as_millis().try_into().unwrap_or(u64::MAX)).to_string()),
            created_by: webhook.created_by.clone(),
            created_at: millis(webhook.created_at),
            disabled_reason: webhook.disabled_reason.clone(),
            failing_since: webhook.failing_since.map(millis),
            waiting,
        }
    }
}

/// What calls are signed with, as Standard Webhooks has it. It is shown this once.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct NewSecret {
    /// `whsec_` and 32 bytes in base64.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD1DoGGVMs2WY=")]
    pub(crate) secret: String,
}

/// A webhook that was just registered.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct NewlyRegistered {
    /// What is shown of it later.
    #[serde(flatten)]
    pub(crate) webhook: Webhook,
    /// What its calls are signed with.
    #[serde(flatten)]
    pub(crate) secret: NewSecret,
}

/// A call that was made, or is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Its `webhook-id`.
    pub(crate) id: String,
    /// What it tells: an event, or `test`.
    pub(crate) event: String,
    /// The incident that it is about, the first of several.
    #[schema(required = true)]
    pub(crate) incident_id: Option<String>,
    /// When that happened.
    #[schema(format = "date-time")]
    pub(crate) at: String,
    /// How far it is.
    pub(crate) state: DeliveryState,
    /// How often it was made.
    pub(crate) attempts: u32,
    /// The status of the last answer.
    #[schema(required = true)]
    pub(crate) status: Option<u16>,
    /// Why it was not taken.
    #[schema(required = true)]
    pub(crate) error: Option<String>,
    /// How long the last attempt took, in milliseconds.
    #[schema(required = true)]
    pub(crate) duration_ms: Option<u64>,
    /// When it is made next, unless something holds it back until later.
    #[schema(required = true, format = "date-time")]
    pub(crate) next_attempt_at: Option<String>,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// The receiver has it.
    Delivered,
    /// It is to be made, or made again.
    Waiting,
    /// It was given up.
    Failed,
}

impl Delivery {
    /// `ready` is when the receiver may be called.
    pub(super) fn of(record: &Record, ready: Time) -> Self {
        Self {
            id: record.id.clone(),
            event: record.event.map_or("test", Event::name).to_owned(),
            incident_id: record.incidents.first().cloned(),
            at: millis(record.at),
            state: match record.stage {
                Stage::Gathering | Stage::Waiting => DeliveryState::Waiting,
                Stage::Delivered => DeliveryState::Delivered,
                Stage::Failed => DeliveryState::Failed,
            },
            attempts: record.attempts,
            status: record.status,
            error: record.error.clone(),
            duration_ms: record.took.map(|took| took.as_millis().try_into().unwrap_or(u64::MAX)),
            next_attempt_at: (!record.stage.is_settled()).then(|| millis(record.due.max(ready))),
        }
    }
}

/// Something that nobody is called for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Silence {
    /// Names it.
    pub(crate) id: String,
    /// The service; null for any.
    #[schema(required = true)]
    pub(crate) service: Option<String>,
    /// The type; null for any.
    #[schema(required = true)]
    pub(crate) r#type: Option<String>,
    /// The pipeline; null for any.
    #[schema(required = true)]
    pub(crate) pipeline: Option<String>,
    /// When it begins.
    #[schema(format = "date-time")]
    pub(crate) from: String,
    /// When it ends.
    #[schema(format = "date-time")]
    pub(crate) to: String,
    /// Why.
    pub(crate) comment: String,
    /// How often it comes again.
    #[schema(required = true)]
    pub(crate) repeat: Option<Repeat>,
    /// Whose clocks that goes by.
    #[schema(required = true)]
    pub(crate) time_zone: Option<String>,
    /// Who has made it.
    pub(crate) created_by: String,
    /// When.
    #[schema(format = "date-time")]
    pub(crate) created_at: String,
    /// Whether it holds now.
    pub(crate) active: bool,
}

impl Silence {
    pub(super) fn of(silence: &model::Silence, now: Time) -> Self {
        Self {
            id: silence.id.clone(),
            service: silence.service.clone(),
            r#type: silence.kind.clone(),
            pipeline: silence.pipeline.clone(),
            from: millis(silence.from),
            to: millis(silence.to),
            comment: silence.comment.clone(),
            repeat: silence.repeat,
            time_zone: silence.time_zone.clone(),
            created_by: silence.created_by.clone(),
            created_at: millis(silence.created_at),
            active: silence.end(now).is_some(),
        }
    }
}
