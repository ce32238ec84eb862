//! The dashboard: one page, whose files are in the binary.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use logd_sdk::http::StatusCode;
use logd_sdk::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use rust_embed::Embed;

use super::unknown;

/// The files of the page.
#[derive(Embed)]
#[folder = "dashboard"]
#[include = "*.html"]
#[include = "*.js"]
#[include = "*.css"]
#[include = "*.svg"]
#[exclude = "tests/*"]
struct Files;

/// Serves the page and its files, each under its own name.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new().route("/", get(page));
    for name in Files::iter() {
        router = router.route(&format!("/{name}"), get(page));
    }
    router
}

async fn page(request: Request) -> Response {
    let name = match request.uri().path().trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let Some(file) = Files::get(name) else { return unknown().await.into_response() };
    // A new version is asked for, and its name compared, each time: a page is of one version.
    let headers = [(CONTENT_TYPE, content_type(name)), (CACHE_CONTROL, "no-cache")];
    (StatusCode::OK, headers, file.data).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
