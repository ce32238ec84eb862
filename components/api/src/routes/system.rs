//! Whether the daemon lives, whether it is ready, and who has changed something.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use logd_sdk::http::StatusCode;
use serde::Serialize;

use super::ask::{Asked, PageQuery, page};
use crate::audit::Entry;
use crate::server::{Admin, Outcome, Problem};
use crate::shapes::Page;
use crate::state::Api;

/// The process lives. What runs is told to those who are known.
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether all pipelines run.
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Response {
    let ready = api.control.unready().is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready })).into_response()
}

/// The process lives.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
}

/// What was done through the API, the newest first.
#[utoipa::path(get, path = "/audit", tag = "access", params(PageQuery), responses((status = 200, body = Page<Entry>)))]
pub(crate) async fn audit(
    State(api): State<Arc<Api>>,
    Admin(_admin): Admin,
    Asked(asked): Asked<PageQuery>,
) -> Outcome<Json<Page<Entry>>> {
    const LIMIT: usize = 50;
    let limit = page(asked.limit, LIMIT, None)?.limit;
    let entries = api.audit.entries();
    // The cursor is the place of the last one, counted from the oldest: what is added meanwhile moves nothing.
    let start = match asked.cursor.as_deref() {
        None => 0,
        Some(cursor) => {
            let wrong = || Problem::bad_request("The cursor is not one that this route has given.");
            let left: usize = cursor.parse().map_err(|_| wrong())?;
            entries.len().checked_sub(left).filter(|_| left > 0).ok_or_else(wrong)?
        }
    };
    let items: Vec<Entry> = entries.iter().skip(start).take(limit).cloned().collect();
    let left = entries.len() - start - items.len();
    Ok(Json(Page { items, next_cursor: (left > 0).then(|| left.to_string()) }))
}
