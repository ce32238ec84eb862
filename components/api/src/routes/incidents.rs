//! Anomalies and incidents.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use logd_archive::{AnomalyFilter, IncidentFilter};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::ask::{Asked, Given, Named, moment_if, page};
use super::scope;
use crate::server::{Admin, Outcome, Peer, Problem, Viewer};
use crate::shapes::{Anomaly, Incident, Page, WholeAnomaly, WholeIncident};
use crate::state::Api;
use crate::webhooks::Change;
use crate::words::{AnomalyState, IncidentState, Severity};

/// Anomalies on a page, unless somebody wants more.
const LIMIT: usize = 10;

/// Which anomalies.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichAnomalies {
    /// Of this service.
    service: Option<String>,
    /// Of this type, such as `high_latency`.
    r#type: Option<String>,
    /// That say this of their incident.
    state: Option<AnomalyState>,
    /// This bad.
    severity: Option<Severity>,
    /// From this time on: RFC 3339, or before now as in `-6h`.
    from: Option<String>,
    /// Before this time.
    to: Option<String>,
    /// How many on a page; 10 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichIncidents {
    /// Of this service.
    service: Option<String>,
    /// Of this type, such as `high_latency`.
    r#type: Option<String>,
    /// That stand so.
    state: Option<IncidentState>,
    /// This bad.
    severity: Option<Severity>,
    /// That were not over before this time: RFC 3339, or before now as in `-6h`.
    from: Option<String>,
    /// That began before this time.
    to: Option<String>,
    /// How many on a page; 10 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a person wants to say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Note {
    /// In a few words.
    #[schema(max_length = 1000)]
    note: Option<String>,
}

/// What detectors have told, the newest first.
#[utoipa::path(get, path = "/anomalies", tag = "incidents", params(WhichAnomalies), responses((status = 200, body = Page<Anomaly>)))]
pub(crate) async fn anomalies(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Asked(which): Asked<WhichAnomalies>,
) -> Outcome<Json<Page<Anomaly>>> {
    let now = api.clock.now();
    let filter = AnomalyFilter {
        state: which.state.map(Into::into),
        severity: which.severity.map(Into::into),
        from: moment_if("from", which.from.as_deref(), now)?,
        to: moment_if("to", which.to.as_deref(), now)?,
        service: which.service,
        r#type: which.r#type,
    };
    let page = page(which.limit, LIMIT, which.cursor)?;
    Ok(Json(Page::of(api.archive.anomalies(&scope(&viewer), &filter, &page).await?, Anomaly::from)))
}

/// All that a detector has told of one anomaly.
#[utoipa::path(get, path = "/anomalies/{id}", tag = "incidents", params(("id" = String, Path, description = "The anomaly.")),
    responses((status = 200, body = WholeAnomaly), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn anomaly(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Named(id): Named,
) -> Outcome<Json<WholeAnomaly>> {
    let anomaly = api.archive.anomaly(&scope(&viewer), &id).await?;
    anomaly.map(|anomaly| Json(anomaly.into())).ok_or_else(|| Problem::not_found("anomaly"))
}

/// Incidents, those that began last first.
#[utoipa::path(get, path = "/incidents", tag = "incidents", params(WhichIncidents), responses((status = 200, body = Page<Incident>)))]
pub(crate) async fn incidents(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Asked(which): Asked<WhichIncidents>,
) -> Outcome<Json<Page<Incident>>> {
    let now = api.clock.now();
    let filter = IncidentFilter {
        state: which.state.map(Into::into),
        severity: which.severity.map(Into::into),
        from: moment_if("from", which.from.as_deref(), now)?,
        to: moment_if("to", which.to.as_deref(), now)?,
        service: which.service,
        r#type: which.r#type,
    };
    let page = page(which.limit, LIMIT, which.cursor)?;
    let found = api.archive.incidents(&scope(&viewer), &filter, &page).await?;
    Ok(Json(Page::of(found, |incident| shown(&api, incident))))
}

/// An incident with all its anomalies.
#[utoipa::path(get, path = "/incidents/{id}", tag = "incidents", params(("id" = String, Path, description = "The incident.")),
    responses((status = 200, body = WholeIncident), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn incident(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Named(id): Named,
) -> Outcome<Json<WholeIncident>> {
    let whole = api.archive.incident(&scope(&viewer), &id).await?.ok_or_else(|| Problem::not_found("incident"))?;
    let related = whole.related().into_iter().map(Into::into).collect();
    let anomalies = whole.anomalies.into_iter().map(WholeAnomaly::from).collect();
    Ok(Json(WholeIncident { incident: shown(&api, whole.incident), related, anomalies }))
}

/// Says that somebody is on it.
#[utoipa::path(post, path = "/incidents/{id}/ack", tag = "incidents", params(("id" = String, Path, description = "The incident.")),
    request_body = Option<Note>, responses((status = 200, body = Incident), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn acknowledge(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Peer(peer): Peer,
    Named(id): Named,
    Given(given): Given<Option<Note>>,
) -> Outcome<Json<Incident>> {
    let note = note(given.unwrap_or_default())?;
    let incident = api.archive.acknowledge(&scope(&viewer), &id, &viewer.username, note.as_deref()).await?;
    let incident = incident.ok_or_else(|| Problem::not_found("incident"))?;
    api.audit.add(&viewer.username, "incident.ack", &id, "done", peer.ip());
    Ok(Json(shown(&api, incident)))
}

/// Says that it is over. If it gets worse all the same, it is open again.
#[utoipa::path(post, path = "/incidents/{id}/resolve", tag = "incidents", params(("id" = String, Path, description = "The incident.")),
    request_body = Option<Note>, responses((status = 200, body = Incident), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn resolve(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
    Named(id): Named,
    Given(given): Given<Option<Note>>,
) -> Outcome<Json<Incident>> {
    let note = note(given.unwrap_or_default())?;
    let incident = api.archive.resolve(&scope(&admin), &id, &admin.username, note.as_deref()).await?;
    let incident = incident.ok_or_else(|| Problem::not_found("incident"))?;
    api.alerts.take(vec![Change::resolved(&incident)]).await?;
    api.audit.add(&admin.username, "incident.resolve", &id, "done", peer.ip());
    Ok(Json(shown(&api, incident)))
}

fn note(Note { note }: Note) -> Outcome<Option<String>> {
    const LONGEST: usize = 1000;
    match note {
        Some(note) if note.chars().count() > LONGEST => {
            Err(Problem::bad_request(format!("`note` has more than {LONGEST} characters.")))
        }
        note => Ok(note.filter(|note| !note.trim().is_empty())),
    }
}

fn shown(api: &Api, incident: logd_archive::Incident) -> Incident {
    let silenced = api.webhooks.is_silenced(&incident.service, &incident.r#type, &incident.pipeline);
    Incident::new(incident, silenced)
}
