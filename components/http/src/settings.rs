//! The settings of the `http` source: what they are, what they must be, and what they build.

mod access;
mod limits;
mod respond;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::component::{Makes, Settings, SourceSettings};
use logd_sdk::http::{self, Limits, Listener, Listeners};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::{Address, TextFile};
use logd_sdk::{Check, Context, event};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use vrl::path::OwnedValuePath;

pub(crate) use self::access::AuthSettings;
use self::access::TlsSettings;
use self::limits::LimitSettings;
use self::respond::{BufferSettings, RespondWhen};
use crate::decode::Decoder;
use crate::durable::{self, Bounds, Replay};
use crate::memory::Memory;
use crate::queue::Queue;
use crate::reception::{Answers, Desk, Door, Reception};
use crate::source::{HttpSource, Origin, Server};
use crate::succession::Succession;

/// Takes events from the bodies of HTTP requests.
///
/// A request is answered 200 once all its events are safe on disk, and not before; `respond_when` has other choices. It
/// is taken as a whole or not at all: 400 means that the body is wrong, and at which line, 503 with `Retry-After` that
/// there is no room or that the answer took too long. A client that gets no answer, or that 503, can't know whether its
/// request was taken: with a header `Idempotency-Key` it may send it again, and it is not taken twice (within an hour or
/// 100,000 such requests, and after a restart as far back as room in the log allows; not with `received`). Another body
/// under the same key is answered 422. Bodies may be packed by gzip, deflate or zstd (`Content-Encoding`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSettings {
    /// Where to listen. Beyond this machine, set `auth` and `tls` too.
    address: Address,
    /// The path that requests go to; others are answered 404.
    #[serde(default = "root")]
    path: String,
    /// Whether the path must be exactly that; if not, all paths below it are served too.
    #[serde(default = "yes")]
    strict_path: bool,
    /// The method of requests; others are answered 405.
    #[serde(default)]
    method: Method,
    /// Where the events of a body begin and end.
    #[serde(default)]
    framing: FramingSettings,
    /// What the events are.
    #[serde(default)]
    decoding: DecodingSettings,
    /// When a request is answered 200.
    #[serde(default)]
    respond_when: RespondWhen,
    /// Where requests are until they are delivered, unless `respond_when` is `received`: a log on disk.
    #[serde(default)]
    buffer: Option<BufferSettings>,
    /// The credentials that a client must send; others are answered 401. By default, none are asked for.
    #[serde(default)]
    auth: Option<AuthSettings>,
    /// Serves HTTPS, and nothing in the clear.
    #[serde(default)]
    tls: Option<TlsSettings>,
    /// What clients may take of time, memory and connections.
    #[serde(default)]
    limits: LimitSettings,
}

/// A method that requests may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `OPTIONS`.
    Options,
}

/// Where the events of a body begin and end.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FramingSettings {
    /// What divides a body into events. A JSON array is divided into its elements either way.
    #[serde(default)]
    method: Framing,
}

/// What divides a body into events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Framing {
    /// Each line is an event; empty ones are skipped. A JSON document that stands alone may have several lines.
    #[default]
    NewlineDelimited,
    /// The whole body is one event, as it is.
    Bytes,
}

/// What events are.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DecodingSettings {
    /// What an event is.
    #[serde(default)]
    codec: Codec,
}

/// What an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Codec {
    /// UTF-8 text, which becomes the field `message`: a `parse` can follow. Other bytes are answered 400.
    #[default]
    Text,
    /// As `text`, with whatever bytes there are: where `message` is read, those that are not UTF-8 are shown as `�`.
    Bytes,
    /// A JSON object, whose members are the event's fields: one to a line, one alone, or an array of them. A body in
    /// which one is not valid is answered 400.
    Json,
}

fn root() -> String {
    "/".to_owned()
}

fn yes() -> bool {
    true
}

impl Settings for HttpSettings {
    const NAME: &'static str = "http";
    const ALIASES: &'static [&'static str] = &["http_server"];
    const SUMMARY: &'static str = "Takes events over HTTP";
    const EXAMPLE: &'static str = r#"
address = "127.0.0.1:8080"
path = "/logs"
decoding.codec = "json"
auth = { strategy = "bearer", token = "${HTTP_TOKEN}" }
"#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.iter_mut().flat_map(TlsSettings::files).collect()
    }

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        let sound = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
        if !self.path.starts_with('/') || !self.path.bytes().all(sound) {
            report.error("path", format!("`{}` is not a path", self.path)).help("write a path like \"/logs\"");
        }
        if let Some(auth) = &self.auth {
            auth.check(report);
        }
        if let Some(tls) = &self.tls {
            tls.check(report);
        }
        self.limits.check(self.respond_when.largest_body(), report);
        if let Some(buffer) = self.buffer {
            buffer.check(self.respond_when, report);
        }
        let address = self.address.socket();
        if !address.ip().to_canonical().is_loopback() {
            if self.auth.is_none() {
                let message = format!("whoever reaches {address} can send events");
                report.warning("address", message).help("set `auth`, or listen on 127.0.0.1");
            }
            if self.tls.is_none() {
                let message = format!("what is sent to {address} can be read on its way");
                report.warning("address", message).help("set `tls`, or listen on 127.0.0.1");
            }
        }
    }

    fn makes(&self, _: &str) -> Makes {
        match self.decoding.codec {
            Codec::Json => Makes::Anything,
            Codec::Text | Codec::Bytes => Makes::Fields(vec![OwnedValuePath::single_field(event::MESSAGE)]),
        }
    }
}

impl SourceSettings for HttpSettings {
    type Source = HttpSource;

    fn ends(&self) -> bool {
        false
    }

    fn listens(&self) -> Option<SocketAddr> {
        Some(self.address.socket())
    }

    fn renews(&self) -> bool {
        true
    }

    /// Connections that are open keep the certificate that they began with.
    fn renew(&self, source: &mut HttpSource) -> anyhow::Result<()> {
        match (&self.tls, source.tls()) {
            (Some(settings), Some(tls)) => settings.renew(tls),
            _ => Ok(()),
        }
    }

    async fn build(&self, context: &Context) -> anyhow::Result<HttpSource> {
        self.build_with(context, self.limits.bounds(self.respond_when.largest_body())).await
    }
}

impl HttpSettings {
    /// Builds the source with these bounds, of which not all can be set.
    pub(crate) async fn build_with(&self, context: &Context, limits: Limits) -> anyhow::Result<HttpSource> {
        let auth = self.auth.as_ref().map(AuthSettings::build).transpose()?;
        let tls = self.tls.as_ref().map(TlsSettings::build).transpose()?;
        let address = self.address.socket();
        let listener = bind(&context.listeners, address)
            .await
            .with_context(|| format!("`address`: {address} can't be listened on"))?;
        let patience = self.limits.busy_timeout.map_or_else(|| self.respond_when.patience(), |timeout| *timeout);
        let bounds = Bounds {
            patience,
            retry_after: limits.retry_after,
            until_delivered: self.respond_when == RespondWhen::Delivered,
        };
        // Where nothing may be left behind, nothing will be received either.
        let (desk, decoder, origin) = if self.respond_when.is_on_disk() && !context.dry_run {
            let max_size = self.buffer.unwrap_or_default().max_size();
            let replay = match context.listeners.kept(&context.id) {
                Some(left) => Replay::after(&left, max_size, bounds, context).await?,
                None => {
                    let log = durable::open(context.data_dir.join(durable::FOLDER), max_size).await?;
                    Replay::new(log, max_size, bounds, context)?
                }
            };
            let replay = Box::new(replay);
            // Fields are taken out when the events come from the log.
            let decoder = Decoder::new(self.framing.method, self.decoding.codec, &Arc::default());
            (Desk::Disk(Arc::downgrade(replay.intake())), decoder, Origin::Disk(replay))
        } else {
            let queue = Arc::new(Queue::new(limits.memory, patience));
            let decoder = Decoder::new(self.framing.method, self.decoding.codec, &context.columns);
            // Requests are numbered from 0 in every run, so its start is part of the name.
            let partition = context.partition(&format!("run-{}", context.clock.now().as_micros()));
            let columns = Arc::clone(decoder.columns());
            let desk = Desk::Memory(Arc::downgrade(&queue));
            (desk, decoder, Origin::Memory(Memory::new(queue, context.clock.clone(), partition, columns)))
        };
        let reception = Arc::new(Reception {
            door: Door { path: self.path.clone(), strict: self.strict_path, method: self.method.name(), auth },
            decoder,
            desk,
            patience,
            retry_after: limits.retry_after,
            answers: Answers::new(context),
            succession: Succession::new(context, listener.local_addr()?),
        });
        reception.succession.receptions().add(&reception);
        let id = context.id.clone();
        Ok(HttpSource::new(Server { id, listener, reception, limits, tls }, origin))
    }
}

#[cfg(test)]
impl HttpSettings {
    /// The bounds that they set.
    pub(crate) fn limits(&self) -> Limits {
        self.limits.bounds(self.respond_when.largest_body())
    }
}

impl Method {
    fn name(self) -> (http::Method, &'static str) {
        match self {
            Self::Post => (http::Method::POST, "POST"),
            Self::Put => (http::Method::PUT, "PUT"),
            Self::Patch => (http::Method::PATCH, "PATCH"),
            Self::Delete => (http::Method::DELETE, "DELETE"),
            Self::Get => (http::Method::GET, "GET"),
            Self::Head => (http::Method::HEAD, "HEAD"),
            Self::Options => (http::Method::OPTIONS, "OPTIONS"),
        }
    }
}

/// Binds the address. The server of a source that was dropped a moment ago may still be about to let go of it.
async fn bind(listeners: &Listeners, address: SocketAddr) -> io::Result<Listener> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        match listeners.bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                sleep(Duration::from_millis(10)).await;
            }
            bound => return bound,
        }
    }
}

#[cfg(test)]
mod tests;
