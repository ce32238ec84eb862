//! What goes back: answers, and one shape for every refusal.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use super::Answer;

/// An answer of plain text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, HeaderValue::from_static("text/plain; charset=utf-8"), body.into())
}

/// An answer of JSON, which `body` must be already.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, HeaderValue::from_static("application/json"), body.into())
}

fn answer(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Answer::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// Why a request is not served: a status, a reason for people, and the header that the status asks for.
///
/// It is answered as `{"error":"<reason>"}`. The reason goes to strangers: no secret and no inner detail belongs in it.
///
/// ```
/// use logd_sdk::http::{Answer, Refusal};
///
/// let answer = Answer::from(Refusal::method_not_allowed("POST"));
/// assert_eq!(answer.status(), 405);
/// assert_eq!(answer.headers()["allow"], "POST");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    reason: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// Any status with its reason; the other constructors name the usual ones.
    pub fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), header: None }
    }

    /// 400: the request can't be understood.
    pub fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// 401 with `WWW-Authenticate` (RFC 9110 section 11.6.1). One reason for all cases, so that nobody learns which
    /// part was wrong.
    pub fn unauthorized(challenge: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Valid credentials are needed.")
            .with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 404: nothing is served at this path.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Nothing is served at this path.")
    }

    /// 405 with `Allow`; `allowed` is a list such as `"GET, HEAD"`.
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("The method must be one of: {allowed}."))
            .with(ALLOW, HeaderValue::from_static(allowed))
    }

    /// 408: head or body came too slowly.
    pub fn timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "The request came too slowly.")
    }

    /// 413: the body has more than `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The body has more than {limit} bytes."))
    }

    /// 415: a content type or coding that is not served here.
    pub fn unsupported(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
    }

    /// 500: the fault is ours, and the log has it.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The request met a fault of the server.")
    }

    /// 503 with `Retry-After` in whole seconds, rounded up, at least one.
    pub fn busy(reason: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        let seconds = retry_after.as_millis().div_ceil(1000).clamp(1, u64::MAX.into()) as u64;
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason).with(RETRY_AFTER, seconds.into())
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason it is answered with.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    fn body(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
        }
        // A string always has a JSON form, so the error can't happen.
        serde_json::to_string(&Body { error: &self.reason }).unwrap_or_default()
    }

    /// The whole answer as bytes, for a connection that hyper does not drive; says that it will be closed.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let body = self.body();
        let header = self.header.as_ref().and_then(|(name, value)| {
            let value = value.to_str().ok()?;
            Some(format!("{name}: {value}\r\n"))
        });
        let (status, header, length) = (self.status, header.unwrap_or_default(), body.len());
        format!(
            "HTTP/1.1 {status}\r\n{header}content-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let mut answer = json(refusal.status, refusal.body());
        if let Some((name, value)) = refusal.header {
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_json_whatever_its_reason() {
        assert_eq!(Refusal::bad_request("line 3: \"}\"").body(), r#"{"error":"line 3: \"}\""}"#);
    }

    #[test]
    fn retry_after_is_whole_seconds_and_never_zero() {
        let header = |duration| Answer::from(Refusal::busy("full", duration)).headers()[RETRY_AFTER].clone();
        assert_eq!(header(Duration::ZERO), "1");
        assert_eq!(header(Duration::from_millis(1500)), "2");
    }

    #[test]
    fn the_bytes_are_a_whole_answer() {
        let bytes = Refusal::busy("full", Duration::from_secs(2)).into_bytes();
        let expected = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-type: application/json\r\n\
                        content-length: 16\r\nconnection: close\r\n\r\n{\"error\":\"full\"}";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
