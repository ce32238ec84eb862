//! What the store is to keep of what the board knows, and what it may forget.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Board, Stage, second};
use crate::series::{Kind, SeriesName};
use crate::store::StoredService;

/// What nothing is kept of any longer.
#[derive(Debug, Default)]
pub(crate) struct Forgotten {
    /// Pipeline and service.
    pub(crate) services: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) series: Vec<Arc<SeriesName>>,
}

/// What was applied, as far as the board knows it: for a store that has lost it.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// By feed: the last epoch.
    pub(crate) feeds: Vec<(Arc<str>, u64)>,
    /// By pipeline and service.
    pub(crate) services: Vec<(Arc<str>, Arc<str>, StoredService)>,
}

impl Board {
    /// What was applied: all that is seen, without what feeds have brought since.
    pub(crate) fn kept(&self) -> Kept {
        let feeds = self.epochs.iter().map(|(feed, epoch)| (Arc::clone(feed), *epoch)).collect();
        let mut staged: HashSet<&str> = HashSet::new();
        let told: Vec<_> = self.stages.iter().flat_map(Stage::anomalies).map(|whole| &whole.anomaly).collect();
        let services = self.services.table.iter().map(|(number, entry)| {
            let (mut counts, mut anomalies) = (entry.counts, entry.anomalies);
            for stage in &self.stages {
                stage.open.count_of(number).iter().for_each(|open| counts.take_back(open));
                let sealed = stage.sealed.iter().flat_map(|part| &part.services);
                let own = sealed.filter(|delta| entry.is(&delta.pipeline, &delta.service));
                own.for_each(|delta| counts.take_back(&delta.counts));
            }
            let own = told.iter().filter(|anomaly| entry.is(&anomaly.pipeline, &anomaly.service) && anomaly.opens());
            for anomaly in own.filter(|anomaly| self.seen.has(&anomaly.id)) {
                anomalies -= u64::from(staged.insert(&anomaly.id)).min(anomalies);
            }
            (Arc::clone(&entry.pipeline), Arc::clone(&entry.service), (counts, anomalies, entry.spoke))
        });
        Kept { feeds, services: services.collect() }
    }

    /// The series of which more is known by an hour than the store has noted, and how far they are.
    pub(crate) fn take_progress(&mut self) -> Vec<(Arc<SeriesName>, i64)> {
        let known = self.series.table.iter_mut().filter(|known| known.last.saturating_sub(known.noted) >= 3600);
        let noted = known.map(|known| {
            known.noted = known.last;
            (Arc::clone(&known.name), known.last)
        });
        noted.collect()
    }

    /// Lets go of services and series of which nothing is kept any longer.
    pub(crate) fn forget_old(&mut self) -> Forgotten {
        let oldest = self.horizon.0;
        let Self { services, series, stages, watched, .. } = self;
        let used = |service, series| stages.iter().any(|stage| stage.uses(service, series));
        let old_series: Vec<u32> = series
            .table
            .iter()
            .filter(|(number, known)| known.name.kind != Kind::Count && known.last < oldest && !used(None, *number))
            .map(|(number, _)| number)
            .collect();
        let mut gone_series = Vec::new();
        for number in old_series {
            gone_series.extend(series.table.get(number).map(|known| Arc::clone(&known.name)));
            series.remove(number);
        }
        let of_series = series.table.iter().map(|(_, known)| &known.name).filter(|name| name.kind != Kind::Count);
        let of_incidents = watched.values().map(|(record, _)| &record.last);
        let needed: HashSet<u32> = of_series
            .filter_map(|name| services.find(&name.pipeline, &name.service))
            .chain(of_incidents.filter_map(|last| services.find(&last.pipeline, &last.service)))
            .collect();
        let old_services: Vec<u32> = services
            .table
            .iter()
            .filter(|(_, entry)| entry.spoke.arrived.is_none_or(|at| second(at) < oldest))
            .filter(|(number, entry)| !needed.contains(number) && !used(Some(*number), entry.history))
            .map(|(number, _)| number)
            .collect();
        let mut gone = Vec::new();
        for number in old_services {
            let Some(entry) = services.table.get(number) else { continue };
            gone.push((Arc::clone(&entry.pipeline), Arc::clone(&entry.service)));
            gone_series.extend(series.table.get(entry.history).map(|known| Arc::clone(&known.name)));
            series.remove(entry.history);
            services.table.remove(number);
        }
        Forgotten { services: gone, series: gone_series }
    }
}
