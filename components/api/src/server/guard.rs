//! Who asks: by a token in `Authorization`, or by the cookie of the dashboard's session. Whatever is behind this guard is
//! served to nobody else.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use logd_access::{Identity, Role};
use logd_sdk::http::header::{AUTHORIZATION, COOKIE as COOKIES, HOST, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE};
use logd_sdk::http::{HeaderMap as Headers, Method};
use logd_sdk::settings::Secret;

use super::{Outcome, Peer, Problem};
use crate::state::Api;

/// The cookie of a session.
pub(crate) const COOKIE: &str = "logd-session";

/// What a browser says of where a request comes from (Fetch Metadata).
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Anybody who is known.
pub(crate) struct Viewer(pub(crate) Identity);

/// Somebody who may change things.
pub(crate) struct Admin(pub(crate) Identity);

/// What somebody has come in by.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) Secret);

/// Lets those in who are known and do not ask too often.
pub(crate) async fn guard(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    match admit(&api, &mut request).await {
        Err(problem) => problem.into_response(),
        Ok(session) => {
            let mut response = next.run(request).await;
            if let Some(cookie) = session {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
    }
}

/// Finds out who asks; returns a new cookie where the old one grows old.
async fn admit(api: &Api, request: &mut Request) -> Outcome<Option<HeaderValue>> {
    let headers = request.headers();
    let (token, by_cookie) = match (bearer(headers), session(headers)) {
        (Some(token), _) => (token, false),
        (None, Some(token)) => (token, true),
        (None, None) => return Err(Problem::unauthorized()),
    };
    let identity = if by_cookie {
        // A browser asks for many things at once, also with a cookie that is of no more use.
        api.access.verify(token).await.map_err(|_| Problem::unauthorized())?
    } else {
        let Peer(peer) = peer(request.extensions())?;
        api.access.verify_from(token, peer.ip()).await?
    };
    if by_cookie && !is_safe(request.method()) && !is_own(headers) {
        return Err(Problem::forbidden("Another site has asked for this in the user's name."));
    }
    api.pace.admit(&identity.username)?;
    let slid = if by_cookie { api.access.slide(&identity) } else { None };
    let cookie = slid.map(|session| cookie(api, session.token.expose(), Some(&session.identity)));
    let token = Token(token.to_owned().into());
    request.extensions_mut().insert(identity);
    request.extensions_mut().insert(token);
    Ok(cookie)
}

/// The token in `Authorization` (RFC 6750 section 2.1). One header of that name, or none is believed.
fn bearer(headers: &Headers) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (given.next()?, given.next()) else { return Some("") };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim_start() } else { "" })
}

/// The token in the session's cookie.
fn session(headers: &Headers) -> Option<&str> {
    let cookies = headers.get_all(COOKIES).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Whether a method changes nothing.
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a request comes from our own page: a cookie alone does not say that. Browsers do, in one of two headers.
fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    text(ORIGIN).and_then(host).is_some_and(|origin| text(HOST) == Some(origin.as_str()))
}

/// The cookie of a session; without one, the cookie that ends it.
pub(crate) fn cookie(api: &Api, token: &str, identity: Option<&Identity>) -> HeaderValue {
    let age = identity.map_or(0, |identity| identity.expires_at.since(api.clock.now()).as_secs());
    let secure = if api.is_https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static(""))
}

fn identity(parts: &Parts) -> Outcome<Identity> {
    // Whoever is not behind the guard has none.
    parts.extensions.get::<Identity>().cloned().ok_or_else(Problem::unauthorized)
}

fn peer(extensions: &Extensions) -> Outcome<Peer> {
    let none = || Problem::internal(&anyhow::anyhow!("a request without a peer"));
    extensions.get::<Peer>().copied().ok_or_else(none)
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        identity(parts).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let identity = identity(parts)?;
        if identity.may(Role::Admin) {
            Ok(Self(identity))
        } else {
            Err(Problem::forbidden("Only an admin may do this."))
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthorized)
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        peer(&parts.extensions)
    }
}
