//! The OpenAPI document, finished with what holds for all routes, and the pages that show it. All they need is in the
//! binary.

use axum::Router;
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use logd_sdk::http::StatusCode;
use logd_sdk::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use utoipa::PartialSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Header, HeaderBuilder, Info, ObjectBuilder, OpenApi, Ref, RefOr, Response,
    ResponseBuilder, Type,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::server::{COOKIE, Problem};

/// Where the document is.
const DOCUMENT: &str = "/api/openapi.json";

/// What those pages may load: themselves. They put styles into their text.
const PAGES: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                     font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'none'";

/// ReDoc, as its package has it (MIT).
const REDOC: &str = include_str!("../../vendor/redoc/redoc.standalone.js");

/// The page that it fills.
const REDOC_PAGE: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>logd API</title>\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head>\
    <body><redoc spec-url=\"/api/openapi.json\"></redoc><script src=\"/api/redoc/redoc.js\"></script></body></html>";

/// What any request may be answered.
const EVERYWHERE: [(StatusCode, &str); 7] = [
    (StatusCode::BAD_REQUEST, "The request can't be understood."),
    (StatusCode::REQUEST_TIMEOUT, "The request came too slowly."),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of a type, or packed in a way, that is not taken."),
    (StatusCode::TOO_MANY_REQUESTS, "There are too many requests; `Retry-After` says when to come again."),
    (StatusCode::INTERNAL_SERVER_ERROR, "The fault is the server's."),
    (StatusCode::SERVICE_UNAVAILABLE, "The server has no room now; `Retry-After` says when to come again."),
];

/// What one who is not known, or may not, is answered.
const GUARDED: [(StatusCode, &str); 2] = [
    (StatusCode::UNAUTHORIZED, "Valid credentials are needed."),
    (StatusCode::FORBIDDEN, "This user may not do this."),
];

/// Adds what holds for all routes.
pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    document.info = Info::new("logd", env!("CARGO_PKG_VERSION"));
    document.info.description =
        Some("Logs, services, anomalies and incidents, pipelines and webhooks of a logd.".to_owned());
    let components = document.components.take().unwrap_or_default();
    document.components = Some(
        ComponentsBuilder::from(components)
            .schema("Problem", Problem::schema())
            .responses_from_iter(shared())
            .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
            .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))))
            .security_scheme(
                "password",
                SecurityScheme::OAuth2(OAuth2::new([Flow::Password(Password::new(
                    "/api/v1/auth/token",
                    Scopes::new(),
                ))])),
            )
            .build(),
    );
    let none = || std::iter::empty::<String>();
    document.security =
        Some(["bearer", "session", "password"].map(|name| SecurityRequirement::new(name, none())).to_vec());
    for item in document.paths.paths.values_mut() {
        item.get.iter_mut().for_each(add_not_modified);
        for operation in [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten() {
            add_answers(operation);
            operation.responses.responses.iter_mut().for_each(|(status, response)| complete(status, response));
        }
    }
    document
}

/// The answers that many operations have.
fn shared() -> impl Iterator<Item = (String, RefOr<Response>)> {
    let problems = EVERYWHERE.into_iter().chain(GUARDED).map(|(status, description)| {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        (status, ResponseBuilder::new().description(description).content("application/problem+json", problem))
    });
    let same = ResponseBuilder::new().description("It is what the client has: see `If-None-Match`.");
    problems.chain([(StatusCode::NOT_MODIFIED, same)]).map(|(status, response)| {
        let mut response = RefOr::T(response.build());
        complete(status.as_str(), &mut response);
        (name(status), response)
    })
}

/// What the answers of a status are called.
fn name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().replace(' ', "")
}

/// Adds the answers that the operation does not name itself.
fn add_answers(operation: &mut Operation) {
    let is_guarded = operation.security.is_none();
    let answers = EVERYWHERE.into_iter().chain(GUARDED.into_iter().filter(|_| is_guarded));
    for (status, _) in answers {
        let response = || RefOr::Ref(Ref::from_response_name(name(status)));
        operation.responses.responses.entry(status.as_str().to_owned()).or_insert_with(response);
    }
}

/// What one is answered who has what would be the answer. A stream is never the same again.
fn add_not_modified(operation: &mut Operation) {
    let answers = &mut operation.responses.responses;
    let Some(RefOr::T(found)) = answers.get_mut("200") else { return };
    if !found.content.contains_key("text/event-stream") {
        let tag = header("Names what is in this answer, for `If-None-Match`.", Type::String);
        found.headers.insert("ETag".to_owned(), tag);
        let same = StatusCode::NOT_MODIFIED;
        answers.insert(same.as_str().to_owned(), RefOr::Ref(Ref::from_response_name(name(same))));
    }
}

/// Adds the header that comes with a status, and a description where there is none: each answer has to have one.
fn complete(status: &str, response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    let header = match status {
        "401" => Some(("WWW-Authenticate", header("How to say who one is.", Type::String))),
        "429" | "503" => Some(("Retry-After", header("When to come again, in seconds.", Type::Integer))),
        _ => None,
    };
    response.headers.extend(header.map(|(name, header)| (name.to_owned(), header)));
    if response.description.is_empty() {
        let words = StatusCode::from_bytes(status.as_bytes()).ok().and_then(|status| status.canonical_reason());
        response.description = format!("{}.", words.unwrap_or(status));
    }
}

fn header(description: &str, kind: Type) -> RefOr<Header> {
    let schema = ObjectBuilder::new().schema_type(kind).build();
    RefOr::T(HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build())
}

/// The document and its pages.
pub(super) fn router<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    let swagger = SwaggerUi::new("/api/docs").url(DOCUMENT, document).config(Config::new([DOCUMENT]));
    Router::new()
        .merge(swagger)
        .route("/api/redoc", get(|| async { Html(REDOC_PAGE) }))
        .route("/api/redoc/redoc.js", get(redoc))
        .layer(map_response(with_policy))
}

async fn redoc() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")], REDOC)
}

async fn with_policy(mut response: axum::response::Response) -> axum::response::Response {
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGES));
    response
}
