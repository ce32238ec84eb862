//! The `prometheus` sink: from batches of events to gauges.
//!
//! It delivers to this process, so no attempt fails: a value that can't be shown is counted, and its event is delivered
//! all the same. Nothing of it is durable; after a restart the next window sets each gauge again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logd_sdk::meters::Meters;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Field};
use metrics::Counter;

use crate::names;
use crate::sample::Sample;
use crate::series::{Full, Series};
use crate::settings::Rule;

/// Sets gauges of the daemon's recorder.
#[derive(Debug)]
pub struct PrometheusSink {
    /// The gauges that were asked for; all numbers if there is none.
    rules: Vec<Rule>,
    /// What the names of all others begin with.
    namespace: String,
    series: Mutex<Series>,
    skipped: Skipped,
}

/// Values that did not become a gauge's, by the reason.
#[derive(Debug)]
struct Skipped {
    missing: Counter,
    no_number: Counter,
    not_finite: Counter,
    max_series: Counter,
}

impl Skipped {
    /// The one metric of this sink itself.
    const NAME: &'static str = "logd_prometheus_skipped_values_total";

    /// All reasons are there from the start, so that a first value that is skipped is an increase.
    fn new(meters: &Meters) -> Self {
        let by = |reason| meters.counter(Self::NAME, &[("reason", reason)]);
        Self {
            missing: by("missing"),
            no_number: by("no_number"),
            not_finite: by("not_finite"),
            max_series: by("max_series"),
        }
    }
}

impl PrometheusSink {
    /// A sink with these rules; the gauges of all others begin with `namespace`.
    pub(crate) fn new(
        rules: Vec<Rule>,
        namespace: &str,
        max_series: usize,
        idle_timeout: Duration,
        meters: &Meters,
    ) -> Self {
        let series = Mutex::new(Series::new(max_series, idle_timeout));
        Self { rules, namespace: namespace.to_owned(), series, skipped: Skipped::new(meters) }
    }

    /// The gauges that were asked for, of all events.
    fn apply(&self, rule: &Rule, batch: &Batch, series: &mut Series) {
        let find = |path: &logd_sdk::settings::FieldPath| batch.columns().find(path.path());
        let value = find(&rule.field);
        let labels: Vec<_> = rule.labels.iter().map(|(name, path)| (name.as_str(), find(path))).collect();
        for row in 0..batch.len() {
            let field = |column: Option<usize>| batch.field_if(row, column);
            let number = match field(value) {
                Field::Missing | Field::Null => {
                    self.skipped.missing.increment(1);
                    continue;
                }
                field => field.number(),
            };
            let Some(number) = number else {
                self.skipped.no_number.increment(1);
                continue;
            };
            let texts: Vec<_> =
                labels.iter().filter_map(|(name, column)| Some((*name, field(*column).display()?))).collect();
            let labels: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_ref())).collect();
            self.set(series, &rule.name, &labels, number, || rule.help.clone());
        }
    }

    /// All numbers of an event.
    fn show(&self, sample: &Sample, series: &mut Series) {
        let labels: Vec<_> = sample.labels.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        for (field, number) in &sample.numbers {
            let help = || format!("The last value of `{field}`.");
            self.set(series, &names::name(&self.namespace, field), &labels, *number, help);
        }
    }

    /// Sets a gauge, unless that would hide that there is no figure: NaN and infinity are results of a division by 0.
    fn set(&self, series: &mut Series, name: &str, labels: &[(&str, &str)], value: f64, help: impl FnOnce() -> String) {
        if !value.is_finite() {
            self.skipped.not_finite.increment(1);
        } else if let Err(Full) = series.set(name, labels, value, help) {
            self.skipped.max_series.increment(1);
        }
    }

    /// No statement leaves the gauges half changed, so a panic elsewhere does no harm to them.
    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for PrometheusSink {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let mut series = self.series();
        if self.rules.is_empty() {
            for row in 0..batch.len() {
                self.show(&Sample::of(batch, row), &mut series);
            }
        }
        for rule in &self.rules {
            self.apply(rule, batch, &mut series);
        }
        Attempt::delivered()
    }

    /// Nothing has to be durable; but this comes at every checkpoint, also when no event does.
    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.series().expire();
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
