//! The settings of the `webhook` sink: what they are, what they must be, and what they build.

use std::num::NonZeroUsize;
use std::time::Duration;

use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::{ClientTls, RequestSettings, Secret, TextFile};
use logd_sdk::sink::{Concurrency, Delivery, Repeats};
use logd_sdk::{Check, Context};
use reqwest::header::AUTHORIZATION;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Webhook;
use super::body::Shape;
use super::gone::Gone;
use super::signature::{self, ID, SIGNATURE, Signer, TIMESTAMP};
use crate::client::{Addresses, Connection, Target};
use crate::headers::{self, HeaderSettings, Headers};
use crate::hidden::Hidden;
use crate::settings::AuthSettings;

/// Calls a URI for each event: once for each change of an incident.
///
/// Calls are made in the order of events, one after the other. 2xx is delivered. After 408, 425, 429, 5xx or no answer the
/// receiver is left alone for a time that doubles with each failure (`request.retry_initial_backoff`, "1s", up to
/// `request.retry_max_duration`, "1m"), and at least as long as its `Retry-After` says, up to an hour; `/ready` shows why.
/// After 410 it is called no more, also not after a restart, until `uri` is another one; `/ready` and the metric
/// `logd_webhook_disabled` show that. Any other answer rejects the event, redirects among them.
///
/// With `secrets`, calls are signed as Standard Webhooks has it. `webhook-id` is the event's own, so that a receiver can
/// tell a call that is made again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSettings {
    /// Where to. Treated as a secret, since it often is one.
    uri: Secret,
    /// What is sent. A table or list is sent as JSON, and its texts may have fields of the event in them: `{{ key.service }}`,
    /// or its time: `%H:%M`; a percent sign is `%%`. A text that is a field and nothing else becomes the field's value, a
    /// number or an object too; where the event has no such field, it is left out. A `body` that is a text is sent as
    /// text. By default, the whole event is sent as JSON.
    #[serde(default)]
    body: Option<Hidden<Shape>>,
    /// More headers, by their names; `{{ service }}` in a value is a field of the event.
    #[serde(default)]
    headers: HeaderSettings,
    /// What calls are signed with: `whsec_` and 24 to 64 bytes in base64. To change a secret, put the new one in front, and
    /// take the old one away when all receivers know the new.
    #[serde(default)]
    secrets: Vec<Secret>,
    /// The credentials that are sent.
    #[serde(default)]
    auth: Option<AuthSettings>,
    /// How the receiver proves who it is, and logd to it.
    #[serde(default)]
    tls: ClientTls,
    /// The URI of a proxy for all calls; by default none, whatever the environment says.
    #[serde(default)]
    proxy: Option<Secret>,
    /// Which addresses may be called.
    #[serde(default)]
    addresses: Addresses,
    /// How calls are made, and made again. `rate_limit_num` is how many within `rate_limit_duration`.
    #[serde(default)]
    request: RequestSettings,
}

impl WebhookSettings {
    /// How the driver delivers, but for the time that an attempt may take. Its back-off is what keeps calls from a
    /// receiver that fails: with one call at a time there is nothing else that could reach it.
    fn calls(&self) -> Delivery {
        self.request.over(Delivery {
            most_events: NonZeroUsize::MIN,
            first_backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(15),
            repeats: Repeats::Doubled,
            ..Delivery::default()
        })
    }

    fn connection(&self) -> Connection<'_> {
        Connection {
            tls: &self.tls,
            proxy: self.proxy.as_ref(),
            addresses: self.addresses.clone(),
            timeout: self.calls().attempt_timeout,
            idle: usize::MAX,
        }
    }
}

impl Settings for WebhookSettings {
    const NAME: &'static str = "webhook";
    const SUMMARY: &'static str = "Calls a URI for each event, signed, as alarms are sent";
    const EXAMPLE: &'static str = r#"
uri = "https://alerts.example.com/hook"
headers = { x-team = "{{ key.team }}" }
request = { rate_limit_num = 1, rate_limit_duration = "1s" }

[body]
text = "{{ state }}: {{ explanation }}"
value = "{{ value }}"
"#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.files("tls")
    }

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        let target = Target::parse(self.uri.expose(), &self.addresses);
        self.connection().check(target.as_ref().ok(), report);
        if let Err(fault) = target {
            report.fault("uri", fault);
        }
        if let Some(Shape::Fixed(_)) = self.body.as_deref() {
            report.error("body", "a body is a text, a list or a table");
        }
        let mut own = vec![ID, TIMESTAMP, SIGNATURE];
        if let Some(auth) = &self.auth {
            auth.check(report);
            own.push(AUTHORIZATION);
        }
        headers::check(&self.headers, &own, report);
        for (place, secret) in self.secrets.iter().enumerate() {
            if let Err(fault) = signature::key(secret) {
                report.fault(KeyPath::from("secrets").index(place), fault);
            }
        }
        self.request.check("request", report);
        if self.calls().concurrency != Concurrency::ONE {
            report
                .error(["request", "concurrency"], "calls are made one after the other")
                .help("leave it out: the end of an incident must not overtake its beginning");
        }
    }

    /// The fields of the templates.
    fn reads(&self, _: &dyn Conditions) -> Reads {
        let body = self.body.as_deref().map(Shape::fields).unwrap_or_default();
        let fields = headers::fields(&self.headers).chain(body);
        Reads::Fields(fields.map(|field| field.path().clone()).collect())
    }

    /// Those of headers. In a body a field that is not there leaves a gap.
    fn needs(&self, _: &dyn Conditions) -> Reads {
        Reads::Fields(headers::fields(&self.headers).map(|field| field.path().clone()).collect())
    }
}

impl SinkSettings for WebhookSettings {
    type Sink = Webhook;

    fn delivery(&self) -> Delivery {
        Delivery { attempt_timeout: self.connection().attempt_timeout(), ..self.calls() }
    }

    async fn build(&self, context: &Context) -> anyhow::Result<Webhook> {
        let url = Target::parse(self.uri.expose(), &self.addresses)?.url().clone();
        let gauge = context.meters.gauge(Gone::NAME, &[]);
        Ok(Webhook {
            client: self.connection().client(context.clock.clone()).await?,
            gone: Gone::new(&url, context.health.clone(), gauge),
            url,
            body: self.body.as_deref().cloned(),
            headers: Headers::new(&self.headers)?,
            authorization: self.auth.as_ref().map(AuthSettings::header).transpose()?,
            signer: Signer::new(&self.secrets)?,
            clock: context.clock.clone(),
        })
    }
}
