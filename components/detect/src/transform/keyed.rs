//! The detector as a keyed transform: splits batches into points for the shards, and gathers what they found.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::RandomState;
use logd_sdk::keyed::{Description, Floor, Keyed, Split, Step, shard_of};
use logd_sdk::{Batch, Columns, ComponentId, Context, Field, Outputs, Port, Time};
use vrl::path::OwnedValuePath;

use super::events;
use super::gauges::Series;
use super::key::{self, GroupBy};
use super::settings::{self, Plan};
use super::shard::{Shard, Shared};
use crate::detector::{Detector, Score, usable};
use crate::explain::Measure;
use crate::incident::{Anomaly, Identity};
use crate::time::{Interval, Micros};

/// Where changes of incidents leave.
const ANOMALIES: Port = Port(1);

/// Where every value leaves with what was expected of it.
const SCORES: Port = Port(2);

/// The transforms `zscore` and `spike`.
pub(crate) struct Detecting {
    shared: Arc<Shared>,
    /// Its name.
    id: ComponentId,
    /// How many keys all shards together may keep.
    max_keys: usize,
    /// Whether it has been said that there are more: it goes on for as long as there are, and is counted.
    has_evicted: AtomicBool,
    /// What is judged.
    field: OwnedValuePath,
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
    /// Its points, in the order of the rows.
    pub(super) points: Vec<Point>,
    /// How far event time has come; none where the batch does not say.
    pub(super) until: Option<Micros>,
    /// How many keys the shard may keep.
    pub(super) capacity: usize,
    /// What was wrong with values, told by one of the parts.
    pub(super) errors: Errors,
}

/// One value that can be used.
pub(super) struct Point {
    /// The row that it stands in.
    pub(super) row: u32,
    /// Whose it is: a place in [`Part::keys`].
    pub(super) key: u32,
    /// What it stands for.
    pub(super) window: Interval,
    /// The value.
    pub(super) value: f64,
    /// Of how many events it is a share, where that is asked for and known.
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

impl Detecting {
    /// Builds it.
    pub(super) fn new(plan: &Plan<'_>, context: &Context) -> anyhow::Result<Self> {
        if let Some(problem) = plan.rules.problems().first() {
            anyhow::bail!("`{}` must be {}", problem.setting, problem.expected);
        }
        let (pipeline, component) = (context.id.pipeline(), context.id.id());
        let field = key::name(plan.field).to_owned();
        let identity = Identity { pipeline: pipeline.to_owned(), component: component.to_owned(), field };
        let measure = Measure::of_field(key::name(plan.field), component);
        Ok(Self {
            shared: Arc::new(Shared {
                detector: Detector::new(plan.rules, identity, measure),
                group_by: GroupBy::new(plan.group_by),
                series: Series::new(context.meters.clone(), context.clock.clone(), component, plan.max_series),
                fingerprint: plan.fingerprint(),
            }),
            id: context.id.clone(),
            max_keys: plan.max_keys,
            has_evicted: AtomicBool::new(false),
            field: plan.field.path().clone(),
            count_field: plan.count_field.map(|field| field.path().clone()),
            window: [settings::window_start(), settings::window_end()],
            scores: plan.score_columns(),
        })
    }
}

impl Keyed for Detecting {
    type Part = Part;
    type Shard = Shard;

    fn split(&self, batch: &Batch, _: &[Floor], shards: usize) -> Split<Part> {
        let told = batch.blocks().iter().map(|block| block.greatest);
        let until = told.filter(|&time| Time::MIN < time && time < Time::MAX).max().map(micros);
        let capacity = self.max_keys.div_ceil(shards.max(1));
        let part = || Part { keys: Vec::new(), points: Vec::new(), until, capacity, errors: Errors::new() };
        let mut parts: Vec<Part> = std::iter::repeat_with(part).take(shards).collect();

        let column = |path| batch.columns().find(path);
        let (value, start, end) = (column(&self.field), column(&self.window[0]), column(&self.window[1]));
        let count = self.count_field.as_ref().and_then(column);
        let field = |row, column: Option<usize>| column.map_or(Field::Missing, |column| batch.field(row, column));
        let group_by = self.shared.group_by.places(batch);
        // Most rows of a batch are of few keys: each is put into bytes of its own once, and sent to its shard once.
        let mut known: HashMap<Arc<[u8]>, (usize, u32), RandomState> = HashMap::default();
        let mut key = Vec::new();
        for (place, row) in (0..).zip(batch.rows()) {
            let index = place as usize;
            let value = match usable(field(index, value).number()) {
                Ok(value) => value,
                Err(unusable) => {
                    *parts[0].errors.entry(unusable.reason()).or_default() += 1;
                    continue;
                }
            };
            let window = match (field(index, start), field(index, end)) {
                (Field::Time(start), Field::Time(end)) => Interval { start: micros(start), end: micros(end) },
                _ => Interval::moment(micros(row.time)),
            };
            key.clear();
            group_by.write(batch, index, &mut key);
            let (shard, key) = *match known.get(&key[..]) {
                Some(known) => known,
                None => {
                    let (shard, name) = (shard_of(&key, shards), Arc::from(&key[..]));
                    let keys = &mut parts[shard].keys;
                    // A batch has no more keys than rows, which are counted in 32 bits.
                    let number = u32::try_from(keys.len()).unwrap_or(u32::MAX);
                    keys.push(Arc::clone(&name));
                    known.entry(name).or_insert((shard, number))
                }
            };
            parts[shard].points.push(Point { row: place, key, window, value, events: field(index, count).number() });
        }
        Split { parts: parts.into_iter().map(Some).collect(), ..Split::empty(0, batch.blocks().len()) }
    }

    fn shard(&self) -> Shard {
        Shard::new(Arc::clone(&self.shared))
    }

    fn fingerprint(&self) -> u64 {
        self.shared.fingerprint
    }

    fn describe(&self, key: &[u8], state: &[u8]) -> anyhow::Result<Option<Description>> {
        self.shared.describe(key, state).map(Some)
    }

    fn gather(&self, mut step: Step<'_, Yield>, out: &mut Outputs) {
        let (mut told, mut open, mut evicted) = (Vec::new(), 0, 0);
        for made in &mut step.yields {
            told.append(&mut made.told);
            open += made.open;
            evicted += made.errors.get(EVICTED).copied().unwrap_or(0);
            made.errors.iter().for_each(|(kind, &count)| out.error(kind, count));
        }
        if evicted > 0 && !self.has_evicted.swap(true, Ordering::Relaxed) {
            let (component, limit) = (&self.id, self.max_keys);
            tracing::warn!(%component, limit, "There are more keys than `max_keys`; the oldest are forgotten and counted.");
        }
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
                events::scores(&step.yields, &self.scores, self.shared.detector.field(), batch, step.partition),
            );
        }
    }
}

fn micros(time: Time) -> Micros {
    Micros(time.as_micros())
}
