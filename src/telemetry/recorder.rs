//! Keeps all metrics and renders them as Prometheus' text.
//!
//! The numbers lie in `metrics-exporter-prometheus`, which forgets a series that nobody has updated for [`IDLE`]. A
//! handle to a forgotten series still counts, but nobody sees it any more; so this recorder stands in front, knows which
//! handles are held, and keeps their series alive:
//!
//! - a series lives as long as somebody holds a handle to it,
//! - a standard metric without a `key` lives as long as its component (or pipeline) has any such series, so that the
//!   first error in an hour does not start a new count,
//! - all others are forgotten when they have been idle: those of removed components and of keys that went away.
//!
//! An idle histogram can't be kept alive without a sample. While its handle is held it begins anew, from 0, which is for
//! Prometheus what a restart is.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Label, Level, Metadata, Recorder,
    SharedString, Unit,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;
use tokio::time::{MissedTickBehavior, interval};

use super::names::{self, Kind, METRICS};

/// A series that nobody holds is forgotten when it has not been updated for so long.
const IDLE: Duration = Duration::from_secs(300);

/// How often samples are sorted into their buckets. Until then each takes 16 bytes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Every so many upkeeps idle series are looked for, also if nobody scrapes.
const UPKEEPS_TO_SWEEP: u32 = 12;

static METADATA: Metadata<'static> = Metadata::new("logd", Level::INFO, None);

/// All metrics of the process. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    exporter: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Locked while the exporter renders or sorts samples too: a series must not be asked for while it is forgotten.
    series: Mutex<Series>,
}

/// The handles that were given out; that somebody else still has one is told by their number.
#[derive(Default)]
struct Series {
    counters: HashMap<Key, Arc<Held<Counter>>>,
    gauges: HashMap<Key, Arc<Held<Known>>>,
    histograms: HashMap<Key, Arc<Held<Mutex<Histogram>>>>,
}

/// A handle of the exporter, with a number of holders.
struct Held<T>(T);

/// A gauge that knows its value.
struct Known {
    gauge: Gauge,
    /// The bits of an `f64`.
    value: AtomicU64,
}

impl Known {
    fn value(&self) -> f64 {
        f64::from_bits(self.value.load(Ordering::Relaxed))
    }

    fn add(&self, change: f64) {
        let add = |bits| Some((f64::from_bits(bits) + change).to_bits());
        let _ = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Metrics {
    /// Makes these the metrics of the process.
    ///
    /// # Errors
    /// There are some already.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let metrics = Self::new()?;
        metrics::set_global_recorder(metrics.clone()).map_err(|error| anyhow!("{error}"))?;
        Ok(metrics)
    }

    /// Metrics of which the process knows nothing yet.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Self::with_idle(IDLE)
    }

    /// Metrics that forget what nobody holds after `idle`.
    fn with_idle(idle: Duration) -> anyhow::Result<Self> {
        let mut builder = PrometheusBuilder::new().idle_timeout(MetricKindMask::ALL, Some(idle));
        builder = builder.set_buckets(names::SECONDS).context("no buckets")?;
        for metric in METRICS {
            if let Kind::Histogram(buckets) = metric.kind {
                let matcher = Matcher::Full(metric.name.to_owned());
                builder = builder.set_buckets_for_metric(matcher, buckets).context("no buckets")?;
            }
        }
        let exporter = builder.build_recorder();
        for &names::Metric { name, kind, unit, description, .. } in METRICS {
            let name = KeyName::from_const_str(name);
            match kind {
                Kind::Counter => exporter.describe_counter(name, Some(unit), description.into()),
                Kind::Gauge => exporter.describe_gauge(name, Some(unit), description.into()),
                Kind::Histogram(_) => exporter.describe_histogram(name, Some(unit), description.into()),
            }
        }
        let metrics = Self(Arc::new(Inner { handle: exporter.handle(), exporter, series: Mutex::default() }));
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        let build = vec![Label::new("version", env!("CARGO_PKG_VERSION")), Label::new("profile", profile)];
        metrics.register_gauge(&Key::from_parts("logd_build_info", build), &METADATA).set(1.0);
        Ok(metrics)
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        let mut text = self.sweep(PrometheusHandle::render);
        #[cfg(target_os = "linux")]
        super::process::write(&mut text);
        text
    }

    /// The sum of a gauge over all its series.
    pub(crate) fn sum(&self, gauge: &str) -> f64 {
        let series = self.series();
        let values = series.gauges.iter().filter(|(key, _)| key.name() == gauge).map(|(_, held)| held.0.value());
        // Without `-0.0`, the sum of nothing.
        values.sum::<f64>() + 0.0
    }

    /// Does what the exporter needs from time to time; never ends.
    pub(crate) async fn upkeep(self) {
        let mut ticks = interval(UPKEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for upkeeps in 0_u32.. {
            ticks.tick().await;
            let metrics = self.clone();
            let work = tokio::task::spawn_blocking(move || {
                if upkeeps.is_multiple_of(UPKEEPS_TO_SWEEP) {
                    // Only rendering makes the exporter forget. A sink takes all bytes.
                    let _ = metrics.sweep(|handle| handle.render_to_write(&mut io::sink()));
                } else {
                    let _series = metrics.series();
                    metrics.0.handle.run_upkeep();
                }
            });
            if let Err(error) = work.await {
                tracing::error!(%error, "The upkeep of metrics has failed.");
            }
        }
    }

    /// Renders, by which the exporter forgets what is idle, and makes sure that nobody holds what it forgot.
    fn sweep<T>(&self, render: impl FnOnce(&PrometheusHandle) -> T) -> T {
        let mut series = self.series();
        series.keep_alive();
        let rendered = render(&self.0.handle);
        for (key, held) in &series.histograms {
            *held.histogram() = self.0.exporter.register_histogram(key, &METADATA);
        }
        rendered
    }

    /// The map is whole between any two statements, so a panic elsewhere does no harm to it.
    fn series(&self) -> MutexGuard<'_, Series> {
        self.0.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Series {
    /// Marks all that is to live as just updated, and lets go of the rest.
    fn keep_alive(&mut self) {
        let mut owners = HashSet::new();
        let held = held(&self.counters).chain(held(&self.gauges)).chain(held(&self.histograms));
        for (pipeline, component) in held.filter_map(owner) {
            owners.insert(format!("{pipeline}/{component}"));
            owners.insert(format!("{pipeline}/"));
        }
        let lives_on = |key: &Key| {
            let standard = names::find(key.name()).is_some_and(|metric| !metric.is_keyed());
            standard
                && owner(key).is_none_or(|(pipeline, component)| owners.contains(&format!("{pipeline}/{component}")))
        };
        self.counters.retain(|key, counter| {
            counter.increment(0);
            is_held(counter) || lives_on(key)
        });
        self.gauges.retain(|key, gauge| {
            gauge.0.gauge.increment(0.0);
            is_held(gauge) || lives_on(key)
        });
        self.histograms.retain(|key, histogram| is_held(histogram) || lives_on(key));
    }
}

/// Whether anybody beside the map has it.
fn is_held<T>(handle: &Arc<Held<T>>) -> bool {
    Arc::strong_count(handle) > 1
}

fn held<T>(handles: &HashMap<Key, Arc<Held<T>>>) -> impl Iterator<Item = &Key> {
    handles.iter().filter(|(_, handle)| is_held(handle)).map(|(key, _)| key)
}

/// The pipeline and the component that a series is of; the latter is empty where it is of the pipeline as a whole.
fn owner(key: &Key) -> Option<(&str, &str)> {
    let label = |name| key.labels().find(|label| label.key() == name).map(Label::value);
    Some((label("pipeline")?, label("component_id").unwrap_or_default()))
}

/// The handle of this series; made if there is none yet.
fn hold<T>(handles: &mut HashMap<Key, Arc<Held<T>>>, key: &Key, make: impl FnOnce() -> T) -> Arc<Held<T>> {
    if let Some(handle) = handles.get(key) {
        return Arc::clone(handle);
    }
    let handle = Arc::new(Held(make()));
    handles.insert(key.to_retained(), Arc::clone(&handle));
    handle
}

impl Recorder for Metrics {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.exporter.describe_counter(name, unit, description);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.exporter.describe_gauge(name, unit, description);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.exporter.describe_histogram(name, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let make = || self.0.exporter.register_counter(key, metadata);
        Counter::from_arc(hold(&mut self.series().counters, key, make))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let make = || Known { gauge: self.0.exporter.register_gauge(key, metadata), value: AtomicU64::default() };
        Gauge::from_arc(hold(&mut self.series().gauges, key, make))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let make = || Mutex::new(self.0.exporter.register_histogram(key, metadata));
        Histogram::from_arc(hold(&mut self.series().histograms, key, make))
    }
}

impl CounterFn for Held<Counter> {
    fn increment(&self, value: u64) {
        self.0.increment(value);
    }

    fn absolute(&self, value: u64) {
        self.0.absolute(value);
    }
}

impl GaugeFn for Held<Known> {
    fn increment(&self, value: f64) {
        self.0.add(value);
        self.0.gauge.increment(value);
    }

    fn decrement(&self, value: f64) {
        self.0.add(-value);
        self.0.gauge.decrement(value);
    }

    fn set(&self, value: f64) {
        self.0.value.store(value.to_bits(), Ordering::Relaxed);
        self.0.gauge.set(value);
    }
}

impl Held<Mutex<Histogram>> {
    fn histogram(&self) -> MutexGuard<'_, Histogram> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HistogramFn for Held<Mutex<Histogram>> {
    fn record(&self, value: f64) {
        self.histogram().record(value);
    }
}

#[cfg(test)]
mod tests;
