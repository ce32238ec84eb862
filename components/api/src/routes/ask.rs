//! What requests say: queries and bodies, with problems where axum would answer in plain text; times and pages.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use logd_archive::{MAX_LIMIT, PageRequest};
use logd_sdk::Time;
use logd_sdk::http::header::CONTENT_TYPE;
use logd_sdk::http::{HeaderMap, StatusCode};
use logd_sdk::settings::Duration;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::server::{Outcome, Problem};

/// The query of a request.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(query)| Self(query)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// A name in the path of a request.
pub(crate) struct Named(pub(crate) String);

impl<S: Sync + Send> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Outcome<Self> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// Two names in the path of a request.
pub(crate) struct NamedTwice(pub(crate) String, pub(crate) String);

impl<S: Sync + Send> FromRequestParts<S> for NamedTwice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Outcome<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        path.map(|Path((one, other))| Self(one, other)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// The JSON body of a request: an object. Nothing at all counts as null, which only those take that need none.
pub(crate) struct Given<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync + Send> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Outcome<Self> {
        let (is_json, is_named) =
            (content_is(request.headers(), "application/json"), request.headers().contains_key(CONTENT_TYPE));
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        let body = body.map_err(|_| Problem::bad_request("The body broke off."))?;
        if body.is_empty() && !is_named {
            let none = || Problem::bad_request("A body is needed.");
            return serde_json::from_str("null").map(Self).map_err(|_| none());
        }
        if !is_json {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."));
        }
        parse(&body).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Outcome<T> {
    if is_list(body) {
        return Err(Problem::bad_request("The body must be an object."));
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(format!("The body can't be read: {error}.")))
}

/// Whether a JSON text is a list: serde would take one for an object's members in their order.
pub(crate) fn is_list(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"[")
}

/// Whether the body is of this type, whatever its parameters.
pub(crate) fn content_is(headers: &HeaderMap, wanted: &str) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// A moment, as a query says it.
pub(crate) fn moment(name: &str, text: &str, now: Time) -> Outcome<Time> {
    let wrong = || {
        Problem::bad_request(format!(
            "`{name}` is no time: write it as 2026-11-23T14:00:00Z, as -15m, -6h or -7d before now, or as now."
        ))
    };
    if text == "now" {
        return Ok(now);
    }
    if let Some(back) = text.strip_prefix('-') {
        let span: Duration = back.parse().map_err(|_| wrong())?;
        return Ok(now.before(*span));
    }
    Time::parse_rfc3339(text.as_bytes()).ok_or_else(wrong)
}

/// The same, where it may be left out.
pub(crate) fn moment_if(name: &str, text: Option<&str>, now: Time) -> Outcome<Option<Time>> {
    text.map(|text| moment(name, text, now)).transpose()
}

/// Which page is asked for.
pub(crate) fn page(limit: Option<usize>, otherwise: usize, cursor: Option<String>) -> Outcome<PageRequest> {
    let limit = limit.unwrap_or(otherwise);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit` is between 1 and {MAX_LIMIT}.")));
    }
    Ok(PageRequest { limit, cursor })
}

/// A step of a chart: `10s`, `1m`, or a number of seconds.
pub(crate) fn step(text: &str) -> Outcome<std::time::Duration> {
    let seconds = text.parse().ok().map(std::time::Duration::from_secs);
    let span = seconds.or_else(|| text.parse::<Duration>().ok().map(|span| *span));
    let span = span.filter(|span| (1..=366 * 86_400).contains(&span.as_secs()));
    span.ok_or_else(|| Problem::bad_request("`step` is a time of a second at least: write it as 10s or 5m."))
}

/// The bounds of a chart; the last quarter of an hour if they are left out.
pub(crate) fn range(from: Option<&str>, to: Option<&str>, now: Time) -> Outcome<(Time, Time)> {
    let to = moment("to", to.unwrap_or("now"), now)?;
    let from = moment("from", from.unwrap_or("-15m"), now)?;
    if from >= to {
        return Err(Problem::bad_request("`from` must be before `to`."));
    }
    Ok((from, to))
}

/// A page, and from when to when.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}
