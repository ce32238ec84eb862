//! What is answered when something can't be done: problem details (RFC 9457).

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use logd_access::Refused;
use logd_archive::Error;
use logd_sdk::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use logd_sdk::http::{Answer, Refusal, StatusCode};
use logd_sdk::shared_stores;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request could not be served.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is: `about:blank`, for the status says it.
    #[schema(value_type = String, example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    #[schema(value_type = String, example = "Not Found")]
    title: Cow<'static, str>,
    /// The status.
    #[schema(example = 404)]
    status: u16,
    /// What is the matter here.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    #[serde(skip)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// What a route answers.
pub(crate) type Outcome<T> = Result<T, Problem>;

impl Problem {
    /// A problem of any status.
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: detail.into(),
            header: None,
        }
    }

    /// 400.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401. The same for whatever is wrong with the credentials.
    pub(crate) fn unauthorized() -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"logd\"");
        Self::new(StatusCode::UNAUTHORIZED, "Valid credentials are needed.").with(WWW_AUTHENTICATE, challenge)
    }

    /// 403.
    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: `what` is not there, or not for this user.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("There is no such {what}."))
    }

    /// 429, and when to come again.
    pub(crate) fn too_many(detail: impl Into<Cow<'static, str>>, after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).after(after)
    }

    /// 503, and when to come again.
    pub(crate) fn busy(detail: impl Into<Cow<'static, str>>, after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).after(after)
    }

    /// 500: the log has the reason, and the client has none.
    pub(crate) fn internal(error: &anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "A request of the API met a fault.");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The request met a fault of the server.")
    }

    fn after(self, after: Duration) -> Self {
        let seconds = after.as_millis().div_ceil(1000).clamp(1, 86_400);
        self.with(RETRY_AFTER, u64::try_from(seconds).unwrap_or(1).into())
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied => Self::unauthorized(),
            Refused::TooMany { retry_after } => Self::too_many("There were too many failed attempts.", retry_after),
            Refused::Busy { retry_after } => Self::busy("Too many passwords are being checked.", retry_after),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Query(message) => Self::bad_request(format!("The query can't be read: {message}")),
            Error::Cursor => Self::bad_request("The cursor is not one that this route has given."),
            error @ Error::TooSlow(_) => {
                Self::busy(format!("{error}; ask for a shorter time."), Duration::from_secs(5))
            }
            Error::Failed(error) => Self::internal(&error),
        }
    }
}

impl From<shared_stores::Error> for Problem {
    fn from(error: shared_stores::Error) -> Self {
        const AFTER: Duration = Duration::from_secs(5);
        match error {
            shared_stores::Error::Query(message) => Error::Query(message).into(),
            shared_stores::Error::Cursor => Error::Cursor.into(),
            shared_stores::Error::Away { reason, after } => {
                Self::busy(format!("What several daemons share can't be read now. {reason}."), after.unwrap_or(AFTER))
            }
            shared_stores::Error::Failed(error) => Self::internal(&error),
        }
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let header = self.header.take();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // It is made of text and a number: that can be written.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// What the server below refuses, in the same form.
pub(crate) fn of_refusal(refusal: Refusal) -> Answer {
    let problem = Problem::new(refusal.status(), refusal.reason().to_owned());
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut answer = Answer::from(refusal);
    *answer.body_mut() = bytes::Bytes::from(body).into();
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    answer
}
