//! The detector as a keyed transform: splits batches into points for the shards, and gathers what they found.

use std::collections::BTreeMap;
use std::sync::Arc;

use logd_sdk::keyed::{Floor, Keyed, Split, Step};
use logd_sdk::{Batch, Columns, Context, Field, Outputs, Port, Time};
use vrl::path::OwnedValuePath;

use super::core::Core;
use super::events;
use super::gauges::Series;
use super::key::{self, GroupBy, Known};
use super::settings::{self, Plan, Watched};
use super::shard::{Shard, Shared};
use crate::detector::{Detector, Score, Unusable, usable};
use crate::explain::Measure;
use crate::incident::{Anomaly, Identity};
use crate::max_keys::MaxKeys;
use crate::time::{Interval, Micros};

/// Where changes of incidents leave.
const ANOMALIES: Port = Port(1);

/// Where every value leaves with what was expected of it.
const SCORES: Port = Port(2);

/// A detector in a pipeline, whichever it is.
pub(crate) struct Detecting<C> {
    shared: Arc<Shared<C>>,
    max_keys: MaxKeys,
    /// What is judged.
    fields: Vec<OwnedValuePath>,
    /// Where it says of how many events that is a share, if that is asked for.
    count_field: Option<OwnedValuePath>,
    /// Where an event that is a window's result says when that began and ended.
    window: [OwnedValuePath; 2],
    /// The fields of a score.
    scores: Arc<Columns>,
}

/// How often something was wrong with a value, or lost, by the word for it in metrics.
pub(super) type Errors = BTreeMap<&'static str, u64>;

/// The word for keys that were forgotten, for there were too many.
pub(super) const EVICTED: &str = "key_evicted";

/// What one batch has for one shard.
pub(crate) struct Part {
    /// The keys of its points, each once.
    pub(super) keys: Vec<Arc<[u8]>>,
    /// Its points, in the order of the rows,
    pub(super) points: Vec<Point>,
    /// and their values one after the other, as many for each as fields are judged.
    pub(super) values: Vec<f64>,
    /// How far event time has come; none where the batch does not say.
    pub(super) until: Option<Micros>,
    /// How many keys the shard may keep.
    pub(super) capacity: usize,
    /// What was wrong with values, told by one of the parts.
    pub(super) errors: Errors,
}

/// One point with values that can be used.
pub(super) struct Point {
    /// The row that it stands in.
    pub(super) row: u32,
    /// Whose it is: a place in [`Part::keys`].
    pub(super) key: u32,
    /// What it stands for.
    pub(super) window: Interval,
    /// Of how many events its value is a share, where that is asked for and known.
    pub(super) events: Option<f64>,
}

/// What one shard has made in one step.
#[derive(Default)]
pub(crate) struct Yield {
    /// Changes of incidents.
    pub(super) told: Vec<Told>,
    /// The keys of the scores.
    pub(super) keys: Vec<Arc<[u8]>>,
    /// One for each point, in the order of the rows.
    pub(super) scored: Vec<Scored>,
    /// How many incidents are open.
    pub(super) open: usize,
    /// What is to be counted.
    pub(super) errors: Errors,
}

/// A change of an incident, and the row that brought it.
pub(super) struct Told {
    /// [`AFTER`] if it was none.
    pub(super) row: u32,
    /// The bytes that name its key.
    pub(super) name: Arc<[u8]>,
    pub(super) anomaly: Anomaly,
}

/// What no row brought comes after all rows.
pub(super) const AFTER: u32 = u32::MAX;

/// The score of a row.
pub(super) struct Scored {
    pub(super) row: u32,
    /// Whose it is: a place in [`Yield::keys`].
    pub(super) key: u32,
    /// When.
    pub(super) at: Micros,
    pub(super) score: Score,
}

impl Detecting<Detector> {
    /// Builds one that judges by a rule.
    pub(super) fn by_rule(plan: &Plan<'_>, context: &Context) -> anyhow::Result<Self> {
        if let Some(problem) = plan.rules.problems().first() {
            anyhow::bail!("`{}` must be {}", problem.setting, problem.expected);
        }
        let (watched, rules) = (&plan.watched, plan.rules);
        Ok(Self::new(watched, context, |identity, mut measures| Detector::new(rules, identity, measures.remove(0))))
    }
}

impl<C: Core> Detecting<C> {
    /// Builds one around the core that `core` makes of its name and of how each field is spoken of.
    pub(super) fn new(
        watched: &Watched<'_>,
        context: &Context,
        core: impl FnOnce(Identity, Vec<Measure>) -> C,
    ) -> Self {
        let (pipeline, component) = (context.id.pipeline(), context.id.id());
        let identity =
            Identity { pipeline: pipeline.to_owned(), component: component.to_owned(), field: watched.field() };
        let measures = watched.fields.iter().map(|field| Measure::of_field(key::name(field), component)).collect();
        Self {
            shared: Arc::new(Shared {
                core: core(identity, measures),
                group_by: GroupBy::new(watched.group_by),
                series: Series::new(context.meters.clone(), context.clock.clone(), component, watched.max_series),
                fingerprint: watched.fingerprint(),
            }),
            max_keys: MaxKeys::new(&context.id, watched.max_keys),
            fields: watched.fields.iter().map(|field| field.path().clone()).collect(),
            count_field: watched.count_field.map(|field| field.path().clone()),
            window: [settings::window_start(), settings::window_end()],
            scores: settings::score_columns(watched.group_by),
        }
    }
}

impl<C: Core> Keyed for Detecting<C> {
    type Part = Part;
    type Shard = Shard<C>;

    fn split(&self, batch: &Batch, _: &[Floor], shards: usize) -> Split<Part> {
        let told = batch.blocks().iter().map(|block| block.greatest);
        let until = told.filter(|&time| Time::MIN < time && time < Time::MAX).max().map(micros);
        let capacity = self.max_keys.of_shard(shards);
        let part = || Part {
            keys: Vec::new(),
            points: Vec::new(),
            values: Vec::new(),
            until,
            capacity,
            errors: Errors::new(),
        };
        let mut parts: Vec<Part> = std::iter::repeat_with(part).take(shards).collect();

        let column = |path| batch.columns().find(path);
        let fields: Vec<Option<usize>> = self.fields.iter().map(column).collect();
        let (start, end) = (column(&self.window[0]), column(&self.window[1]));
        let count = self.count_field.as_ref().and_then(column);
        let field = |row, column: Option<usize>| batch.field_if(row, column);
        let group_by = self.shared.group_by.places(batch);
        let (mut known, mut values) = (Known::default(), Vec::with_capacity(fields.len()));
        for (place, row) in (0..).zip(batch.rows()) {
            let index = place as usize;
            values.clear();
            let read = fields.iter().try_for_each(|&place| {
                values.push(usable(field(index, place).number())?);
                Ok(())
            });
            if let Err(unusable) = read {
                *parts[0].errors.entry(Unusable::reason(unusable)).or_default() += 1;
                continue;
            }
            let window = match (field(index, start), field(index, end)) {
                (Field::Time(start), Field::Time(end)) => Interval { start: micros(start), end: micros(end) },
                _ => Interval::moment(micros(row.time)),
            };
            let (shard, key) = known.find(&group_by, batch, index, shards, |shard| &mut parts[shard].keys);
            parts[shard].points.push(Point { row: place, key, window, events: field(index, count).number() });
            parts[shard].values.extend_from_slice(&values);
        }
        Split { parts: parts.into_iter().map(Some).collect(), ..Split::empty(0, batch.blocks().len()) }
    }

    fn shard(&self) -> Shard<C> {
        Shard::new(Arc::clone(&self.shared))
    }

    fn fingerprint(&self) -> u64 {
        self.shared.fingerprint
    }

    fn gather(&self, mut step: Step<'_, Yield>, out: &mut Outputs) {
        let (mut told, mut open, mut evicted) = (Vec::new(), 0, 0);
        for made in &mut step.yields {
            told.append(&mut made.told);
            open += made.open;
            evicted += made.errors.get(EVICTED).copied().unwrap_or(0);
            made.errors.iter().for_each(|(kind, &count)| out.error(kind, count));
        }
        self.max_keys.note(evicted, "forgotten");
        self.shared.series.set_open(open);
        // Without a batch nobody has learned anything: not even at the end of the input.
        let Some(batch) = step.batch else { return };
        out.send(Port::MAIN, Arc::clone(batch));
        if !told.is_empty() {
            out.make(ANOMALIES, events::anomalies(told, batch, step.partition));
        }
        if step.yields.iter().any(|made| !made.scored.is_empty()) {
            out.make(
                SCORES,
                events::scores(&step.yields, &self.scores, self.shared.core.field(), batch, step.partition),
            );
        }
    }
}

fn micros(time: Time) -> Micros {
    Micros(time.as_micros())
}
