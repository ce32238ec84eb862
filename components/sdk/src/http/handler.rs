//! What a user of the server writes, and how one request goes through it.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::http::request::Parts;

use super::body::Intake;
use super::budget::{Budget, Share};
use super::coding::Coding;
use super::wire::Pulse;
use super::{Answer, Limits, Refusal};

/// A request that was read whole.
#[derive(Debug)]
pub struct Request {
    /// Method, path, headers.
    pub head: Parts,
    /// The body with its content coding undone; empty if there is none.
    pub body: Bytes,
    /// Who sent it, or the proxy before them.
    pub peer: SocketAddr,
}

/// Answers requests. A closure from [`Request`] to a future [`Answer`] is one, when nothing is to be refused early.
pub trait Handler: Send + Sync + 'static {
    /// Judges a request by its head alone, before any of its body is read or memory spent on it: path, method, content
    /// type and credentials belong here.
    ///
    /// # Errors
    /// What the client is told instead.
    fn admit(&self, _head: &Parts) -> Result<(), Refusal> {
        Ok(())
    }

    /// Puts a refusal into the form that its clients know.
    fn refuse(&self, refusal: Refusal) -> Answer {
        refusal.into()
    }

    /// Answers a request. Its body counts against [`Limits::memory`] until then. The future is dropped when the client
    /// goes away.
    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send;
}

impl<F, A> Handler for F
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Answer> + Send,
{
    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send {
        self(request)
    }
}

impl<H: Handler> Handler for Arc<H> {
    fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        H::admit(self, head)
    }

    fn refuse(&self, refusal: Refusal) -> Answer {
        H::refuse(self, refusal)
    }

    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send {
        H::answer(self, request)
    }
}

/// A handler behind the limits: what all connections of one server have in common.
pub(super) struct Desk<H> {
    handler: H,
    limits: Arc<Limits>,
    budget: Arc<Budget>,
}

impl<H: Handler> Desk<H> {
    pub(super) fn new(handler: H, limits: Arc<Limits>) -> Self {
        Self { handler, budget: Budget::new(limits.memory), limits }
    }

    /// Answers one request, whatever happens: a panic of the handler is answered too, and costs nobody else anything.
    pub(super) async fn serve(
        &self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
        pulse: &Arc<Pulse>,
    ) -> Answer {
        let clear = pulse.begin();
        let (head, body) = request.into_parts();
        let mut intake = Intake::new(body);
        let answer = AssertUnwindSafe(self.exchange(clear, head, &mut intake, peer)).catch_unwind().await;
        let mut answer = answer.unwrap_or_else(|_| {
            tracing::error!(%peer, "A panic ended an HTTP request.");
            self.handler.refuse(Refusal::internal())
        });
        if !clear || !intake.is_finished() || pulse.is_stopping() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if !answer.body_mut().keep(pulse) {
            pulse.end();
        }
        answer
    }

    async fn exchange(&self, clear: bool, head: Parts, intake: &mut Intake, peer: SocketAddr) -> Answer {
        if !clear {
            return self.handler.refuse(Refusal::bad_request("The length of the body is given more than once."));
        }
        let expected = head.headers.contains_key(EXPECT);
        match self.receive(&head, intake).await {
            Ok((body, _share)) => self.handler.answer(Request { head, body, peer }).await,
            Err(refusal) => {
                intake.drain(expected).await;
                self.handler.refuse(refusal)
            }
        }
    }

    async fn receive(&self, head: &Parts, intake: &mut Intake) -> Result<(Bytes, Share), Refusal> {
        self.handler.admit(head)?;
        let coding = Coding::of(&head.headers)?;
        intake.read(coding, &self.limits, &self.budget).await
    }
}
