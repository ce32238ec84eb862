//! The routes, and the OpenAPI document that is made of them and nothing else.

mod ask;
mod auth;
mod dashboard;
mod docs;
mod incidents;
mod logs;
mod pipelines;
mod services;
mod stream;
mod system;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use logd_access::Identity;
use logd_archive::Scope;
use logd_sdk::http::header::{AUTHORIZATION, CONTENT_TYPE};
use logd_sdk::http::{Method, StatusCode};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::ask::{Asked, Given, Named, NamedTwice, PageQuery, page};
pub(crate) use self::pipelines::Rates;
use crate::server::{Problem, finish, guard};
use crate::state::Api;
use crate::webhooks;

/// Where the routes of the API are.
const BASE: &str = "/api/v1";

/// Shorter answers are sent as they are.
const WORTH_PACKING: u16 = 1024;

/// All routes, and what they are.
pub(crate) fn router(api: Arc<Api>, cors_origins: &[String]) -> Router {
    let (routes, document) = api_routes(&api).split_for_parts();
    let document = docs::finished(document);
    let packed = SizeAbove::new(WORTH_PACKING).and(NotForContentType::SSE).and(NotForContentType::IMAGES);
    let router = Router::new()
        .merge(routes)
        .merge(docs::router(document))
        .merge(dashboard::router())
        .route("/health", get(system::health))
        .route("/ready", get(system::ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(api)
        .layer(from_fn(finish))
        .layer(CompressionLayer::new().compress_when(packed));
    if cors_origins.is_empty() { router } else { router.layer(cors(cors_origins)) }
}

/// The OpenAPI document.
pub(crate) fn document() -> OpenApi {
    docs::finished(described().split_for_parts().1)
}

/// What is behind the guard, and what is before it.
fn api_routes(api: &Arc<Api>) -> OpenApiRouter<Arc<Api>> {
    let guarded = guarded().layer(from_fn_with_state(Arc::clone(api), guard));
    OpenApiRouter::new().nest(BASE, guarded.merge(open()))
}

/// The same, for the document alone.
fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().nest(BASE, guarded().merge(open()))
}

/// What everybody may ask.
fn open() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(auth::token)).routes(routes!(auth::begin_session))
}

/// What only those may ask who are known.
fn guarded() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me))
        .routes(routes!(services::metrics))
        .routes(routes!(services::services))
        .routes(routes!(services::service))
        .routes(routes!(services::series))
        .routes(routes!(incidents::anomalies))
        .routes(routes!(incidents::anomaly))
        .routes(routes!(incidents::incidents))
        .routes(routes!(incidents::incident))
        .routes(routes!(incidents::acknowledge))
        .routes(routes!(incidents::resolve))
        .routes(routes!(logs::logs))
        .routes(routes!(logs::search))
        .routes(routes!(logs::histogram))
        .routes(routes!(stream::stream))
        .routes(routes!(pipelines::pipelines))
        .routes(routes!(pipelines::plan))
        .routes(routes!(pipelines::reload))
        .routes(routes!(system::audit))
        .merge(webhooks::routes())
}

/// Pages of these origins may ask, with a token: cookies are for our own page alone.
fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| origin.parse().ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .max_age(std::time::Duration::from_secs(600))
}

/// What somebody may see, as the archive has it.
pub(crate) fn scope(identity: &Identity) -> Scope {
    Scope { services: identity.services.clone(), pipelines: identity.pipelines.clone() }
}

async fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Nothing is served at this path.")
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This path has no such method.")
}
