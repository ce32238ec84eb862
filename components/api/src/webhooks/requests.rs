//! What is asked for: the bodies of requests, and what must hold for them.

use std::collections::BTreeSet;
use std::time::Duration;

use logd_sdk::settings::Secret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::error::Error;
use super::hours::{Hours, QuietHours};
use super::model::{Event, Repeat, Severity, Webhook};

/// No URL is longer, in bytes.
const LONGEST_URL: usize = 2048;
/// No text that a user gives is longer, in bytes.
pub(super) const LONGEST_TEXT: usize = 500;
/// So many services may be named.
const MOST_SERVICES: usize = 100;
/// The longest wait for others that are told in the same call.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// A webhook to be registered.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where to: `https://` or `http://`. It may lead to the internet only, unless `[api.webhooks] allow` says more.
    #[schema(value_type = String, format = "uri", max_length = 2048, example = "https://alerts.example.com/logd")]
    pub(crate) url: Secret,
    /// What it is told of.
    #[schema(min_items = 1, max_items = 5)]
    pub(crate) events: Vec<Event>,
    /// Of which services; by default of all.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    pub(crate) services: Option<Vec<String>>,
    /// From which severity on; by default of all.
    #[serde(default)]
    pub(crate) min_severity: Option<Severity>,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(crate) description: Option<String>,
    /// Whether it is called; by default it is.
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    /// Hours in which only what is critical makes a call.
    #[serde(default, deserialize_with = "hours")]
    pub(crate) quiet_hours: Option<QuietHours>,
    /// How long to wait for other changes of the same service, which are then told in one call; by default not at all.
    /// At most an hour.
    #[serde(default)]
    #[schema(example = "30s", pattern = "^[1-9][0-9]?[0-9]?s$|^[1-5]?[0-9]m$|^1h$")]
    pub(crate) group_wait: Option<String>,
}

/// What is to be changed of a webhook. What is left out stays; null sets back to the default, where there is one.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookPatch {
    /// Where to.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false, format = "uri", max_length = 2048)]
    pub(crate) url: Option<Secret>,
    /// What it is told of.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 5)]
    pub(crate) events: Option<Vec<Event>>,
    /// Of which services.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 100)]
    pub(crate) services: Option<Option<Vec<String>>>,
    /// From which severity on.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Severity>)]
    pub(crate) min_severity: Option<Option<Severity>>,
    /// What it is for.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub(crate) description: Option<Option<String>>,
    /// Whether it is called. One that logd has disabled begins anew.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(crate) enabled: Option<bool>,
    /// Hours in which only what is critical makes a call.
    #[serde(default, deserialize_with = "given_hours")]
    #[schema(value_type = Option<QuietHours>)]
    pub(crate) quiet_hours: Option<Option<QuietHours>>,
    /// How long to wait for other changes of the same service.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "30s", pattern = "^[1-9][0-9]?[0-9]?s$|^[1-5]?[0-9]m$|^1h$")]
    pub(crate) group_wait: Option<Option<String>>,
}

/// Something that nobody is to be called for. What it does not name is not looked at.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSilence {
    /// The service.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(crate) service: Option<String>,
    /// The type, such as `high_latency`.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(crate) r#type: Option<String>,
    /// The pipeline.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(crate) pipeline: Option<String>,
    /// When it begins; by default now. RFC 3339.
    #[serde(default)]
    #[schema(format = "date-time", example = "2026-11-23T22:00:00Z")]
    pub(crate) from: Option<String>,
    /// When it ends. RFC 3339.
    #[schema(format = "date-time", example = "2026-11-24T02:00:00Z")]
    pub(crate) to: String,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) comment: String,
    /// How often it comes again; by default never.
    #[serde(default)]
    pub(crate) repeat: Option<Repeat>,
    /// Whose clocks `repeat` goes by, as the time zone database names it; by default UTC.
    #[serde(default)]
    #[schema(example = "Europe/Berlin")]
    pub(crate) time_zone: Option<String>,
}

/// A member that is there; null, if that is one of its values.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Quiet hours as an object: serde would take a list for its members in their order.
fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<QuietHours>, D::Error> {
    let members = Option::<serde_json::Map<String, serde_json::Value>>::deserialize(deserializer)?;
    members
        .map(|members| QuietHours::deserialize(serde_json::Value::from(members)))
        .transpose()
        .map_err(D::Error::custom)
}

/// The same, where they may be left out.
fn given_hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<QuietHours>>, D::Error> {
    hours(deserializer).map(Some)
}

impl NewWebhook {
    /// As the change of a webhook that has the defaults.
    pub(super) fn into_patch(self) -> WebhookPatch {
        WebhookPatch {
            url: Some(self.url),
            events: Some(self.events),
            services: Some(self.services),
            min_severity: Some(self.min_severity),
            description: Some(self.description),
            enabled: Some(self.enabled.unwrap_or(true)),
            quiet_hours: Some(self.quiet_hours),
            group_wait: Some(self.group_wait),
        }
    }
}

impl WebhookPatch {
    /// Says what is wrong with it, but for where the URL leads.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.url.as_ref().is_some_and(|url| url.expose().len() > LONGEST_URL) {
            return Err(Error::invalid("url", format!("a URL has at most {LONGEST_URL} bytes here")));
        }
        if self.events.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid("events", "a webhook is told of something"));
        }
        if let Some(services) = self.services.iter().flatten().next() {
            if services.is_empty() || services.len() > MOST_SERVICES {
                let reason = format!("name 1 to {MOST_SERVICES} services, or leave it out for all");
                return Err(Error::invalid("services", reason));
            }
            for service in services {
                check_text("services", service)?;
            }
        }
        if let Some(description) = self.description.iter().flatten().next() {
            check_text("description", description)?;
        }
        if let Some(hours) = self.quiet_hours.iter().flatten().next() {
            Hours::read(hours).map_err(|(field, reason)| Error::invalid(field, reason))?;
        }
        self.group_wait().map(|_| ())
    }

    fn group_wait(&self) -> Result<Option<Duration>, Error> {
        let Some(wait) = &self.group_wait else { return Ok(None) };
        let Some(wait) = wait else { return Ok(Some(Duration::ZERO)) };
        let read: logd_sdk::settings::Duration =
            wait.parse().map_err(|fault: logd_sdk::settings::Fault| Error::invalid("group_wait", fault.message))?;
        if *read > LONGEST_WAIT {
            return Err(Error::invalid("group_wait", "nobody waits for longer than an hour"));
        }
        Ok(Some(*read))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// It has not been [checked](Self::check).
    pub(super) fn apply(self, webhook: &mut Webhook) -> Result<(), Error> {
        if let Some(wait) = self.group_wait()? {
            webhook.group_wait = wait;
        }
        if let Some(url) = self.url {
            webhook.url = url;
        }
        if let Some(events) = self.events {
            webhook.events = events.into_iter().collect();
        }
        if let Some(services) = self.services {
            webhook.services = services.map(BTreeSet::from_iter);
        }
        if let Some(severity) = self.min_severity {
            webhook.min_severity = severity;
        }
        if let Some(description) = self.description {
            webhook.description = description;
        }
        if let Some(hours) = self.quiet_hours {
            webhook.quiet_hours = hours;
        }
        if let Some(enabled) = self.enabled {
            webhook.enabled = enabled;
            (webhook.disabled_reason, webhook.failing_since) = (None, None);
        }
        Ok(())
    }
}

/// Says what is wrong with a text: it is shown in pages and messages.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), Error> {
    if text.len() > LONGEST_TEXT {
        return Err(Error::invalid(field, format!("a text has at most {LONGEST_TEXT} bytes here")));
    }
    if text.chars().any(|character| character.is_control() && character != '\n') {
        return Err(Error::invalid(field, "there is a control character in it"));
    }
    Ok(())
}
