//! The settings of the `http` sink: what they are, what they must be, and what they build.

use std::num::NonZeroUsize;
use std::time::Duration;

use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::{BatchSettings, ClientTls, Codec, NameTemplate, RequestSettings, Secret, TextFile};
use logd_sdk::sink::{Delivery, Repeats};
use logd_sdk::{Check, Context};
use reqwest::header::AUTHORIZATION;
use schemars::JsonSchema;
use serde::Deserialize;

use super::HttpSink;
use super::body::{Compression, Framing, Packer};
use super::uri::Uri;
use crate::client::{Addresses, Connection};
use crate::headers::{self, HeaderSettings, Headers};
use crate::hidden::Hidden;
use crate::settings::AuthSettings;

/// Sends events in the bodies of HTTP requests.
///
/// 2xx is delivered. After 408, 425, 429, 5xx or no answer events are sent again, and not before `Retry-After` says so, up
/// to an hour. After 413 they are sent in halves. Any other answer rejects them, redirects among them. Each request has an
/// `Idempotency-Key` that is made of its events' ids, so that a receiver can tell one that is repeated, also after a crash.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSinkSettings {
    /// Where to. In the path and behind it `{{ service }}` is a field of the event, percent-encoded, and `%Y` its time; a
    /// percent sign is `%%`. Events with different URIs go in different requests.
    uri: Hidden<NameTemplate>,
    /// The method of requests.
    #[serde(default)]
    method: SinkMethod,
    /// More headers, by their names; `{{ service }}` in a value is a field of the event. Events with different headers go
    /// in different requests.
    #[serde(default)]
    headers: HeaderSettings,
    /// How events are written.
    #[serde(default)]
    encoding: SinkEncoding,
    /// What divides a body into events: by default `json_array` for the codec `json`, and `newline_delimited` for `text`.
    #[serde(default)]
    framing: Option<SinkFraming>,
    /// How bodies are packed.
    #[serde(default)]
    compression: Compression,
    /// The credentials that are sent.
    #[serde(default)]
    auth: Option<AuthSettings>,
    /// How the receiver proves who it is, and logd to it.
    #[serde(default)]
    tls: ClientTls,
    /// The URI of a proxy for all requests; by default none, whatever the environment says.
    #[serde(default)]
    proxy: Option<Secret>,
    /// Which addresses may be called.
    #[serde(default)]
    addresses: Addresses,
    /// When a batch is sent.
    #[serde(default)]
    batch: BatchSettings,
    /// How requests are made, and made again.
    #[serde(default)]
    request: RequestSettings,
}

/// A method that requests may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SinkMethod {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
}

/// How events are written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SinkEncoding {
    /// As `json`, an object each. As `text`, its `message`, or what it has as JSON.
    codec: Codec,
}

impl Default for SinkEncoding {
    fn default() -> Self {
        Self { codec: Codec::Json }
    }
}

/// What divides a body into events.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SinkFraming {
    /// The way.
    method: Framing,
}

impl HttpSinkSettings {
    fn framing(&self) -> Framing {
        match (self.framing, self.encoding.codec) {
            (Some(framing), _) => framing.method,
            (None, Codec::Json) => Framing::JsonArray,
            (None, Codec::Text) => Framing::NewlineDelimited,
        }
    }

    /// How the driver delivers, but for the time that an attempt may take.
    fn requests(&self) -> Delivery {
        let delivery = self.request.over(self.batch.over(Delivery::remote()));
        let delivery = Delivery { repeats: Repeats::Doubled, ..delivery };
        match self.framing() {
            Framing::Bytes => {
                let (max_events, most_events) = (1, NonZeroUsize::MIN);
                Delivery { max_events, most_events, timeout: Duration::ZERO, ..delivery }
            }
            _ => delivery,
        }
    }

    fn connection(&self) -> Connection<'_> {
        Connection {
            tls: &self.tls,
            proxy: self.proxy.as_ref(),
            addresses: self.addresses.clone(),
            timeout: self.requests().attempt_timeout,
            idle: usize::MAX,
        }
    }
}

impl Settings for HttpSinkSettings {
    const NAME: &'static str = "http";
    const SUMMARY: &'static str = "Sends events over HTTP";
    const EXAMPLE: &'static str = r#"
uri = "https://logs.example.com/ingest/{{ service }}"
encoding.codec = "json"
framing.method = "newline_delimited"
compression = "gzip"
auth = { strategy = "bearer", token = "${HTTP_TOKEN}" }
batch = { max_events = 1000, timeout = "1s" }
"#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.files("tls")
    }

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        let uri = Uri::new(&self.uri, &self.addresses);
        self.connection().check(uri.as_ref().ok().map(Uri::base), report);
        if let Err(fault) = uri {
            report.fault("uri", fault);
        }
        let own = if self.auth.is_some() { &[AUTHORIZATION][..] } else { &[] };
        headers::check(&self.headers, own, report);
        if let Some(auth) = &self.auth {
            auth.check(report);
        }
        if self.framing() == Framing::JsonArray && self.encoding.codec == Codec::Text {
            report
                .error(["framing", "method"], "a JSON array has no text lines in it")
                .help("encoding.codec = \"json\"");
        }
        self.batch.check("batch", report);
        self.request.check("request", report);
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        let fields = self.uri.fields().chain(headers::fields(&self.headers));
        Reads::Fields(fields.map(|field| field.path().clone()).collect())
    }
}

impl SinkSettings for HttpSinkSettings {
    type Sink = HttpSink;

    fn delivery(&self) -> Delivery {
        Delivery { attempt_timeout: self.connection().attempt_timeout(), ..self.requests() }
    }

    async fn build(&self, context: &Context) -> anyhow::Result<HttpSink> {
        Ok(HttpSink {
            client: self.connection().client(context.clock.clone()).await?,
            uri: Uri::new(&self.uri, &self.addresses)?,
            method: match self.method {
                SinkMethod::Post => reqwest::Method::POST,
                SinkMethod::Put => reqwest::Method::PUT,
                SinkMethod::Patch => reqwest::Method::PATCH,
            },
            headers: Headers::new(&self.headers)?,
            authorization: self.auth.as_ref().map(AuthSettings::header).transpose()?,
            packer: Packer { codec: self.encoding.codec, framing: self.framing(), compression: self.compression },
        })
    }
}
