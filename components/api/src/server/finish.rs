//! What every answer gets: the request's name, headers that keep browsers safe, and `ETag`, so that what has not changed
//! is not sent again.

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use logd_sdk::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use logd_sdk::http::{Method, StatusCode};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

use crate::meters;

/// Names a request in the log and in its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What a page may load: its own files and nothing else. The documentation's pages have rules of their own.
const OWN_ONLY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                        connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Longer bodies are not hashed.
const LARGEST: u64 = 8 << 20;

/// Does what every answer needs.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let id = request_id(request.headers().get(REQUEST_ID));
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let (start, method) = (Instant::now(), request.method().clone());
    let mut response = next.run(request).await;
    // What was asked for is anybody's text; the routes are few.
    let route = response.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    meters::answered(&route, method.as_str(), response.status().as_u16(), start.elapsed());
    if reads && response.status() == StatusCode::OK {
        response = tag(response, known.as_ref()).await;
    }
    let headers = response.headers_mut();
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (PERMISSIONS, "camera=(), geolocation=(), microphone=()"),
        (OPENER, "same-origin"),
        (RESOURCE, "same-origin"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(OWN_ONLY));
    // Answers are somebody's own, and of this moment.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    headers.insert(REQUEST_ID, id);
    response
}

/// The client's own name for the request, if it is a plain one, or a new one.
fn request_id(given: Option<&HeaderValue>) -> HeaderValue {
    let plain = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=64).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    given.filter(plain).cloned().unwrap_or_else(|| {
        let id = format!("{:016x}", rand::random::<u64>());
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// Names the contents of an answer (RFC 9110 section 8.8.3), and leaves them out where the client has them.
async fn tag(response: Response, known: Option<&HeaderValue>) -> Response {
    // A stream has no length, and is never the same again.
    if response.body().size_hint().exact().is_none_or(|length| length > LARGEST) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let name = format!("\"{:032x}\"", xxh3_128(&bytes));
    let same = known.and_then(|known| known.to_str().ok()).is_some_and(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == name)
    });
    // A weak one, for the same contents may go out packed.
    if let Ok(name) = HeaderValue::try_from(format!("W/{name}")) {
        head.headers.insert(ETAG, name);
    }
    if same {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(logd_sdk::http::header::CONTENT_LENGTH);
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(bytes))
}
