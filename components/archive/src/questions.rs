//! The questions that need the disk.

use std::sync::Arc;
use std::time::Duration;

use crate::archive::{Archive, Inner, cut};
use crate::board::second;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::events::{Anomaly, WholeAnomaly};
use crate::filters::{AnomalyFilter, HistogramQuery, IncidentFilter, LogFilter, SeriesQuery};
use crate::incident::{Acted, Action, Incident, WholeIncident};
use crate::logs::{self, Histogram, Hit, Wanted};
use crate::page::{Page, PageRequest};
use crate::scope::Scope;
use crate::series::{COUNTED, ERROR_RATE, Grid, Kind, Known, LOGS, Metric, RESPONSE_TIME, Reduced, Series, SeriesName};
use crate::store::{Broken, Told};

/// What is older than this may be known by the minute only.
const ROLLED_UP: Duration = Duration::from_secs(2 * 3600);
const MINUTE: i64 = 60;

impl Archive {
    /// What is known of a service over time: `logs` and `error_rate` of each that has logs, `avg_response_time` where
    /// these had one, and what windows and detectors have told. From memory.
    #[must_use]
    pub fn metrics_of(&self, scope: &Scope, service: &str) -> Vec<Metric> {
        let counted = self.service(scope, service).map_or(Vec::new(), |service| {
            let mut counted = if service.totals.logs > 0 { vec![LOGS, ERROR_RATE] } else { Vec::new() };
            counted.extend(service.avg_response_time.map(|_| RESPONSE_TIME));
            counted
        });
        let counted = counted.into_iter().map(|name| Metric { name: name.to_owned(), source: None, detector: None });
        counted.chain(self.inner.board().metrics_of(scope, service)).collect()
    }

    /// A figure over time, with what its detector expected. What is not known is not there: a series that nobody has
    /// told of has no points.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn series(&self, scope: &Scope, query: &SeriesQuery) -> Result<Series, Error> {
        let is_counted = query.source.is_none() && [LOGS, ERROR_RATE, RESPONSE_TIME].contains(&query.metric.as_str());
        let now = self.inner.clock.now();
        let cell = match now.since(query.from) {
            age if age > ROLLED_UP => MINUTE,
            _ if is_counted => COUNTED,
            _ => 1,
        };
        let grid = Grid::of_series(query.from, query.to, query.step).of_cells(cell);
        let (values, band) = self.inner.series_of(scope, query, is_counted);
        let source = values.first().and_then(|(_, name)| name.source());
        let judges = band.first().and_then(|(_, name)| name.source());
        let (of_values, of_band) = (values, band);
        let reduced =
            self.inner.on_store(move |inner| Ok((inner.reduce(&of_values, grid)?, inner.reduce(&of_band, grid)?)));
        let (values, band) = reduced.await?;
        let points = if is_counted {
            values.counted(&query.metric, values.known(), second(now))
        } else {
            values.with_band(&band)
        };
        let source = source.or_else(|| judges.clone());
        Ok(Series { step: grid.step(), source, detector: judges, points })
    }

    /// Anomalies, by time and id, the latest first.
    ///
    /// # Errors
    /// The cursor is of no use, or the disk fails.
    pub async fn anomalies(
        &self,
        scope: &Scope,
        filter: &AnomalyFilter,
        page: &PageRequest,
    ) -> Result<Page<Anomaly>, Error> {
        let after = match page.cursor.as_deref().map(Cursor::decode).transpose()? {
            Some(Cursor::Anomaly(time, id)) => Some((time, id)),
            Some(_) => return Err(Error::Cursor),
            None => None,
        };
        let (scope, filter, limit) = (scope.clone(), filter.clone(), page.items());
        let wanted =
            move |anomaly: &Anomaly| scope.allows(&anomaly.pipeline, &anomaly.service) && filter.wants(anomaly);
        let found = self.inner.told(move |told| {
            let after = after.as_ref().map(|(time, id)| (*time, id.as_str()));
            told.anomalies(after, limit + 1, wanted)
        });
        cut(found.await?, limit, |last| Cursor::Anomaly(last.time, last.id.clone()).encode())
    }

    /// An anomaly, with all that its detector said.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn anomaly(&self, scope: &Scope, id: &str) -> Result<Option<WholeAnomaly>, Error> {
        let id = id.to_owned();
        let found = self.inner.told(move |told| told.anomaly(&id)).await?;
        let found = found.filter(|whole| scope.allows(&whole.anomaly.pipeline, &whole.anomaly.service));
        Ok(found.map(|whole| whole.seen_by(scope)))
    }

    /// Incidents, by opening and id, the latest first.
    ///
    /// # Errors
    /// The cursor is of no use, or the disk fails.
    pub async fn incidents(
        &self,
        scope: &Scope,
        filter: &IncidentFilter,
        page: &PageRequest,
    ) -> Result<Page<Incident>, Error> {
        let after = match page.cursor.as_deref().map(Cursor::decode).transpose()? {
            Some(Cursor::Incident(time, id)) => Some((time, id)),
            Some(_) => return Err(Error::Cursor),
            None => None,
        };
        let (scope, filter, limit) = (scope.clone(), filter.clone(), page.items());
        let wanted =
            move |incident: &Incident| scope.allows(&incident.pipeline, &incident.service) && filter.wants(incident);
        let found = self.inner.told(move |told| {
            let after = after.as_ref().map(|(time, id)| (*time, id.as_str()));
            told.incidents(after, limit + 1, wanted)
        });
        cut(found.await?, limit, |last| Cursor::Incident(last.opened_at, last.id.clone()).encode())
    }

    /// An incident, with its anomalies.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn incident(&self, scope: &Scope, id: &str) -> Result<Option<WholeIncident>, Error> {
        let id = id.to_owned();
        let found = self.inner.told(move |told| {
            let Some((record, actions)) = told.incident(&id)? else { return Ok(None) };
            let anomalies = record.anomalies.iter().filter_map(|id| told.anomaly(id).transpose());
            let anomalies = anomalies.collect::<Result<_, _>>()?;
            Ok(Some(WholeIncident { incident: record.with(&actions), anomalies }))
        });
        let found = found.await?.filter(|whole| scope.allows(&whole.incident.pipeline, &whole.incident.service));
        Ok(found.map(|WholeIncident { incident, anomalies }| WholeIncident {
            incident,
            anomalies: anomalies.into_iter().map(|whole| whole.seen_by(scope)).collect(),
        }))
    }

    /// Notes that somebody is on an incident, and returns it; `None` if there is none. One that is resolved stays as it
    /// is. How long a note may be, is for who takes it.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn acknowledge(
        &self,
        scope: &Scope,
        id: &str,
        who: &str,
        note: Option<&str>,
    ) -> Result<Option<Incident>, Error> {
        self.act(scope, id, Action::Acknowledge, who, note).await
    }

    /// Notes that an incident is over, until its detector tells that it has become worse, and returns it; `None` if there
    /// is none. One that is resolved stays as it is.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn resolve(
        &self,
        scope: &Scope,
        id: &str,
        who: &str,
        note: Option<&str>,
    ) -> Result<Option<Incident>, Error> {
        self.act(scope, id, Action::Resolve, who, note).await
    }

    async fn act(
        &self,
        scope: &Scope,
        id: &str,
        action: Action,
        who: &str,
        note: Option<&str>,
    ) -> Result<Option<Incident>, Error> {
        let wanted = id.to_owned();
        let Some((record, _)) = self.inner.told(move |told| told.incident(&wanted)).await? else { return Ok(None) };
        if !scope.allows(&record.last.pipeline, &record.last.service) {
            return Ok(None);
        }
        let acted = Acted { who: who.to_owned(), at: self.inner.clock.now(), note: note.map(str::to_owned) };
        let kept = self.inner.on_store(move |inner| {
            let actions =
                inner.store.act(&record, action, acted, |actions| inner.board().act(record.incident_id(), actions))?;
            Ok(record.with(&actions))
        });
        Ok(Some(kept.await?))
    }

    /// Logs, in the order of a search: see [`search`](Self::search).
    ///
    /// # Errors
    /// The cursor is of no use, or it takes too long.
    pub async fn logs(&self, scope: &Scope, filter: &LogFilter, page: &PageRequest) -> Result<Page<Hit>, Error> {
        self.page(Wanted::new(scope, filter, None)?, page).await
    }

    /// Logs that a query finds: words of the message, `"a phrase"`, `member:value` of the event, `service:`, `level:`,
    /// `pipeline:`, `id:`; joined by `AND`, `OR`, `NOT`, `+`, `-` and brackets; words that just stand side by side must
    /// all be there.
    ///
    /// The latest first: by the hour in which they came, within it (or a part of it, where an hour has many) by event
    /// time, and those of one time by when they were indexed. A cursor stays good while logs come and go.
    ///
    /// # Errors
    /// The query can't be read, the cursor is of no use, or it takes too long.
    pub async fn search(
        &self,
        scope: &Scope,
        query: &str,
        filter: &LogFilter,
        page: &PageRequest,
    ) -> Result<Page<Hit>, Error> {
        self.page(Wanted::new(scope, filter, Some(query))?, page).await
    }

    async fn page(&self, wanted: Wanted, page: &PageRequest) -> Result<Page<Hit>, Error> {
        let page = page.clone();
        self.inner.search(wanted, move |logs, wanted, go_on| logs.page(wanted, &page, go_on)).await
    }

    /// How many logs there were when, and how many of them were errors. Indexed ones only: for all, ask for the series of
    /// `logs`.
    ///
    /// # Errors
    /// The query can't be read, or it takes too long.
    pub async fn histogram(&self, scope: &Scope, query: &HistogramQuery) -> Result<Histogram, Error> {
        let grid = logs::grid(query.from, query.to, query.step);
        let (from, to) = (Some(query.from), Some(query.to));
        let filter = LogFilter { service: query.service.clone(), level: query.level.clone(), from, to };
        let wanted = Wanted::new(scope, &filter, query.query.as_deref())?;
        self.inner.search(wanted, move |logs, wanted, go_on| logs.histogram(wanted, &grid, go_on)).await
    }
}

/// Series, by their numbers on the board.
type Named = Vec<(u32, Arc<SeriesName>)>;

impl Inner {
    /// Asks for anomalies and incidents: those of the store, and those that feeds have told since.
    async fn told<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Told) -> Result<T, Broken> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.on_store(move |inner| {
            let (read, staged) = inner.store.read(|| inner.board().staged_anomalies())?;
            question(&Told::new(read, staged))
        })
        .await
    }

    /// The series that hold the values, and those that hold the band.
    fn series_of(&self, scope: &Scope, query: &SeriesQuery, is_counted: bool) -> (Named, Named) {
        let board = self.board();
        let known: Vec<_> = board.series.of(scope, &query.service).collect();
        let of = |kind| known.iter().filter(move |(_, known)| known.name.kind == kind);
        let named = |(number, known): &(u32, &Known)| (*number, Arc::clone(&known.name));
        if is_counted {
            return (of(Kind::Count).map(named).collect(), Vec::new());
        }
        let latest = |kind, source: Option<&str>| {
            let same = of(kind).filter(|(_, known)| known.name.metric == query.metric);
            let same = same.filter(|(_, known)| source.is_none() || known.name.source().as_deref() == source);
            same.max_by_key(|(_, known)| (known.last, &known.name)).map(named)
        };
        let source = query.source.as_deref();
        let values = latest(Kind::Point, source);
        // Without a window of that name, the source is the detector.
        let band = latest(Kind::Score, source.filter(|_| values.is_none()));
        (values.into_iter().collect(), band.into_iter().collect())
    }

    /// The cells of series by the stretches of a grid: those of the store, and those that feeds have brought since.
    fn reduce(&self, series: &Named, grid: Grid) -> Result<Reduced, Broken> {
        let mut reduced = Reduced::new(grid);
        let (read, ()) = self.store.read(|| {
            let board = self.board();
            for (number, _) in series {
                board.staged_cells(*number, |second, cell| reduced.add(second, cell));
            }
        })?;
        for (_, name) in series {
            self.store.cells(&read, name, &grid, |second, cell| reduced.add(second, cell))?;
        }
        Ok(reduced)
    }
}
