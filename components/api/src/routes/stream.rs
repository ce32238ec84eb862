//! What happens, as it happens: server-sent events.
//!
//! A client that comes back says which event it has seen last (`Last-Event-ID`), and gets what is still remembered of
//! what it has missed. One that reads too slowly misses some, and is told so.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::unfold;
use logd_archive::{Live, LiveKind, Scope};
use logd_sdk::http::header::{CACHE_CONTROL, HeaderValue};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::IntoParams;

use super::ask::Asked;
use super::scope;
use super::services::totals;
use crate::server::{Outcome, Problem, Token, Viewer};
use crate::shapes::{Anomaly, Log};
use crate::state::Api;

/// What is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Some of `logs`, `anomalies` and `metrics`, with commas between; all if it is left out.
    topics: Option<String>,
    /// Of this service only.
    service: Option<String>,
    /// Logs of this level only, in any case.
    level: Option<String>,
}

/// What is followed.
const TOPICS: [&str; 3] = ["logs", "anomalies", "metrics"];

/// How often figures are sent.
const EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether the client may still follow.
const CHECK: Duration = Duration::from_secs(2);

/// So many logs of a second are shown at most: no page shows more, and nobody reads them.
const LOGS_A_SECOND: u32 = 200;

/// Sends what happens: `log`, `anomaly`, and once a second `metrics`; `missed` with how many the client was too slow for.
#[utoipa::path(get, path = "/stream", tag = "live", params(Wanted),
    responses((status = 200, content_type = "text/event-stream", body = String),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn stream(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    token: Token,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Outcome<Response> {
    let topics: Vec<&str> = wanted.topics.as_deref().map_or(TOPICS.to_vec(), |topics| topics.split(',').collect());
    if let Some(unknown) = topics.iter().find(|topic| !TOPICS.contains(topic)) {
        return Err(Problem::bad_request(format!("there is no topic `{}`.", unknown.escape_debug())));
    }
    let permit = Arc::clone(&api.streams).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy("There are too many streams.", Duration::from_secs(10)))?;
    let follows = |topic: &str| topics.contains(&topic);
    // First of all: what comes while the missed is looked up is not missed again.
    let live = api.archive.live();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let missed: VecDeque<Arc<Live>> = last.map(|last| api.archive.recent(last)).unwrap_or_default().into();
    let newest = missed.back().map_or(last.unwrap_or(0), |live| live.number);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut checks = interval(CHECK);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower {
        scope: scope(&viewer),
        logs: follows("logs"),
        anomalies: follows("anomalies"),
        metrics: follows("metrics"),
        stopping: api.stopping.clone(),
        ends_in: viewer.expires_at.since(api.clock.now()),
        began: tokio::time::Instant::now(),
        shown: (0, 0),
        wanted,
        missed,
        newest,
        live,
        ticks,
        checks,
        token,
        asked: None,
        api,
        _permit: permit,
    };
    let events = unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10)).event(ping()));
    let mut response = events.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn ping() -> Event {
    Event::default().event("ping").data("{}")
}

/// Waits for the server to stop. Its sender is gone only with the server.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// The figures of now as an event; none where they can't be had.
async fn figures(api: Arc<Api>, scope: Scope) -> Option<Event> {
    let totals = totals(&api, &scope).await.ok()?;
    Event::default().event("metrics").json_data(totals).ok()
}

/// What comes of what was asked, if anything was.
async fn answer(asked: &mut Option<BoxFuture<'static, Option<Event>>>) -> Option<Event> {
    let event = match asked {
        Some(question) => question.await,
        None => std::future::pending().await,
    };
    *asked = None;
    event
}

/// Somebody who follows what happens.
struct Follower {
    api: Arc<Api>,
    scope: Scope,
    wanted: Wanted,
    logs: bool,
    anomalies: bool,
    metrics: bool,
    /// What was missed, and is still remembered.
    missed: VecDeque<Arc<Live>>,
    /// The number of the last of it.
    newest: u64,
    live: Receiver<Arc<Live>>,
    ticks: Interval,
    /// When to see whether the token is still good: a logout ends it, and a change of the user.
    checks: Interval,
    token: Token,
    /// The figures that are being asked for: what happens is not kept waiting by them.
    asked: Option<BoxFuture<'static, Option<Event>>>,
    /// The second that is counted, and the logs that were shown in it.
    shown: (u64, u32),
    began: tokio::time::Instant,
    /// A stream lives no longer than the token that opened it.
    ends_in: Duration,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let live = if let Some(missed) = self.missed.pop_front() {
                missed
            } else {
                let come = tokio::select! {
                    biased;
                    () = stopped(&mut self.stopping) => return None,
                    () = tokio::time::sleep_until(self.began + self.ends_in) => return None,
                    _ = self.checks.tick() => {
                        if self.api.access.verify(self.token.0.expose()).await.is_err() {
                            return None;
                        }
                        continue;
                    }
                    _ = self.ticks.tick(), if self.metrics && self.asked.is_none() => {
                        self.asked = Some(figures(Arc::clone(&self.api), self.scope.clone()).boxed());
                        continue;
                    }
                    figures = answer(&mut self.asked) => match figures {
                        Some(event) => return Some(event),
                        // What is shared can't be read now: there are no figures of this second.
                        None => continue,
                    },
                    live = self.live.recv() => live,
                };
                match come {
                    Ok(live) if live.number <= self.newest => continue,
                    Ok(live) => live,
                    Err(RecvError::Lagged(missed)) => {
                        return Some(Event::default().event("missed").data(missed.to_string()));
                    }
                    Err(RecvError::Closed) => return None,
                }
            };
            if let Some(event) = self.shown(&live) {
                return Some(event);
            }
        }
    }

    /// As an event, if it is wanted and may be seen.
    fn shown(&mut self, live: &Live) -> Option<Event> {
        let of_service = |service: &str| self.wanted.service.as_deref().is_none_or(|wanted| wanted == service);
        let event = Event::default().id(live.number.to_string());
        match &live.what {
            _ if !live.is_within(&self.scope) => None,
            LiveKind::Log(log) if self.logs => {
                let level = self.wanted.level.as_deref();
                if !of_service(&log.service) || !level.is_none_or(|level| level.eq_ignore_ascii_case(&log.level)) {
                    return None;
                }
                let second = self.began.elapsed().as_secs();
                if self.shown.0 != second {
                    self.shown = (second, 0);
                }
                self.shown.1 += 1;
                if self.shown.1 > LOGS_A_SECOND {
                    return None;
                }
                event.event("log").json_data(Log::from(logd_archive::LogRecord::clone(log))).ok()
            }
            LiveKind::Anomaly(told) if self.anomalies => {
                let anomaly = &told.0.anomaly;
                if !of_service(&anomaly.service) {
                    return None;
                }
                event.event("anomaly").json_data(Anomaly::from(anomaly.clone())).ok()
            }
            _ => None,
        }
    }
}
