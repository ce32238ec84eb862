//! Which series there are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::board::Table;
use crate::scope::Scope;

/// So many series of points, and of scores, are kept; what more there is, is left out and counted. The history of
/// counters comes on top: one series a service.
pub const MAX_SERIES: usize = 20_000;
/// A metric or component with a longer name, in bytes, has no series.
const MAX_NAME: usize = 256;

/// A metric that a service has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// The component that makes it, as `pipeline/name`; `None` for what is counted of every service. A metric of which
    /// only a detector has told has the detector as its source.
    pub source: Option<String>,
    /// The detector that judges it, as `pipeline/name`.
    pub detector: Option<String>,
}

/// What the cells of a series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Counts of logs.
    Count,
    /// Values of a window.
    Point,
    /// Scores of a detector.
    Score,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Point => "point",
            Self::Score => "score",
        }
    }
}

/// What names a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct SeriesName {
    pub(crate) kind: Kind,
    pub(crate) pipeline: String,
    /// The component's name in the pipeline; empty for counts.
    pub(crate) component: String,
    pub(crate) service: String,
    /// Empty for counts.
    pub(crate) metric: String,
}

impl SeriesName {
    fn is(&self, kind: Kind, [pipeline, component, service, metric]: [&str; 4]) -> bool {
        self.kind == kind
            && self.service == service
            && self.metric == metric
            && self.component == component
            && self.pipeline == pipeline
    }

    /// The component that makes it.
    pub(crate) fn source(&self) -> Option<String> {
        (self.kind != Kind::Count).then(|| format!("{}/{}", self.pipeline, self.component))
    }
}

/// A series that is known.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) name: Arc<SeriesName>,
    /// The latest second of which something is known.
    pub(crate) last: i64,
    /// What of that the store knows.
    pub(crate) noted: i64,
}

/// The series that are known.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) table: Table<Known>,
    /// How many are no counts.
    pub(crate) points: usize,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { table: Table::new(), points: 0 }
    }

    /// The number of a series, which is made known if there is room.
    pub(crate) fn number(&mut self, kind: Kind, name: [&str; 4]) -> Option<u32> {
        let [pipeline, component, service, metric] = name;
        let hash = self.table.hash(&[kind.name(), pipeline, component, service, metric]);
        if let Some(number) = self.table.find(hash, |known| known.name.is(kind, name)) {
            return Some(number);
        }
        if kind != Kind::Count {
            let is_long = component.len() > MAX_NAME || metric.len() > MAX_NAME;
            if self.points >= MAX_SERIES || is_long {
                return None;
            }
            self.points += 1;
        }
        let [pipeline, component, service, metric] = name.map(str::to_owned);
        let name = Arc::new(SeriesName { kind, pipeline, component, service, metric });
        Some(self.table.insert(hash, Known { name, last: i64::MIN, noted: i64::MIN }))
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let Some(known) = self.table.get(number) else { return };
        self.points -= usize::from(known.name.kind != Kind::Count);
        self.table.remove(number);
    }

    /// The series of a service that a user may see.
    pub(crate) fn of<'n>(&'n self, scope: &'n Scope, service: &'n str) -> impl Iterator<Item = (u32, &'n Known)> {
        let within = move |known: &Known| known.name.service == service && scope.allows(&known.name.pipeline, service);
        self.table.iter().filter(move |(_, known)| within(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut names = Names::new();
        for number in 0..MAX_SERIES {
            assert!(names.number(Kind::Point, ["p", "w", "web", &number.to_string()]).is_some());
        }
        assert_eq!(names.number(Kind::Point, ["p", "w", "web", "one more"]), None);
        assert_eq!(names.number(Kind::Point, ["p", "w", "web", "7"]), Some(7));
        assert!(names.number(Kind::Count, ["p", "", "web", ""]).is_some());
        names.remove(7);
        assert_eq!(names.number(Kind::Score, ["p", "w", "web", "one more"]), Some(7));
    }

    #[test]
    fn only_what_may_be_seen_is() {
        let mut names = Names::new();
        for (pipeline, service) in [("p", "web"), ("q", "web"), ("p", "db")] {
            names.number(Kind::Point, [pipeline, "w", service, "p95"]);
        }
        let scope = Scope { services: None, pipelines: Some(["p".to_owned()].into()) };
        let seen: Vec<_> = names.of(&scope, "web").map(|(_, known)| known.name.pipeline.as_str()).collect();
        assert_eq!(seen, ["p"]);
    }
}
