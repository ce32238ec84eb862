//! The settings of `detect`.

use logd_sdk::component::{KeyedSettings, Makes};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::settings::{Duration, FieldPath};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::Deserialize;
use vrl::path::OwnedValuePath;
use xxhash_rust::xxh3::xxh3_64;

use super::super::settings::{cooldown, makes, max_series};
use super::check::check;
use super::operator::Detect;
use crate::signals::{self, ErrorSettings, SignalSettings};
use crate::window;

/// Finds what is wrong with services, by the events that they send: slower answers, more very slow ones, more errors,
/// less or more traffic than is usual at this time of day, silence, and a service that becomes slower little by little.
///
/// For each key it learns what is usual: the level, the time of day (the median of seven days), and how much all of it
/// scatters. It does not judge a key in its first hour, and traffic, very slow answers and silence not on its first day.
/// What lasts for `rebase_after` becomes the new normal.
///
/// Everything that comes in leaves unchanged, but for late events and such as are too far ahead to be believed, which
/// leave by the output `late`. What goes wrong with one key at once is one incident; its changes leave by `anomalies`, one
/// event for each: opened, another signal or markedly worse, resolved. Every bucket leaves by `scores`: for each key and
/// signal (`field` is `latency`, `tail_latency`, `error_rate` or `traffic`) the value over the last minute, what was
/// expected, the band, and as `score` how far any of its windows is out of the usual, in multiples of the threshold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectSettings {
    /// The fields that make a key: each key has a baseline and incidents of its own. Without any, there is one key.
    /// A text of more than 1 KiB is cut to that, and ends with `…` and a hash of all of it.
    #[serde(default)]
    pub(super) group_by: Vec<FieldPath>,
    /// What events say of a request.
    #[serde(default)]
    pub(super) fields: Fields,
    /// All thresholds are divided by this: with more than 1 more is found, and there are more false alarms.
    #[serde(default = "one")]
    pub(super) sensitivity: f64,
    /// Slower answers, over up to five minutes.
    #[serde(default)]
    pub(super) latency: SignalSettings,
    /// Slower answers, over half an hour and more.
    #[serde(default)]
    pub(super) degradation: SignalSettings,
    /// More very slow answers: those beyond what one in a hundred takes longer than.
    #[serde(default)]
    pub(super) tail_latency: SignalSettings,
    /// More errors, over ten seconds to two hours.
    #[serde(default)]
    pub(super) error_rate: ErrorSettings,
    /// Fewer events, over two buckets to half an hour.
    #[serde(default)]
    pub(super) traffic_drop: SignalSettings,
    /// More events, over two buckets to half an hour.
    #[serde(default)]
    pub(super) traffic_surge: SignalSettings,
    /// No event where some should have come.
    #[serde(default)]
    pub(super) silence: SignalSettings,
    /// How finely time is cut: from 10 to 60 whole seconds, of which a minute has a whole number. Over windows, as long
    /// as these are. What is found is told at the end of a bucket, plus `allowed_lateness`.
    #[serde(default = "bucket")]
    pub(super) bucket: Duration,
    /// A change that stays this long (of the error rate: twice this long) is the new normal: the alarm is closed, and what
    /// is usual is made of the last half hour. In event time.
    #[serde(default = "rebase_after")]
    pub(super) rebase_after: Duration,
    /// After an incident its key opens no other for this long; what still holds then opens it. In event time.
    #[serde(default = "cooldown")]
    pub(super) cooldown: Duration,
    /// A condition in VRL: an event that meets it says that something was deployed for its key. Open alarms are closed, and
    /// what is usual is learned anew from there on, in minutes.
    pub(super) deploy_marker: Option<String>,
    /// How far behind the greatest time of its partition an event may be; alarms come that much later.
    #[serde(default = "window::allowed_lateness")]
    pub(super) allowed_lateness: Duration,
    /// After this long without an event a partition (a file, a Kafka partition) no longer holds time up. If all are silent,
    /// time goes on with the clock, so that silence is found. While a sink takes nothing, or the source can't reach what it
    /// reads, nobody counts as silent.
    #[serde(default = "window::idle_timeout")]
    pub(super) idle_timeout: Duration,
    /// How far ahead an event's time may be, of the clock or of its partition. What is further ahead counts as late.
    #[serde(default = "window::max_ahead")]
    pub(super) max_ahead: Duration,
    /// How many events an anomaly has as evidence, up to 20 of each sort: of errors some that failed, of latencies the
    /// slowest, of the last bucket that had some. Of an event of more than 1 KiB only the beginning. 0 for none.
    #[serde(default = "samples")]
    pub(super) samples: usize,
    /// How many keys are remembered. Each takes 2 KiB at its first event and about 60 KiB after a week, and its samples; one of its first day
    /// that has sent nothing for two hours is forgotten, as is any after a week of silence. Beyond the limit those whose last
    /// event is the oldest are forgotten, a sixteenth of them at once, and counted as errors `key_evicted`; that it has
    /// begun is logged once.
    #[serde(default = "max_keys")]
    pub(super) max_keys: usize,
    /// How many keys are shown at `/metrics` for each signal, in `logd_detector_value`, `_baseline`, `_lower`, `_upper` and
    /// `_score`, with the label `detector` as `NAME/latency`. Updates of others are counted in
    /// `logd_detector_series_overflow_total`.
    #[serde(default = "max_series")]
    pub(super) max_series: usize,
}

/// What events say of a request: each a single event's, or, with `count`, a window's.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fields {
    /// How long it took, in any unit; of a window, the mean. Without it latencies are not judged. What is not positive is
    /// counted as errors `unusable_latency`; the event counts all the same.
    pub(super) latency: Option<FieldPath>,
    /// A condition in VRL: whether it failed. Without it, and without `error_rate`, errors are not judged.
    pub(super) error: Option<String>,
    /// Of a window: how many events it has. Windows without it, or with 0, count as nothing.
    pub(super) count: Option<FieldPath>,
    /// Of a window: the share of its events that failed, 0 to 1.
    pub(super) error_rate: Option<FieldPath>,
}

fn one() -> f64 {
    1.0
}

fn bucket() -> Duration {
    Duration::from_secs(10)
}

fn rebase_after() -> Duration {
    Duration::from_secs(2 * 3600)
}

fn samples() -> usize {
    3
}

fn max_keys() -> usize {
    10_000
}

impl DetectSettings {
    /// How signals are judged.
    pub(super) fn signals(&self) -> signals::Settings {
        let tells_errors = self.fields.error.is_some() || self.fields.error_rate.is_some();
        // A window's mean has no tail.
        let of_events = self.fields.count.is_none();
        signals::Settings {
            bucket: self.bucket.into(),
            sensitivity: self.sensitivity,
            latency: self.latency,
            degradation: self.degradation,
            tail_latency: SignalSettings { enabled: self.tail_latency.enabled && of_events, ..self.tail_latency },
            error_rate: ErrorSettings { enabled: self.error_rate.enabled && tells_errors, ..self.error_rate },
            traffic_drop: self.traffic_drop,
            traffic_surge: self.traffic_surge,
            silence: self.silence,
            rebase_after: self.rebase_after.into(),
        }
    }

    /// The fields that are read, but for those of the conditions.
    pub(super) fn read_fields(&self) -> impl Iterator<Item = OwnedValuePath> {
        let Fields { latency, count, error_rate, .. } = &self.fields;
        let figures = [latency, count, error_rate].into_iter().flatten();
        self.group_by.iter().chain(figures).map(|field| field.path().clone())
    }

    /// The conditions.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &str> {
        [&self.fields.error, &self.deploy_marker].into_iter().flatten().map(String::as_str)
    }

    /// What a state is of: one with another fingerprint can't be gone on with. Thresholds and the like may change.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut text = format!("{} {}", Self::NAME, self.bucket);
        self.read_fields().for_each(|field| text += &format!("\n{field}"));
        self.conditions().for_each(|condition| text += &format!("\n{condition:?}"));
        xxh3_64(text.as_bytes())
    }
}

impl Settings for DetectSettings {
    const NAME: &'static str = "detect";
    const SUMMARY: &'static str = "Finds what is wrong with services: latency, errors, traffic, silence";
    const EXAMPLE: &'static str = r#"
group_by = ["service"]
fields.latency = "response_time_ms"
fields.error = '.level == "ERROR" || .level == "CRITICAL"'
sensitivity = 1.0
latency.min_effect = 1.3
"#;

    fn check(&self, report: &mut Check<'_>) {
        check(self, report);
    }

    fn ports(&self) -> Vec<String> {
        ["anomalies", "scores", "late"].map(str::to_owned).to_vec()
    }

    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        let compiled = self.conditions().filter_map(|source| conditions.compile(source).ok());
        compiled
            .fold(Reads::Fields(self.read_fields().collect()), |reads, condition| reads.and(condition.reads().clone()))
    }

    fn makes(&self, port: &str) -> Makes {
        makes(port, &self.group_by)
    }
}

impl KeyedSettings for DetectSettings {
    type Keyed = Detect;

    fn build(&self, context: &Context) -> anyhow::Result<Detect> {
        Detect::new(self, context)
    }
}
