//! Logs that several daemons have written, read back for the API of each.
//!
//! ```text
//! question ─► a search's body (query) ─► a node that lives ─► hits (hits) ─► a page, and where it ended (cursor)
//! ```
//!
//! What the one who asks may see is a filter beside whatever is searched for: a query can only ask for less. It needs a
//! field that holds a service's name as it is, and not its words; which one that is, the index says ([`exact`]).

mod cursor;
mod exact;
mod grid;
mod hits;
mod query;
mod settings;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use elasticsearch::http::Method;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use logd_sdk::Time;
use logd_sdk::shared_stores::{Error, LogCounts, LogPage, LogQuery, SharedLogs};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use self::cursor::Cursor;
use self::grid::Grid;
use self::query::Search;
use self::settings::Fields;
pub use self::settings::LogsSettings;
use crate::answer;
use crate::nodes::{Body, Nodes};
use crate::retention::escaped;

/// How long Elasticsearch may search, in seconds.
const LONGEST_SEARCH: u64 = 10;
/// How long a request may take, from choosing a node to the end of the answer.
const DEADLINE: Duration = Duration::from_secs(LONGEST_SEARCH + 5);
/// How long it is taken for granted by which field a service is found.
const REMEMBERED: Duration = Duration::from_secs(60);
/// No page has more logs.
const MAX_LIMIT: usize = 1000;
/// What is not there yet has no logs; what can't be searched as a whole is not searched.
const INDICES: &str = "ignore_unavailable=true&allow_no_indices=true&expand_wildcards=open";

/// Reads logs out of Elasticsearch.
pub(crate) struct LogsReader {
    nodes: Nodes,
    /// As it stands in a path.
    index: String,
    fields: Fields,
    /// The field by which a service is found, and when that was said.
    service: Mutex<Option<(Instant, String)>>,
}

impl fmt::Debug for LogsReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LogsReader")
    }
}

impl LogsReader {
    /// Reads what these nodes have in `index`.
    pub(crate) fn new(nodes: Nodes, index: &str, fields: Fields) -> Self {
        Self { nodes, index: escaped(index), fields, service: Mutex::default() }
    }

    async fn read_page(&self, query: LogQuery<'_>, limit: usize, cursor: Option<&str>) -> Result<LogPage, Error> {
        let behind = cursor.map(Cursor::decode).transpose()?;
        if query.allowed.is_some_and(BTreeSet::is_empty) {
            return Ok(LogPage { logs: Vec::new(), next: None });
        }
        let (limit, seen) = (limit.clamp(1, MAX_LIMIT), behind.as_ref().map_or(0, Cursor::seen));
        // One more than is shown, to know whether there is more; and those that were shown before.
        let body = self.search(query).await?.page(limit + 1 + seen, behind.as_ref());
        let answer = self.ask_search(&body, query.text.is_some()).await?;
        hits::page(&answer, limit, behind.as_ref(), &self.fields, query.allowed)
    }

    async fn read_counts(
        &self,
        query: LogQuery<'_>,
        (from, to): (Time, Time),
        step: Duration,
        errors: &[&str],
    ) -> Result<LogCounts, Error> {
        let (grid, query) = (Grid::new(from, to, step), LogQuery { from: Some(from), to: Some(to), ..query });
        if query.allowed.is_some_and(BTreeSet::is_empty) {
            return Ok(grid.nothing());
        }
        let body = self.search(query).await?.counts(grid.step(), errors);
        let answer = self.ask_search(&body, query.text.is_some()).await?;
        hits::counts(&answer, &grid)
    }

    /// What is searched for.
    async fn search<'q>(&'q self, query: LogQuery<'q>) -> Result<Search<'q>, Error> {
        let service = match query.allowed.is_some() || query.service.is_some() {
            true => self.service().await?,
            false => self.fields.service.clone(),
        };
        Search::new(&self.fields, service, query)
    }

    /// The field by which a service is found by its name.
    async fn service(&self) -> Result<String, Error> {
        if let Some((since, field)) = &*self.service.lock().unwrap_or_else(PoisonError::into_inner)
            && since.elapsed() < REMEMBERED
        {
            return Ok(field.clone());
        }
        let name = &self.fields.service;
        let path = format!("{}/_field_caps?fields={name},{name}.keyword&{INDICES}", self.index);
        let answer = self.ask(Method::Get, &path, None, false).await?;
        let Some(field) = exact::field(name, &answer)? else { return Ok(name.clone()) };
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), field.clone()));
        Ok(field)
    }

    async fn ask_search(&self, body: &Value, has_text: bool) -> Result<Bytes, Error> {
        let path = format!("{}/_search?{INDICES}&allow_partial_search_results=false", self.index);
        let body = serde_json::to_vec(body).context("a search can't be written")?;
        self.ask(Method::Post, &path, Some(Body::Json(body.into())), has_text).await
    }

    /// Asks a node. If the request `has_text` that somebody has written, this is what is wrong with a bad one.
    async fn ask(&self, method: Method, path: &str, body: Option<Body>, has_text: bool) -> Result<Bytes, Error> {
        let away = |reason: String, after| Error::Away { reason, after };
        let Ok(sent) = timeout(DEADLINE, self.nodes.send(method, path, body)).await else {
            return Err(away(format!("Elasticsearch has not answered within {DEADLINE:?}"), None));
        };
        let reply = sent.map_err(|error| away(format!("Elasticsearch can't be reached: {error:#}"), None))?;
        match reply.status.as_u16() {
            200..300 => Ok(reply.body),
            400 if has_text => {
                let reason = answer::search_reason(&reply.body);
                Err(Error::Query(reason.unwrap_or_else(|| "Elasticsearch can't read it".to_owned())))
            }
            401 | 403 | 408 | 429 | 500.. => Err(away(format!("Elasticsearch: {}", reply.reason()), reply.retry_after)),
            _ => Err(anyhow!("Elasticsearch does not take a request: {}", reply.reason()).into()),
        }
    }
}

impl SharedLogs for LogsReader {
    fn page<'q>(
        &'q self,
        query: LogQuery<'q>,
        limit: usize,
        cursor: Option<&'q str>,
    ) -> BoxFuture<'q, Result<LogPage, Error>> {
        self.read_page(query, limit, cursor).boxed()
    }

    fn counts<'q>(
        &'q self,
        query: LogQuery<'q>,
        range: (Time, Time),
        step: Duration,
        errors: &'q [&'q str],
    ) -> BoxFuture<'q, Result<LogCounts, Error>> {
        self.read_counts(query, range, step, errors).boxed()
    }
}

#[cfg(test)]
mod tests;
