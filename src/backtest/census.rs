//! Counts whose events there are, where they enter the first component that tells them apart: false alarms are counted
//! for each service and day, also for those of whom nothing was ever said.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use logd_backtest::population::Population;
use logd_sdk::component::{Describe, SinkPlan};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::erased::AnySink;
use logd_sdk::settings::FieldPath;
use logd_sdk::sink::{Attempt, Delivery, Sink};
use logd_sdk::{Batch, Context, Field, Time};

/// Counts events. Its clones count together.
#[derive(Clone, Debug)]
pub(super) struct Census {
    /// The fields that name a service, by the way that events come: none where all are of one.
    fields: Arc<[Vec<FieldPath>]>,
    population: Arc<Mutex<Population>>,
}

impl Census {
    /// For events that come by as many ways, each with the fields that name a service there.
    pub(super) fn new(fields: Vec<Vec<FieldPath>>) -> Self {
        Self { fields: fields.into(), population: Arc::default() }
    }

    /// What was counted.
    pub(super) fn population(&self) -> Population {
        self.population.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, batch: &Batch) {
        let fields = self.fields.get(batch.input()).map_or(&[][..], Vec::as_slice);
        let columns: Vec<Option<usize>> = fields.iter().map(|field| batch.columns().find(field.path())).collect();
        let mut counts: BTreeMap<String, (u64, Time, Time)> = BTreeMap::new();
        for (place, row) in batch.rows().iter().enumerate() {
            // Who reads it had no better time for it than none: it says nothing of how long anybody was watched.
            if row.time == Time::EPOCH {
                continue;
            }
            let value =
                |column: &Option<usize>| column.map_or(Field::Missing, |column| batch.field(place, column)).display();
            // As an alarm's key: what is missing is left out.
            let service = match &columns[..] {
                [column] => value(column).unwrap_or_default(),
                columns => Cow::Owned(columns.iter().filter_map(value).collect::<Vec<_>>().join("/")),
            };
            match counts.get_mut(service.as_ref()) {
                Some((events, first, last)) => {
                    *events += 1;
                    *first = row.time.min(*first);
                    *last = row.time.max(*last);
                }
                None => drop(counts.insert(service.into_owned(), (1, row.time, row.time))),
            }
        }
        let mut population = self.population.lock().unwrap_or_else(PoisonError::into_inner);
        for (service, (events, first, last)) in counts {
            population.add(&service, events, first, last);
        }
    }
}

impl Sink for Census {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        self.count(batch);
        Attempt::delivered()
    }
}

impl Describe for Census {
    fn name(&self) -> &'static str {
        "backtest"
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        Reads::Fields(self.fields.iter().flatten().map(|field| field.path().clone()).collect())
    }
}

impl SinkPlan for Census {
    fn delivery(&self) -> Delivery {
        Delivery::default()
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>> {
        Box::pin(async { Ok(Arc::new(self.clone()) as Arc<dyn AnySink>) })
    }
}
