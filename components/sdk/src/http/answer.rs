//! The body of an answer: whole in memory, or made while it is sent.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};

use super::wire::Pulse;

/// An answer.
pub type Answer = Response<AnswerBody>;

/// The body of an answer.
pub struct AnswerBody {
    kind: Kind,
    /// The connection that it goes to, while it is a stream: until its end the client is waited for by nobody.
    pulse: Option<Arc<Pulse>>,
}

enum Kind {
    Whole(Full<Bytes>),
    Stream(UnsyncBoxBody<Bytes, Infallible>),
}

impl AnswerBody {
    /// A body that is made while it is sent, such as server-sent events. What makes it has to end it when the server is
    /// to stop, or is cut off after [`Limits::shutdown_timeout`](super::Limits::shutdown_timeout).
    pub fn stream(body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static) -> Self {
        Self { kind: Kind::Stream(body.boxed_unsync()), pulse: None }
    }

    /// Says that the answer is under way until this body has ended or is dropped; nothing if it is whole already.
    pub(super) fn keep(&mut self, pulse: &Arc<Pulse>) -> bool {
        let streams = matches!(self.kind, Kind::Stream(_));
        self.pulse = streams.then(|| Arc::clone(pulse));
        streams
    }
}

impl From<Bytes> for AnswerBody {
    fn from(body: Bytes) -> Self {
        Self { kind: Kind::Whole(Full::new(body)), pulse: None }
    }
}

impl Default for AnswerBody {
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Whole(_) => "AnswerBody(whole)",
            Kind::Stream(_) => "AnswerBody(stream)",
        })
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(pulse) = &self.pulse {
            pulse.end();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.kind {
            Kind::Whole(body) => Pin::new(body).poll_frame(context),
            Kind::Stream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(body) => body.size_hint(),
            Kind::Stream(body) => body.size_hint(),
        }
    }
}
