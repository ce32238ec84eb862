//! The routes of webhooks and silences. They are for admins, who see what was made by somebody who sees no more than
//! they do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use logd_access::Identity;
use logd_archive::Scope;
use logd_sdk::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Error;
use super::registry::Asker;
use super::requests::{NewSilence, NewWebhook, WebhookPatch};
use super::views::{Delivery, NewSecret, NewlyRegistered, Silence, Webhook};
use crate::routes::{Asked, Given, Named, NamedTwice, PageQuery, page, scope};
use crate::server::{Admin, Outcome, Peer, Problem};
use crate::shapes::Page;
use crate::state::Api;

/// Deliveries on a page, unless somebody wants more.
const LIMIT: usize = 50;

/// All of them.
pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(webhooks, register))
        .routes(routes!(webhook, change, remove))
        .routes(routes!(test))
        .routes(routes!(rotate))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
        .routes(routes!(silences, silence))
        .routes(routes!(end_silence))
}

/// The registered webhooks, the newest first.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", params(PageQuery),
    responses((status = 200, body = Page<Webhook>)))]
async fn webhooks(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Asked(asked): Asked<PageQuery>,
) -> Outcome<Json<Page<Webhook>>> {
    let all = api.webhooks.webhooks(asker(&admin, &scope(&admin)));
    Ok(Json(part(all, |webhook| &webhook.id, asked)?))
}

/// Registers a webhook. Its secret is in the answer, and never again: calls are signed with it as Standard Webhooks has it.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, body = NewlyRegistered),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There are too many."),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The URL may not be called.")))]
async fn register(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Given(new): Given<NewWebhook>,
) -> Outcome<(StatusCode, Json<NewlyRegistered>)> {
    let made = api.webhooks.register(asker(&admin, &scope(&admin)), new).await;
    let id = made.as_ref().map_or("", |made| made.webhook.id.as_str());
    audit(&api, &admin, peer, "webhook.create", id, made.as_ref().err());
    Ok((StatusCode::CREATED, Json(made?)))
}

/// One webhook.
#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "The webhook.")),
    responses((status = 200, body = Webhook), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn webhook(State(api): State<Arc<Api>>, Admin(admin): Admin, Named(id): Named) -> Outcome<Json<Webhook>> {
    Ok(Json(api.webhooks.webhook(asker(&admin, &scope(&admin)), &id)?))
}

/// Changes a webhook. One that is disabled is told nothing, and what waits for it is given up.
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "The webhook.")),
    request_body = WebhookPatch,
    responses((status = 200, body = Webhook), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The URL may not be called.")))]
async fn change(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Named(id): Named,
    Given(patch): Given<WebhookPatch>,
) -> Outcome<Json<Webhook>> {
    let changed = api.webhooks.patch(asker(&admin, &scope(&admin)), &id, patch).await;
    audit(&api, &admin, peer, "webhook.change", &id, changed.as_ref().err());
    Ok(Json(changed?))
}

/// Takes a webhook away, with its deliveries.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "The webhook.")),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn remove(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Named(id): Named,
) -> Outcome<StatusCode> {
    let removed = api.webhooks.remove(asker(&admin, &scope(&admin)), &id).await;
    audit(&api, &admin, peer, "webhook.remove", &id, removed.as_ref().err());
    removed?;
    Ok(StatusCode::NO_CONTENT)
}

/// Calls a webhook to see whether that works. The answer says what came of it.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path, description = "The webhook.")),
    responses((status = 200, body = Delivery), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn test(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Named(id): Named,
) -> Outcome<Json<Delivery>> {
    let tested = api.webhooks.test(asker(&admin, &scope(&admin)), &id).await;
    audit(&api, &admin, peer, "webhook.test", &id, tested.as_ref().err());
    Ok(Json(tested?))
}

/// Gives a webhook another secret. For a day calls are signed with the old one as well.
#[utoipa::path(post, path = "/webhooks/{id}/rotate", tag = "webhooks", params(("id" = String, Path, description = "The webhook.")),
    responses((status = 200, body = NewSecret), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn rotate(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Named(id): Named,
) -> Outcome<Json<NewSecret>> {
    let rotated = api.webhooks.rotate(asker(&admin, &scope(&admin)), &id).await;
    audit(&api, &admin, peer, "webhook.rotate", &id, rotated.as_ref().err());
    Ok(Json(rotated?))
}

/// The calls of a webhook: those that are to be made and the last that were, the newest first.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook."), PageQuery),
    responses((status = 200, body = Page<Delivery>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn deliveries(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Named(id): Named,
    Asked(asked): Asked<PageQuery>,
) -> Outcome<Json<Page<Delivery>>> {
    let limit = page(asked.limit, LIMIT, None)?.limit;
    let scope = scope(&admin);
    let found = api.webhooks.deliveries(asker(&admin, &scope), &id, limit, asked.cursor.as_deref());
    let (items, next_cursor) = found?;
    Ok(Json(Page { items, next_cursor }))
}

/// Makes a call again, with the same `webhook-id`; one that waits, sooner.
#[utoipa::path(post, path = "/webhooks/{id}/deliveries/{delivery}/redeliver", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook."), ("delivery" = String, Path, description = "The call.")),
    responses((status = 202, body = Delivery), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It can't be made now.")))]
async fn redeliver(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    NamedTwice(id, delivery): NamedTwice,
) -> Outcome<(StatusCode, Json<Delivery>)> {
    let again = api.webhooks.redeliver(asker(&admin, &scope(&admin)), &id, &delivery).await;
    audit(&api, &admin, peer, "webhook.redeliver", &id, again.as_ref().err());
    Ok((StatusCode::ACCEPTED, Json(again?)))
}

/// Silences, the newest first. Those that have ended are shown for a week.
#[utoipa::path(get, path = "/silences", tag = "webhooks", params(PageQuery),
    responses((status = 200, body = Page<Silence>)))]
async fn silences(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Asked(asked): Asked<PageQuery>,
) -> Outcome<Json<Page<Silence>>> {
    let all = api.webhooks.silences(asker(&admin, &scope(&admin)));
    Ok(Json(part(all, |silence| &silence.id, asked)?))
}

/// Makes a silence: nobody is called for what it covers until it ends. What is not over then is told.
#[utoipa::path(post, path = "/silences", tag = "webhooks", request_body = NewSilence,
    responses((status = 201, body = Silence),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There are too many.")))]
async fn silence(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Given(new): Given<NewSilence>,
) -> Outcome<(StatusCode, Json<Silence>)> {
    let made = api.webhooks.silence(asker(&admin, &scope(&admin)), new).await;
    let id = made.as_ref().map_or("", |made| made.id.as_str());
    audit(&api, &admin, peer, "silence.create", id, made.as_ref().err());
    Ok((StatusCode::CREATED, Json(made?)))
}

/// Ends a silence.
#[utoipa::path(delete, path = "/silences/{id}", tag = "webhooks", params(("id" = String, Path, description = "The silence.")),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn end_silence(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Named(id): Named,
) -> Outcome<StatusCode> {
    let ended = api.webhooks.end_silence(asker(&admin, &scope(&admin)), &id).await;
    audit(&api, &admin, peer, "silence.remove", &id, ended.as_ref().err());
    ended?;
    Ok(StatusCode::NO_CONTENT)
}

fn asker<'a>(admin: &'a Identity, scope: &'a Scope) -> Asker<'a> {
    Asker { user: &admin.username, scope }
}

/// Notes who has done what, or has tried to.
fn audit(api: &Api, admin: &Identity, peer: std::net::SocketAddr, action: &str, target: &str, error: Option<&Error>) {
    // An error may repeat what the request said, and that may be a secret.
    let outcome = if error.is_some() { "refused" } else { "done" };
    api.audit.add(&admin.username, action, target, outcome, peer.ip());
}

/// A page of a list: what stands behind the item that the cursor names.
fn part<T>(all: Vec<T>, id: impl Fn(&T) -> &str, asked: PageQuery) -> Outcome<Page<T>> {
    let limit = page(asked.limit, LIMIT, None)?.limit;
    let start = match asked.cursor {
        None => 0,
        Some(cursor) => {
            let place = all.iter().position(|item| id(item) == cursor);
            place.ok_or_else(|| Problem::bad_request("The cursor is not one that this route has given."))? + 1
        }
    };
    let more = all.len() > start + limit;
    let items: Vec<T> = all.into_iter().skip(start).take(limit).collect();
    let next_cursor = items.last().filter(|_| more).map(|last| id(last).to_owned());
    Ok(Page { items, next_cursor })
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(what) => Self::not_found(what),
            Error::Invalid { field, reason } => Self::bad_request(format!("`{field}`: {reason}.")),
            Error::Refused(reason) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, format!("`url`: {reason}.")),
            Error::Conflict(reason) | Error::TooMany(reason) => Self::new(StatusCode::CONFLICT, sentence(&reason)),
            Error::Busy { reason, after } => Self::too_many(sentence(&reason), after),
            Error::Failed(error) => Self::internal(&error),
        }
    }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).chain(['.']).collect()
}
