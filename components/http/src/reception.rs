//! What a request meets: who may send, and where; then it waits for its answer.

use std::sync::{Arc, Weak};
use std::time::Duration;

use logd_sdk::Context;
use logd_sdk::http::header::HeaderValue;
use logd_sdk::http::{Answer, Auth, Handler, Method, Parts, Refusal, Request, StatusCode};
use metrics::Counter;
use tokio::time::{Instant, timeout_at};

use crate::decode::Decoder;
use crate::durable::{Intake, Kept, Key};
use crate::queue::{Outcome, Queue};
use crate::succession::Succession;

/// Where requests must go to, how, and by whom.
#[derive(Debug)]
pub(crate) struct Door {
    /// The path.
    pub(crate) path: String,
    /// Whether paths below it are not served.
    pub(crate) strict: bool,
    /// The method, and its name for who used another.
    pub(crate) method: (Method, &'static str),
    /// The credentials, if any are asked for.
    pub(crate) auth: Option<Auth>,
}

impl Door {
    /// Credentials come first, so that who has none learns nothing.
    fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        if let Some(auth) = &self.auth {
            auth.check(&head.headers)?;
        }
        if !self.leads_from(head.uri.path()) {
            return Err(Refusal::not_found());
        }
        let (method, name) = &self.method;
        if head.method == *method { Ok(()) } else { Err(Refusal::method_not_allowed(name)) }
    }

    /// Whether this path is served.
    fn leads_from(&self, path: &str) -> bool {
        let below = || path.strip_prefix(self.path.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
        path == self.path || (!self.strict && below())
    }
}

/// Where requests go that are let in; gone when the source is.
#[derive(Debug)]
pub(crate) enum Desk {
    /// To memory, where they wait for the pipeline.
    Memory(Weak<Queue>),
    /// To the disk.
    Disk(Weak<Intake>),
}

/// Answers the requests of one source.
#[derive(Debug)]
pub(crate) struct Reception {
    /// Who is let in.
    pub(crate) door: Door,
    /// What makes events of bodies.
    pub(crate) decoder: Decoder,
    /// Where they go.
    pub(crate) desk: Desk,
    /// How long a request may wait for a source.
    pub(crate) patience: Duration,
    /// When to come again, for who found no room.
    pub(crate) retry_after: Duration,
    /// What is counted.
    pub(crate) answers: Answers,
    /// Who takes requests when the source has gone.
    pub(crate) succession: Succession,
}

/// A request that has no answer yet.
#[derive(Debug)]
enum Open {
    /// Nothing of it was taken.
    New(Box<Request>),
    /// It is in the log, and waits to be delivered.
    Kept(Kept),
}

/// What a client calls a request, so that it may send it again without harm.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest key, in bytes.
const LONGEST_KEY: usize = 255;

impl Open {
    fn new(request: Request) -> Self {
        Self::New(Box::new(request))
    }
}

impl Reception {
    /// Takes a request, here or, when the source has gone, where its successor is.
    async fn receive(&self, request: Request) -> Result<(), Refusal> {
        let Some(mut open) = self.take(request).await? else { return Ok(()) };
        let deadline = Instant::now() + self.patience;
        let mut next = self.successor(deadline).await;
        while let Some(successor) = next {
            let left = match open {
                Open::New(request) => {
                    // It may ask for other credentials.
                    successor.door.admit(&request.head)?;
                    successor.take(*request).await?
                }
                Open::Kept(kept) => successor.await_delivery(kept).await?,
            };
            let Some(left) = left else { return Ok(()) };
            open = left;
            next = successor.successor(deadline).await;
        }
        Err(match open {
            Open::New(_) => self.busy(),
            Open::Kept(kept) => kept.refusal(),
        })
    }

    async fn successor(&self, deadline: Instant) -> Option<Arc<Self>> {
        timeout_at(deadline, self.succession.of(self)).await.ok().flatten()
    }

    /// Takes a request. Returns it if the source has gone before.
    async fn take(&self, request: Request) -> Result<Option<Open>, Refusal> {
        let pieces = self.decoder.decode(&request.body)?;
        if pieces.is_empty() {
            return Ok(None);
        }
        match &self.desk {
            Desk::Memory(desk) => {
                let Some(queue) = desk.upgrade() else { return Ok(Some(Open::new(request))) };
                let taken = queue.push(pieces).ok_or_else(|| self.busy())?;
                drop(queue);
                match taken.await {
                    Ok(Outcome::Taken) => Ok(None),
                    Ok(Outcome::Untouched) if desk.strong_count() == 0 => Ok(Some(Open::new(request))),
                    Ok(Outcome::Untouched) | Err(_) => Err(self.busy()),
                }
            }
            Desk::Disk(desk) => {
                let Some(intake) = desk.upgrade() else { return Ok(Some(Open::new(request))) };
                let key = key(&request)?;
                drop(request);
                Ok(intake.take(pieces, key).await?.map(Open::Kept))
            }
        }
    }

    /// Waits until what is in the log of the source before is delivered. Returns it if this source has gone before.
    async fn await_delivery(&self, kept: Kept) -> Result<Option<Open>, Refusal> {
        let Desk::Disk(desk) = &self.desk else { return Err(kept.refusal()) };
        let Some(intake) = desk.upgrade() else { return Ok(Some(Open::Kept(kept))) };
        Ok(intake.await_delivery(kept).await?.map(Open::Kept))
    }

    fn busy(&self) -> Refusal {
        Refusal::busy("The pipeline has not taken the events: send them again.", self.retry_after)
    }
}

/// The key of a request, if it has one.
fn key(Request { head, body, .. }: &Request) -> Result<Option<Key>, Refusal> {
    let Some(key) = head.headers.get(IDEMPOTENCY_KEY).map(HeaderValue::as_bytes) else { return Ok(None) };
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(Refusal::bad_request(format!("An Idempotency-Key has 1 to {LONGEST_KEY} bytes.")));
    }
    Ok(Some(Key::new(head.uri.path(), key, body)))
}

impl Handler for Reception {
    fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        self.door.admit(head).inspect_err(|refusal| self.answers.count(refusal.status()))
    }

    async fn answer(&self, request: Request) -> Answer {
        let answer = match self.receive(request).await {
            Ok(()) => Answer::default(),
            Err(refusal) => refusal.into(),
        };
        self.answers.count(answer.status());
        answer
    }
}

/// Counts answers: `logd_http_requests_total{status}`. What the server itself refuses (heads and bodies that are too
/// slow, too large or malformed) never gets here, and is not counted.
#[derive(Debug)]
pub(crate) struct Answers(Vec<(StatusCode, Counter)>);

impl Answers {
    /// With the labels of the source that is built.
    pub(crate) fn new(context: &Context) -> Self {
        let statuses = [
            StatusCode::OK,
            StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED,
            StatusCode::NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNPROCESSABLE_ENTITY,
            StatusCode::INTERNAL_SERVER_ERROR,
            StatusCode::SERVICE_UNAVAILABLE,
        ];
        let counter = |status: StatusCode| {
            let counter = context.meters.counter("logd_http_requests_total", &[("status", status.as_str())]);
            (status, counter)
        };
        Self(statuses.map(counter).into())
    }

    fn count(&self, status: StatusCode) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == status) {
            counter.increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_served_as_asked_for() {
        let door =
            |path: &str, strict| Door { path: path.to_owned(), strict, method: (Method::POST, "POST"), auth: None };
        for (path, strict, served, refused) in [
            ("/", true, &["/"][..], &["/logs", "//", "*"][..]),
            ("/", false, &["/", "/logs", "/a/b"], &["*"]),
            ("/logs", true, &["/logs"], &["/", "/logs/", "/logs/a", "/LOGS"]),
            ("/logs", false, &["/logs", "/logs/", "/logs/a"], &["/", "/logsx", "/log"]),
            ("/logs/", false, &["/logs/", "/logs/a"], &["/logs", "/logsx"]),
        ] {
            for (paths, expected) in [(served, true), (refused, false)] {
                for asked in paths {
                    assert_eq!(door(path, strict).leads_from(asked), expected, "{path} {strict} {asked}");
                }
            }
        }
    }
}
