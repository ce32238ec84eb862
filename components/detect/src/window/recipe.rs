//! What all parts of a window share: how time is cut, how events are grouped, and what is reckoned.

use std::sync::Arc;

use anyhow::anyhow;
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::{Batch, Columns, Context};
use vrl::owned_value_path;
use vrl::path::OwnedValuePath;
use xxhash_rust::xxh3::xxh3_64;

use super::aggregate::Aggregate;
use super::check::WINDOW;
use super::panes::Panes;
use super::settings::{Function, WindowSettings};

/// How many events `samples` keeps where nothing is said.
const SAMPLES: usize = 3;

/// Settings, made ready.
pub(super) struct Recipe {
    /// How time is cut.
    pub(super) panes: Panes,
    /// What events are grouped by.
    pub(super) group_by: Vec<OwnedValuePath>,
    /// What is reckoned, in the order of the settings.
    pub(super) aggregates: Vec<Aggregate>,
    /// The name of the first aggregate that keeps events: whoever looks for evidence in a result finds it by this.
    pub(super) samples: Option<String>,
    /// What is read of the events.
    pub(super) reads: Arc<Columns>,
    /// The fields of a result.
    pub(super) columns: Arc<Columns>,
    /// What a state is of: one with another fingerprint can't be gone on with. Names, quantiles and lateness may change.
    pub(super) fingerprint: u64,
}

impl Recipe {
    /// Compiles the settings.
    pub(super) fn new(settings: &WindowSettings, context: &Context) -> anyhow::Result<Self> {
        let size = i64::try_from(settings.size.as_micros())?;
        let slide = i64::try_from(settings.slide().as_micros())?;
        anyhow::ensure!(0 < slide && slide <= size && size % slide == 0, "`size` must be a multiple of `slide`");
        let mut aggregates = Vec::new();
        for aggregate in settings.aggregates.values() {
            let condition = aggregate.r#where.as_deref().map(|source| compile(context.conditions.as_ref(), source));
            aggregates.push(Aggregate {
                function: aggregate.function,
                field: aggregate.field.as_ref().map(|field| field.path().clone()),
                condition: condition.transpose()?,
                q: aggregate.q.unwrap_or(1.0),
                n: aggregate.n.unwrap_or(SAMPLES),
            });
        }
        let group_by: Vec<_> = settings.group_by.iter().map(|field| field.path().clone()).collect();
        let mut reads: Vec<_> =
            group_by.iter().chain(aggregates.iter().filter_map(|a| a.field.as_ref())).cloned().collect();
        for condition in aggregates.iter().filter_map(|aggregate| aggregate.condition.as_ref()) {
            if let Reads::Fields(fields) = condition.reads() {
                reads.extend(fields.iter().cloned());
            }
        }
        Ok(Self {
            panes: Panes { size, slide },
            group_by,
            aggregates,
            samples: samples(settings).map(str::to_owned),
            reads: Columns::new(reads),
            columns: Columns::new(Self::fields(settings)),
            fingerprint: fingerprint(settings),
        })
    }

    /// The fields of a result, in order.
    pub(super) fn fields(settings: &WindowSettings) -> Vec<OwnedValuePath> {
        let groups = settings.group_by.iter().map(|field| field.path().clone());
        let window = [owned_value_path!(WINDOW, "start"), owned_value_path!(WINDOW, "end")];
        let samples = samples(settings).map(|_| owned_value_path!(WINDOW, "samples"));
        let aggregates = settings.aggregates.keys().map(|name| OwnedValuePath::single_field(name.as_str()));
        groups.chain(window).chain(samples).chain(aggregates).collect()
    }

    /// Where the fields of `group_by` stand in the batch.
    pub(super) fn group_columns(&self, batch: &Batch) -> Vec<Option<usize>> {
        self.group_by.iter().map(|field| batch.columns().find(field)).collect()
    }
}

fn samples(settings: &WindowSettings) -> Option<&str> {
    let keeps = |aggregate: &super::settings::Aggregate| aggregate.function == Function::Samples;
    settings.aggregates.iter().find(|(_, aggregate)| keeps(aggregate)).map(|(name, _)| name.as_str())
}

fn compile(conditions: &dyn Conditions, source: &str) -> anyhow::Result<Arc<dyn logd_sdk::condition::Condition>> {
    conditions.compile(source).map_err(|faults| {
        let messages: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
        anyhow!("the condition `{source}` does not compile: {}", messages.join("; "))
    })
}

fn fingerprint(settings: &WindowSettings) -> u64 {
    let mut text = format!("{} {} {:?}", settings.size, settings.slide(), settings.clock);
    for field in &settings.group_by {
        text += &format!("\n{}", field.path());
    }
    for aggregate in settings.aggregates.values() {
        let field = aggregate.field.as_ref().map(|field| field.path().to_string()).unwrap_or_default();
        let condition = aggregate.r#where.as_deref().unwrap_or_default();
        text += &format!("\n{} {field:?} {condition:?}", aggregate.function.name());
    }
    xxh3_64(text.as_bytes())
}
