//! Numbers: of all, of each service, and in the course of time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use logd_archive::{AnomalyFilter, PageRequest, Scope, SeriesPoint, SeriesQuery};
use logd_sdk::shared_stores;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ask::{Asked, Named, range, step};
use super::scope;
use crate::audit::millis;
use crate::server::{Outcome, Problem, Viewer};
use crate::shapes::{Page, epoch_millis};
use crate::state::Api;
use crate::units::unit_of;
use crate::words::{AnomalyState, Severity};

/// So many anomalies are marked on a chart.
const MARKED: usize = 500;

/// All logs in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Metrics {
    /// Logs since counting has begun.
    total_logs: u64,
    /// Those that tell of an error.
    error_logs: u64,
    /// Their share, in percent.
    error_rate: f64,
    /// Incidents that were opened.
    anomalies_detected: u64,
    /// Those that are not over.
    open_incidents: u64,
    /// Logs a second, over the last minute.
    throughput: f64,
    /// Logs that can be searched.
    indexed_logs: u64,
    /// Logs that were counted and not kept, for there were too many.
    left_out_logs: u64,
    /// How far the newest log is behind the clock, in seconds.
    #[schema(required = true)]
    lag_seconds: Option<f64>,
    /// The time of the newest log.
    #[schema(format = "date-time", required = true)]
    last_update: Option<String>,
}

/// A service in figures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Service {
    /// Its name.
    service_name: String,
    /// Its logs since counting has begun.
    total_logs: u64,
    /// Those that tell of an error.
    error_logs: u64,
    /// How long it took to answer, in milliseconds.
    #[schema(required = true)]
    avg_response_time: Option<f64>,
    /// The share of errors, in percent.
    error_rate: f64,
    /// Logs a second, over the last minute.
    throughput: f64,
    /// `alarm` while an incident of it is open, else `ok`.
    state: &'static str,
    /// Incidents that are not over.
    open_incidents: u64,
    /// The time of its newest log.
    #[schema(format = "date-time", required = true)]
    last_seen: Option<String>,
}

/// A service, and what there are charts of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeService {
    /// Its figures.
    #[serde(flatten)]
    service: Service,
    /// What there are charts of.
    metrics: Vec<Metric>,
}

/// Something that there is a chart of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Metric {
    /// Its name.
    name: String,
    /// The component that makes it.
    #[schema(required = true)]
    source: Option<String>,
    /// The detector that judges it.
    #[schema(required = true)]
    detector: Option<String>,
    /// `ms`, `s`, `ratio`, `percent`, `per_second` or `bytes`; null for a bare number.
    #[schema(required = true)]
    unit: Option<&'static str>,
}

/// A metric in the course of time. All lists have the same length; null is a gap.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Series {
    /// Whose it is.
    service: String,
    /// What it is.
    metric: String,
    /// `ms`, `s`, `ratio`, `percent`, `per_second` or `bytes`; null for a bare number.
    #[schema(required = true)]
    unit: Option<&'static str>,
    /// Seconds from one value to the next.
    step: u64,
    /// Begins of the steps, in milliseconds since 1970.
    time: Vec<i64>,
    /// Mean values.
    value: Vec<Option<f64>>,
    /// Least values.
    min: Vec<Option<f64>>,
    /// Greatest values.
    max: Vec<Option<f64>>,
    /// What a detector expected.
    #[schema(required = true)]
    expected: Option<Vec<Option<f64>>>,
    /// The lower end of what it holds for usual.
    #[schema(required = true)]
    lower: Option<Vec<Option<f64>>>,
    /// The upper end.
    #[schema(required = true)]
    upper: Option<Vec<Option<f64>>>,
    /// Anomalies of this metric.
    anomalies: Vec<Mark>,
}

/// An anomaly on a chart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Mark {
    id: String,
    incident_id: String,
    /// Milliseconds since 1970.
    time: i64,
    r#type: String,
    severity: Severity,
    state: AnomalyState,
    value: f64,
}

/// Which series.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeriesAsked {
    /// A metric of the service; also `logs` (a second), `error_rate` (percent) and `avg_response_time` (ms), which are counted of every service.
    metric: String,
    /// The component that makes it, if several do.
    source: Option<String>,
    /// RFC 3339, or before now as in `-15m`.
    from: Option<String>,
    /// RFC 3339, or `now`.
    to: Option<String>,
    /// As in `10s`; by default what makes some 300 values.
    step: Option<String>,
}

/// All logs in figures.
#[utoipa::path(get, path = "/metrics", tag = "figures", responses((status = 200, body = Metrics)))]
pub(crate) async fn metrics(State(api): State<Arc<Api>>, Viewer(viewer): Viewer) -> Outcome<Json<Metrics>> {
    totals(&api, &scope(&viewer)).await.map(Json)
}

/// The figures of all that a scope allows to see.
pub(crate) async fn totals(api: &Api, scope: &Scope) -> Outcome<Metrics> {
    let mut totals = api.archive.totals(scope);
    if let Some(shared) = api.shared_figures(scope) {
        let shared = shared.totals(scope.services.as_ref()).await?;
        (totals.logs, totals.errors) = (shared.logs, shared.errors);
        totals.anomalies = shared.anomalies.unwrap_or(totals.anomalies);
        totals.last_event = shared.last_update.or(totals.last_event);
    }
    let now = api.clock.now();
    Ok(Metrics {
        total_logs: totals.logs,
        error_logs: totals.errors,
        error_rate: totals.error_rate(),
        anomalies_detected: totals.anomalies,
        open_incidents: totals.open_incidents,
        throughput: totals.throughput,
        indexed_logs: totals.indexed,
        left_out_logs: totals.left_out,
        lag_seconds: totals.last_event.map(|last| now.since(last).as_secs_f64()),
        last_update: totals.last_event.map(millis),
    })
}

/// All services, in the order of their names.
#[utoipa::path(get, path = "/services", tag = "figures", responses((status = 200, body = Page<Service>)))]
pub(crate) async fn services(State(api): State<Arc<Api>>, Viewer(viewer): Viewer) -> Outcome<Json<Page<Service>>> {
    let scope = scope(&viewer);
    let services = api.archive.services(&scope);
    let services = counted(&api, &scope, services, scope.services.as_ref()).await?;
    Ok(Json(Page::whole(services.into_iter().map(Service::from).collect())))
}

/// Services that the archive knows, with what several daemons have counted of those that are `wanted`, and with those that
/// only others know.
async fn counted(
    api: &Api,
    scope: &Scope,
    known: Vec<logd_archive::Service>,
    wanted: Option<&BTreeSet<String>>,
) -> Outcome<Vec<logd_archive::Service>> {
    let Some(shared) = api.shared_figures(scope) else { return Ok(known) };
    let mut services: BTreeMap<_, _> = known.into_iter().map(|service| (service.name.clone(), service)).collect();
    for shared_stores::Service { name, logs, errors, avg_response_time } in shared.services(wanted).await? {
        let service = services.entry(name.clone()).or_default();
        (service.totals.logs, service.totals.errors) = (logs, errors);
        (service.name, service.avg_response_time) = (name, avg_response_time);
    }
    Ok(services.into_values().collect())
}

/// A service, and what there are charts of.
#[utoipa::path(get, path = "/services/{name}", tag = "figures", params(("name" = String, Path, description = "The service.")),
    responses((status = 200, body = WholeService), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn service(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Named(name): Named,
) -> Outcome<Json<WholeService>> {
    let scope = scope(&viewer);
    let known = api.archive.service(&scope, &name).into_iter().collect();
    let wanted = scope.allows_service(&name).then(|| name.clone()).into_iter().collect();
    let service = counted(&api, &scope, known, Some(&wanted)).await?.pop();
    let service = service.ok_or_else(|| Problem::not_found("service"))?;
    let metrics = shown(api.archive.metrics_of(&scope, &name)).into_iter().map(|one| Metric {
        unit: unit_of(&one.name, one.source.as_deref()),
        name: one.name,
        source: one.source,
        detector: one.detector,
    });
    Ok(Json(WholeService { service: service.into(), metrics: metrics.collect() }))
}

/// A metric of a service in the course of time, with what detectors expected and found.
#[utoipa::path(get, path = "/services/{name}/series", tag = "figures",
    params(("name" = String, Path, description = "The service."), SeriesAsked),
    responses((status = 200, body = Series), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn series(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Named(service): Named,
    Asked(asked): Asked<SeriesAsked>,
) -> Outcome<Json<Series>> {
    const VALUES: u64 = 300;
    let scope = scope(&viewer);
    let (from, to) = range(asked.from.as_deref(), asked.to.as_deref(), api.clock.now())?;
    let even = || std::time::Duration::from_secs((to.since(from).as_secs() / VALUES).max(1));
    let step = asked.step.as_deref().map(step).transpose()?.unwrap_or_else(even);
    let listed = || shown(api.archive.metrics_of(&scope, &service)).into_iter().find(|one| one.name == asked.metric);
    let query = SeriesQuery {
        source: asked.source.clone().or_else(|| listed()?.source),
        service: service.clone(),
        metric: asked.metric.clone(),
        from,
        to,
        step,
    };
    let found = api.archive.series(&scope, &query).await?;
    let filter =
        AnomalyFilter { service: Some(service.clone()), from: Some(from), to: Some(to), ..AnomalyFilter::default() };
    let anomalies = api.archive.anomalies(&scope, &filter, &PageRequest::first(MARKED)).await?;
    let metric = asked.metric;
    let mine = anomalies.items.into_iter().filter(|anomaly| anomaly.field.as_deref() == Some(&metric));
    let mark = |anomaly: logd_archive::Anomaly| Mark {
        time: epoch_millis(anomaly.time),
        severity: anomaly.severity.into(),
        state: anomaly.state.into(),
        id: anomaly.id,
        incident_id: anomaly.incident_id,
        r#type: anomaly.r#type,
        value: anomaly.value,
    };
    let each = |figure: fn(&SeriesPoint) -> Option<f64>| found.points.iter().map(figure).collect::<Vec<_>>();
    let band = |values: Vec<Option<f64>>| values.iter().any(Option::is_some).then_some(values);
    let anomalies = mine.map(mark).collect();
    Ok(Json(Series {
        service,
        unit: unit_of(&metric, query.source.as_deref()),
        metric,
        step: found.step.as_secs(),
        time: found.points.iter().map(|point| epoch_millis(point.time)).collect(),
        value: each(|point| point.value),
        min: each(|point| point.min),
        max: each(|point| point.max),
        expected: band(each(|point| point.expected)),
        lower: band(each(|point| point.lower)),
        upper: band(each(|point| point.upper)),
        anomalies,
    }))
}

/// The metrics of a service. What a window makes takes the place of what is counted under the same name: a detector judges
/// that one.
fn shown(mut metrics: Vec<logd_archive::Metric>) -> Vec<logd_archive::Metric> {
    let made: Vec<String> = metrics.iter().filter(|one| one.source.is_some()).map(|one| one.name.clone()).collect();
    metrics.retain(|one| one.source.is_some() || !made.contains(&one.name));
    metrics
}

impl From<logd_archive::Service> for Service {
    fn from(service: logd_archive::Service) -> Self {
        Self {
            total_logs: service.totals.logs,
            error_logs: service.totals.errors,
            avg_response_time: service.avg_response_time,
            error_rate: service.totals.error_rate(),
            throughput: service.totals.throughput,
            state: if service.totals.open_incidents > 0 { "alarm" } else { "ok" },
            open_incidents: service.totals.open_incidents,
            last_seen: service.totals.last_event.map(millis),
            service_name: service.name,
        }
    }
}
