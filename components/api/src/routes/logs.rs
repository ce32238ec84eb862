//! Logs: the last of them, those that a search finds, and how many there were when.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use logd_archive::{ERROR_LEVELS, HistogramQuery, LogFilter};
use logd_sdk::Time;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ask::{Asked, moment_if, page, range, step};
use super::scope;
use crate::server::{Outcome, Viewer};
use crate::shapes::{Log, Page, epoch_millis};
use crate::state::Api;
use crate::stores::log_query;

/// Logs on a page, unless somebody wants more.
const LIMIT: usize = 20;

/// Which logs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Of this service.
    service: Option<String>,
    /// At this level, in any case.
    level: Option<String>,
    /// From this time on: RFC 3339, or before now as in `-6h`.
    from: Option<String>,
    /// Before this time.
    to: Option<String>,
    /// How many on a page; 20 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is searched for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sought {
    /// Words of the message; `"a phrase"`; `field:value`; joined by `AND`, `OR`, `NOT` and brackets.
    q: String,
    /// Of this service.
    service: Option<String>,
    /// At this level, in any case.
    level: Option<String>,
    /// From this time on: RFC 3339, or before now as in `-6h`.
    from: Option<String>,
    /// Before this time.
    to: Option<String>,
    /// How many on a page; 20 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which logs are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Counted {
    /// Those that this search finds.
    q: Option<String>,
    /// Of this service.
    service: Option<String>,
    /// At this level, in any case.
    level: Option<String>,
    /// From this time on: RFC 3339, or before now as in `-6h`.
    from: Option<String>,
    /// Before this time.
    to: Option<String>,
    /// As in `10s`; by default what makes some 100 counts.
    step: Option<String>,
}

/// How many logs there were when. All lists have the same length.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Histogram {
    /// Seconds from one count to the next.
    step: u64,
    /// Begins of the steps, in milliseconds since 1970.
    time: Vec<i64>,
    /// Logs.
    total: Vec<u64>,
    /// Those that tell of an error.
    errors: Vec<u64>,
}

impl Histogram {
    fn new(step: Duration, times: Vec<Time>, total: Vec<u64>, errors: Vec<u64>) -> Self {
        Self { step: step.as_secs(), time: times.into_iter().map(epoch_millis).collect(), total, errors }
    }
}

/// The last logs, the newest first.
#[utoipa::path(get, path = "/logs", tag = "logs", params(Which), responses((status = 200, body = Page<Log>)))]
pub(crate) async fn logs(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Asked(which): Asked<Which>,
) -> Outcome<Json<Page<Log>>> {
    let now = api.clock.now();
    let filter = LogFilter {
        from: moment_if("from", which.from.as_deref(), now)?,
        to: moment_if("to", which.to.as_deref(), now)?,
        service: which.service,
        level: which.level,
    };
    let page = page(which.limit, LIMIT, which.cursor)?;
    let scope = scope(&viewer);
    Ok(Json(match api.shared_logs(&scope) {
        None => Page::of(api.archive.logs(&scope, &filter, &page).await?, |hit| hit.log.into()),
        Some(shared) => {
            let query = log_query(None, &filter, &scope);
            Page::elsewhere(shared.page(query, page.limit, page.cursor.as_deref()).await?, Log::from)
        }
    }))
}

/// The logs that a search finds, the newest first, with what was found marked.
#[utoipa::path(get, path = "/logs/search", tag = "logs", params(Sought), responses((status = 200, body = Page<Log>)))]
pub(crate) async fn search(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Asked(sought): Asked<Sought>,
) -> Outcome<Json<Page<Log>>> {
    let now = api.clock.now();
    let filter = LogFilter {
        from: moment_if("from", sought.from.as_deref(), now)?,
        to: moment_if("to", sought.to.as_deref(), now)?,
        service: sought.service,
        level: sought.level,
    };
    let page = page(sought.limit, LIMIT, sought.cursor)?;
    let scope = scope(&viewer);
    Ok(Json(match api.shared_logs(&scope) {
        None => Page::of(api.archive.search(&scope, &sought.q, &filter, &page).await?, Log::found),
        Some(shared) => {
            let query = log_query(Some(&sought.q), &filter, &scope);
            Page::elsewhere(shared.page(query, page.limit, page.cursor.as_deref()).await?, Log::found_elsewhere)
        }
    }))
}

/// How many logs there were when, of those that are kept.
#[utoipa::path(get, path = "/logs/histogram", tag = "logs", params(Counted), responses((status = 200, body = Histogram)))]
pub(crate) async fn histogram(
    State(api): State<Arc<Api>>,
    Viewer(viewer): Viewer,
    Asked(asked): Asked<Counted>,
) -> Outcome<Json<Histogram>> {
    const COUNTS: u64 = 100;
    let (from, to) = range(asked.from.as_deref(), asked.to.as_deref(), api.clock.now())?;
    let even = || Duration::from_secs((to.since(from).as_secs() / COUNTS).max(1));
    let step = asked.step.as_deref().map(step).transpose()?.unwrap_or_else(even);
    let (query, scope) = (asked.q.filter(|query| !query.trim().is_empty()), scope(&viewer));
    if let Some(shared) = api.shared_logs(&scope) {
        let filter = LogFilter { service: asked.service, level: asked.level, ..LogFilter::default() };
        let query = log_query(query.as_deref(), &filter, &scope);
        let counted = shared.counts(query, (from, to), step, &ERROR_LEVELS).await?;
        return Ok(Json(Histogram::new(counted.step, counted.times, counted.total, counted.errors)));
    }
    let query = HistogramQuery { query, service: asked.service, level: asked.level, from, to, step };
    let counted = api.archive.histogram(&scope, &query).await?;
    Ok(Json(Histogram::new(counted.step, counted.times, counted.total, counted.errors)))
}
