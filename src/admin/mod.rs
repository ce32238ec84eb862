//! What the daemon answers over HTTP, on an address of this machine: `/metrics`, `/health`, `/ready`.
//!
//! `/health` says that the process lives: who restarts it on a failure asks this. `/ready` says that every pipeline
//! runs, or which does not and why: who sends it traffic, or wakes a person, asks that.

pub(crate) mod control;
mod passing;

pub(crate) use passing::Passing;

use std::net::SocketAddr;
use std::sync::Arc;

use logd_sdk::control::Broken;
use logd_sdk::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use logd_sdk::http::{self, Answer, Handler, Limits, Listener, Method, Parts, Refusal, Request, StatusCode};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::telemetry::Metrics;

/// Why the daemon is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    /// The pipeline that is not.
    pub(crate) pipeline: String,
    /// The component that keeps it from being so, if it is known.
    pub(crate) component: Option<String>,
    /// What is the matter with it.
    pub(crate) reason: String,
}

/// What the daemon can be asked.
pub(crate) trait Watched: Send + Sync + 'static {
    /// Brings the metrics up to date that follow from other figures. Called before they are rendered; may block.
    fn refresh(&self);

    /// Why it is not ready; empty if it is.
    fn unready(&self) -> Vec<Reason>;

    /// Files that are not in use as they are. That alone does not make it unready: their last good versions run.
    fn broken(&self) -> Vec<Broken>;
}

/// Takes the address. Must be called within a tokio runtime.
///
/// # Errors
/// The address can't be had: says what to change.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<Listener> {
    Listener::bind(address).map_err(|error| {
        anyhow::anyhow!(
            "metrics can't be served on {address}: {error}; set another address with `address` under `[telemetry]` in \
             logd.toml, or with --telemetry-address"
        )
    })
}

/// Answers until `shutdown` is ready.
pub(crate) async fn serve(
    listener: Listener,
    metrics: Metrics,
    watched: impl Watched,
    shutdown: impl Future<Output = ()>,
) {
    let admin = Admin { metrics, watched: Arc::new(watched) };
    http::serve(listener, admin, limits(), None, shutdown).await;
}

/// Requests have no body, and few ask.
fn limits() -> Limits {
    const BODY: usize = 4096;
    Limits {
        max_body: BODY,
        max_decoded: BODY,
        max_connections: 128,
        max_connections_per_peer: 64,
        ..Limits::default()
    }
}

/// What is served.
#[derive(Clone, Copy)]
enum Page {
    Metrics,
    Health,
    Ready,
}

impl Page {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/metrics" => Some(Self::Metrics),
            "/health" => Some(Self::Health),
            "/ready" => Some(Self::Ready),
            _ => None,
        }
    }
}

struct Admin<W> {
    metrics: Metrics,
    watched: Arc<W>,
}

impl<W: Watched> Handler for Admin<W> {
    fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        match Page::of(head.uri.path()) {
            None => Err(Refusal::not_found()),
            Some(_) if !matches!(head.method, Method::GET | Method::HEAD) => {
                Err(Refusal::method_not_allowed("GET, HEAD"))
            }
            Some(_) => Ok(()),
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        let mut answer = match Page::of(request.head.uri.path()) {
            None => Refusal::not_found().into(),
            Some(Page::Metrics) => self.metrics().await,
            Some(Page::Health) => json(StatusCode::OK, &Health { status: "ok", version: env!("CARGO_PKG_VERSION") }),
            Some(Page::Ready) => ready(self.watched.unready(), self.watched.broken()),
        };
        // A state of a moment ago is of no use to anybody.
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

impl<W: Watched> Admin<W> {
    /// Ten thousand series take some milliseconds: events must not wait for that.
    async fn metrics(&self) -> Answer {
        let (metrics, watched) = (self.metrics.clone(), Arc::clone(&self.watched));
        let rendered = tokio::task::spawn_blocking(move || {
            watched.refresh();
            // There are far fewer than a number holds exactly.
            #[allow(clippy::cast_precision_loss)]
            metrics::gauge!("logd_tasks").set(Handle::current().metrics().num_alive_tasks() as f64);
            metrics.render()
        });
        match rendered.await {
            Ok(text) => {
                let mut answer = http::text(StatusCode::OK, text);
                let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                answer.headers_mut().insert(CONTENT_TYPE, format);
                answer
            }
            Err(error) => {
                tracing::error!(%error, "The metrics could not be rendered.");
                Refusal::internal().into()
            }
        }
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    reasons: Vec<Reason>,
    broken_files: Vec<Broken>,
}

fn ready(reasons: Vec<Reason>, broken_files: Vec<Broken>) -> Answer {
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Readiness { ready, reasons, broken_files })
}

fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    match serde_json::to_vec(body) {
        Ok(body) => http::json(status, body),
        Err(_) => Refusal::internal().into(),
    }
}

#[cfg(test)]
mod tests;
