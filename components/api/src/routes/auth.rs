//! Letting people and programs in, and out.

use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use logd_access::{Identity, Refused};
use logd_sdk::http::StatusCode;
use logd_sdk::http::header::{CACHE_CONTROL, HeaderValue, SET_COOKIE};
use logd_sdk::settings::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::{Given, content_is, is_list};
use crate::audit::millis;
use crate::server::{Outcome, Peer, Problem, Viewer, cookie};
use crate::state::Api;

/// What is asked for a token (RFC 6749 sections 4.3 and 6).
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Credentials {
    /// `password`, or `refresh_token`.
    #[serde(default = "by_password")]
    #[schema(example = "password")]
    grant_type: String,
    /// Who it is.
    username: Option<String>,
    /// With `password`.
    #[schema(value_type = Option<String>, format = "password")]
    password: Option<Secret>,
    /// With `refresh_token`: what came with the last token, which is valid once.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Secret>,
}

fn by_password() -> String {
    "password".to_owned()
}

/// A token (RFC 6749 section 5.1).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Token {
    /// To be sent with each request: `Authorization: Bearer …`.
    access_token: String,
    /// `bearer`.
    token_type: &'static str,
    /// How long it is valid, in seconds.
    expires_in: u64,
    /// What the next token is had for.
    refresh_token: String,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The user's name.
    username: String,
    /// `viewer` or `admin`.
    role: String,
    /// The services that they may see; null for all.
    #[schema(required = true)]
    services: Option<Vec<String>>,
    /// The pipelines that they may see; null for all.
    #[schema(required = true)]
    pipelines: Option<Vec<String>>,
    /// When they have to say again who they are.
    #[schema(format = "date-time")]
    expires_at: String,
}

impl From<&Identity> for Me {
    fn from(identity: &Identity) -> Self {
        let list = |names: &Option<std::collections::BTreeSet<String>>| {
            names.as_ref().map(|names| names.iter().cloned().collect())
        };
        Self {
            username: identity.username.clone(),
            role: identity.role.to_string(),
            services: list(&identity.services),
            pipelines: list(&identity.pipelines),
            expires_at: millis(identity.expires_at),
        }
    }
}

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// Who it is.
    username: String,
    /// Their password.
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

/// Gives a token for a name and a password, or for a refresh token. As a form or as JSON.
#[utoipa::path(post, path = "/auth/token", tag = "access", security(()),
    request_body(content((Credentials = "application/x-www-form-urlencoded"), (Credentials = "application/json"))),
    responses((status = 200, body = Token), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn token(State(api): State<Arc<Api>>, Peer(peer): Peer, request: Request) -> Outcome<Response> {
    let Credentials { grant_type, username, password, refresh_token } = credentials(request).await?;
    let grant = match (grant_type.as_str(), username, password, refresh_token) {
        ("password", Some(username), Some(password), _) => {
            let login = api.access.authenticate(&username, &password, peer.ip()).await;
            audit(&api, &username, login.as_ref().err(), peer);
            api.access.grant(&login?).await?
        }
        ("refresh_token", _, _, Some(token)) => api.access.refresh(&token).await?,
        ("password", ..) => return Err(Problem::bad_request("`username` and `password` are needed.")),
        ("refresh_token", ..) => return Err(Problem::bad_request("`refresh_token` is needed.")),
        _ => return Err(Problem::bad_request("`grant_type` is password or refresh_token.")),
    };
    let token = Token {
        access_token: grant.access_token.expose().to_owned(),
        token_type: "bearer",
        expires_in: grant.expires_in.as_secs(),
        refresh_token: grant.refresh_token.expose().to_owned(),
    };
    Ok(kept_by_nobody(Json(token)))
}

async fn credentials(request: Request) -> Outcome<Credentials> {
    let (form, json) = {
        let is = |wanted| content_is(request.headers(), wanted);
        (is("application/x-www-form-urlencoded"), is("application/json"))
    };
    let body = to_bytes(request.into_body(), usize::MAX).await;
    let body = body.map_err(|_| Problem::bad_request("The body broke off."))?;
    // What is wrong in it is not repeated: it may be a password.
    let wrong = || Problem::bad_request("The body has no credentials that can be read.");
    if form {
        serde_urlencoded::from_bytes(&body).map_err(|_| wrong())
    } else if json && is_list(&body) {
        Err(wrong())
    } else if json {
        serde_json::from_slice(&body).map_err(|_| wrong())
    } else {
        let types = "The body must be application/x-www-form-urlencoded or application/json.";
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, types))
    }
}

/// Ends the session: its tokens are of no more use.
#[utoipa::path(post, path = "/auth/logout", tag = "access", responses((status = 204)))]
pub(crate) async fn logout(State(api): State<Arc<Api>>, Viewer(viewer): Viewer, Peer(peer): Peer) -> Response {
    api.access.logout(&viewer).await;
    api.audit.add(&viewer.username, "logout", "", "done", peer.ip());
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(&api, "", None))]).into_response()
}

/// Begins a session of a browser: the answer sets a cookie that no script can read.
#[utoipa::path(post, path = "/auth/session", tag = "access", security(()), request_body = Login,
    responses((status = 200, body = Me), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn begin_session(
    State(api): State<Arc<Api>>,
    Peer(peer): Peer,
    Given(Login { username, password }): Given<Login>,
) -> Outcome<Response> {
    let login = api.access.authenticate(&username, &password, peer.ip()).await;
    audit(&api, &username, login.as_ref().err(), peer);
    let session = api.access.session(&login?)?;
    let cookie = cookie(&api, session.token.expose(), Some(&session.identity));
    let mut response = kept_by_nobody(Json(Me::from(&session.identity)));
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// Who asks.
#[utoipa::path(get, path = "/auth/me", tag = "access", responses((status = 200, body = Me)))]
pub(crate) async fn me(Viewer(viewer): Viewer) -> Json<Me> {
    Json((&viewer).into())
}

/// Tokens stay out of every cache (RFC 6749 section 5.1).
fn kept_by_nobody(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn audit(api: &Api, username: &str, refused: Option<&Refused>, peer: std::net::SocketAddr) {
    let outcome = refused.map_or_else(|| "done".to_owned(), ToString::to_string);
    // A name that was typed may be anything, a password too: only what could be a name is repeated.
    let known = logd_access::check_name(username).is_ok();
    api.audit.add(if known { username } else { "?" }, "login", "", &outcome, peer.ip());
}
