//! axum's router on the bounded server: requests that were read whole in, answers out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use logd_sdk::http::{Answer, AnswerBody, Handler, Refusal, Request};
use tower::ServiceExt as _;

use super::problem;

/// Who sent a request, or the proxy before them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The router, as the server asks it.
pub(crate) struct Adapter(pub(crate) Router);

impl Handler for Adapter {
    fn refuse(&self, refusal: Refusal) -> Answer {
        problem::of_refusal(refusal)
    }

    async fn answer(&self, request: Request) -> Answer {
        let Request { mut head, body, peer } = request;
        head.extensions.insert(Peer(peer));
        let request = http::Request::from_parts(head, Body::from(body));
        let Ok(response) = self.0.clone().oneshot(request).await;
        into_answer(response)
    }
}

fn into_answer(response: Response) -> Answer {
    let (head, body) = response.into_parts();
    Answer::from_parts(head, AnswerBody::stream(Whole(body)))
}

/// A body that ends where it fails: the client sees that it is not whole.
struct Whole(Body);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(context).map(|frame| match frame? {
            Ok(frame) => Some(Ok(frame)),
            Err(error) => {
                tracing::error!(%error, "An answer of the API broke off.");
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
