//! The settings of `window`.

use indexmap::IndexMap;
use logd_sdk::component::{KeyedSettings, Makes};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::settings::{Duration, FieldPath};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use super::check::check;
use super::operator::Window;
use super::recipe::Recipe;

/// What is allowed where nothing is said.
pub(super) const ALLOWED_LATENESS: Duration = Duration::from_secs(5);

/// Aggregates over stretches of time.
///
/// Windows are aligned to the epoch: with a `size` of 5 minutes they begin at 10:00, 10:05 and so on. Each window's
/// result is one event for each group, with the fields of `group_by`, `window.start`, `window.end` (the first moment
/// after it), and one field for each aggregate; where an aggregate keeps `samples`, `window.samples` is the name of the
/// first that does. It is emitted once, when no event can come for it any more that is not late. Late events, and events too far ahead to be believed, leave by the output `late`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSettings {
    /// How long a window is.
    pub size: Duration,
    /// How far windows are apart, if they overlap: `size` must be a multiple of it. Without it, each window begins
    /// where the one before ends.
    pub slide: Option<Duration>,
    /// Which time an event belongs to: its own, or that at which it is processed.
    #[serde(default)]
    pub clock: Clock,
    /// The fields that events of one group have in common; without any, all events are one group. A missing field is
    /// a group of its own, and so is each type: the text `"1"` is not the number `1`. A text of more than 1 KiB is cut to
    /// that, and ends with `…` and a hash of all of it, so that different ones stay apart.
    #[serde(default)]
    pub group_by: Vec<FieldPath>,
    /// What is reckoned for each window and group, by the name of the result's field.
    pub aggregates: IndexMap<String, Aggregate>,
    /// How far behind the greatest time of its partition an event may be; results come that much later.
    #[serde(default = "allowed_lateness")]
    pub allowed_lateness: Duration,
    /// After this long without an event a partition (a file, a Kafka partition) no longer holds windows open.
    /// While a sink takes nothing, or the source can't reach what it reads, nobody counts as silent.
    #[serde(default = "idle_timeout")]
    pub idle_timeout: Duration,
    /// How far ahead an event's time may be, of the clock or of its partition. What is further ahead counts as late.
    #[serde(default = "max_ahead")]
    pub max_ahead: Duration,
    /// How many groups may have open windows at once. Each takes about 260 bytes for each of its windows with a count,
    /// and 450 with a count, a rate, a mean and a maximum; more with `distinct` (up to 8 KiB), `samples` (the events,
    /// up to 16 KiB of each), `first` and `last` (up to 1 KiB) and `quantile` (100 bytes, and 2 KiB or more from 32
    /// numbers on). Beyond the limit, the groups whose last event is the oldest are given up with their open windows, a
    /// sixteenth of them at once, and counted as errors `key_evicted`; that it has begun is logged once.
    #[serde(default = "max_keys")]
    pub max_keys: usize,
}

/// One aggregate. Fields that are missing, null, or not numbers where numbers are asked for, do not enter it; where
/// none enters, the result is null (0 for `sum`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// What is reckoned.
    #[serde(rename = "fn")]
    pub function: Function,
    /// Of which field.
    pub field: Option<FieldPath>,
    /// A condition in VRL: only events that meet it enter. For `ratio`, the events whose share is asked.
    pub r#where: Option<String>,
    /// For `quantile`: which one, from 0 to 1; 0.99 is the 99th percentile.
    pub q: Option<f64>,
    /// For `samples`: how many events are kept, 3 by default.
    pub n: Option<usize>,
}

/// What can be reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    /// How many events there are.
    Count,
    /// How many events there are in a second.
    Rate,
    /// The share of events that meet `where`, from 0 to 1.
    Ratio,
    /// The sum of the field: exact, then rounded once; a whole number where all are whole.
    Sum,
    /// The mean of the field.
    Mean,
    /// The least number in the field.
    Min,
    /// The greatest number in the field.
    Max,
    /// The population standard deviation of the field.
    Stddev,
    /// The quantile `q` of the field, from a DDSketch, within 1 % of the value. Numbers within 1e-9 of 0 count as 0.
    Quantile,
    /// How many different values the field has: exact up to 512, then from a HyperLogLog with a standard error of 1.6 %.
    Distinct,
    /// The field of the earliest event that has it; of several at one time the least id decides. A text of more than 1
    /// KiB is cut, as in a key.
    First,
    /// The field of the latest event that has it; of several at one time the greatest id decides. A text of more than 1
    /// KiB is cut, as in a key.
    Last,
    /// The first `n` events by time, then id, as evidence: an array, in which one of more than 16 KiB is a text, of its
    /// beginning. Detectors show it in the anomalies that they find in the window.
    Samples,
}

/// Which time an event belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The time that it carries.
    #[default]
    Event,
    /// The time at which it is processed: nothing is late, and a replay gives other windows.
    Processing,
}

pub(crate) fn allowed_lateness() -> Duration {
    ALLOWED_LATENESS
}

pub(crate) fn idle_timeout() -> Duration {
    Duration::from_secs(30)
}

pub(crate) fn max_ahead() -> Duration {
    Duration::from_secs(600)
}

fn max_keys() -> usize {
    1_000_000
}

impl WindowSettings {
    /// How far windows are apart.
    pub(super) fn slide(&self) -> Duration {
        self.slide.unwrap_or(self.size)
    }
}

impl Function {
    /// As it stands in a pipeline file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Ratio => "ratio",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Stddev => "stddev",
            Self::Quantile => "quantile",
            Self::Distinct => "distinct",
            Self::First => "first",
            Self::Last => "last",
            Self::Samples => "samples",
        }
    }

    /// Whether it is of a field, and not of whole events.
    pub(super) fn takes_field(self) -> bool {
        !matches!(self, Self::Count | Self::Rate | Self::Ratio | Self::Samples)
    }
}

impl Settings for WindowSettings {
    const NAME: &'static str = "window";
    const SUMMARY: &'static str = "Aggregates events over tumbling or sliding windows, for each group";
    const EXAMPLE: &'static str = r#"
size = "1m"
slide = "10s"
group_by = ["service"]
allowed_lateness = "2s"

[aggregates]
requests = { fn = "count" }
error_rate = { fn = "ratio", where = '.level == "ERROR"' }
latency_p99 = { fn = "quantile", field = "response_time_ms", q = 0.99 }
slowest = { fn = "samples", where = '.response_time_ms > 1000', n = 5 }
"#;

    fn check(&self, report: &mut Check<'_>) {
        check(self, report);
    }

    fn ports(&self) -> Vec<String> {
        vec!["late".to_owned()]
    }

    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        let fields = self.group_by.iter().chain(self.aggregates.values().filter_map(|a| a.field.as_ref()));
        let fields = Reads::Fields(fields.map(|field| field.path().clone()).collect());
        let wheres = self.aggregates.values().filter_map(|aggregate| aggregate.r#where.as_deref());
        let compiled = wheres.filter_map(|source| conditions.compile(source).ok());
        compiled.fold(fields, |reads, condition| reads.and(condition.reads().clone()))
    }

    fn makes(&self, port: &str) -> Makes {
        if port.is_empty() { Makes::Fields(Recipe::fields(self)) } else { Makes::Same }
    }
}

impl KeyedSettings for WindowSettings {
    type Keyed = Window;

    fn build(&self, context: &Context) -> anyhow::Result<Window> {
        Window::new(self, context)
    }
}
