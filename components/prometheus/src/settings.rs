//! The settings of the `prometheus` sink, and the rules that they make.
//!
//! Names that the user gives are taken to the letter, so what Prometheus would not take is a mistake. Names that come out
//! of events are made to fit instead.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;

use anyhow::bail;
use logd_sdk::component::SinkSettings;
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::{Duration, FieldPath};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::names;
use crate::sink::PrometheusSink;

/// Shows numbers of events as gauges at the daemon's own `/metrics`: the last value that each field had.
///
/// Made for what windows and detectors say, an event for each key and interval. A value that is missing, no number, NaN
/// or infinite leaves the gauge as it is and is counted in `logd_prometheus_skipped_values_total`, by its reason.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusSettings {
    /// The gauges, by their names. Without any, each field that holds a number becomes one, labelled with all fields of
    /// the event that hold text.
    metrics: BTreeMap<String, Metric>,
    /// Put in front of all names, with a `_` between. Without it, names under `metrics` stay as they are, and others
    /// begin with the pipeline's name.
    namespace: Option<String>,
    /// How many series there may be; values for more are left out and counted.
    max_series: NonZeroUsize,
    /// A series for which no value came for so long is given up: it makes room, and leaves `/metrics` within six minutes.
    idle_timeout: Duration,
}

/// A gauge.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Metric {
    /// The field that holds its value.
    field: FieldPath,
    /// The fields that become its labels, under their own names. One that an event does not have is left out.
    #[serde(default)]
    labels: Vec<FieldPath>,
    /// What it says, for people who meet it in Prometheus.
    help: Option<String>,
}

impl Default for PrometheusSettings {
    /// Windows of a minute keep their series, and a key that has gone is not shown for an hour.
    fn default() -> Self {
        Self {
            metrics: BTreeMap::new(),
            namespace: None,
            max_series: NonZeroUsize::MIN.saturating_add(9_999),
            idle_timeout: Duration::from_secs(600),
        }
    }
}

/// A gauge, ready to be set.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: String,
    /// Where its value stands.
    pub(crate) field: FieldPath,
    /// The names of its labels, and where their values stand.
    pub(crate) labels: Vec<(String, FieldPath)>,
    /// What it says.
    pub(crate) help: String,
}

impl PrometheusSettings {
    /// The name of the gauge that is called `name` under `metrics`.
    fn full_name(&self, name: &str) -> String {
        match self.namespace.as_deref() {
            None | Some("") => name.to_owned(),
            Some(namespace) => format!("{namespace}_{name}"),
        }
    }

    /// The gauges under `metrics`, in the order of their names.
    fn rules(&self) -> Vec<Rule> {
        let rule = |(name, metric): (&String, &Metric)| Rule {
            name: self.full_name(name),
            field: metric.field.clone(),
            labels: metric
                .labels
                .iter()
                .map(|path| (names::label(&names::joined(path.path())), path.clone()))
                .collect(),
            help: metric.help.clone().unwrap_or_else(|| format!("The last value of `{}`.", metric.field)),
        };
        self.metrics.iter().map(rule).collect()
    }
}

impl Settings for PrometheusSettings {
    const NAME: &'static str = "prometheus";
    const ALIASES: &'static [&'static str] = &["prometheus_exporter"];
    const SUMMARY: &'static str = "Shows window results as gauges at the daemon's own /metrics";
    const EXAMPLE: &'static str = r#"
namespace = "web"

[metrics.error_ratio]
field = "error_rate"
labels = ["service"]
help = "The share of requests that failed."
"#;

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        if let Some(namespace) = self.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
            if !names::is_valid(namespace) {
                report
                    .error("namespace", format!("`{namespace}` can't begin the name of a metric"))
                    .help("use letters, digits and `_`");
            } else if names::is_own(&format!("{namespace}_")) {
                report
                    .error("namespace", format!("names that begin with `{namespace}_` are logd's own"))
                    .help("choose another");
            }
        }
        for (name, rule) in self.metrics.keys().zip(self.rules()) {
            let key = KeyPath::from(["metrics", name]);
            if !names::is_valid(name) {
                report
                    .error(key.clone(), format!("`{name}` can't be the name of a metric"))
                    .help("use letters, digits and `_`, and no digit in front");
            } else if self.namespace.is_none() && names::is_own(name) {
                report
                    .error(key.clone(), format!("`{name}` looks like one of logd's own metrics"))
                    .help("choose another name");
            }
            if let Some(ending) = names::reserved_ending(name) {
                report
                    .warning(key.clone(), format!("Prometheus takes a name that ends in `{ending}` for no gauge"))
                    .help("choose another name");
            }
            let mut seen = HashSet::new();
            for (index, (label, path)) in rule.labels.iter().enumerate() {
                if !seen.insert(label) {
                    report.error(
                        key.clone().key("labels").index(index),
                        format!("`{path}` is the second label with the name `{label}`"),
                    );
                }
            }
        }
    }

    /// The fields of its metrics; without any, all there are.
    fn reads(&self, _: &dyn Conditions) -> Reads {
        if self.metrics.is_empty() {
            return Reads::Whole;
        }
        let fields = self.metrics.values().flat_map(|metric| metric.labels.iter().chain([&metric.field]));
        Reads::Fields(fields.map(|field| field.path().clone()).collect())
    }
}

impl SinkSettings for PrometheusSettings {
    type Sink = PrometheusSink;

    async fn build(&self, context: &Context) -> anyhow::Result<PrometheusSink> {
        let namespace = self.namespace.as_deref().unwrap_or_else(|| context.id.pipeline());
        if self.metrics.is_empty() && names::is_own(&names::name(namespace, "")) {
            bail!("names that begin with `{namespace}_` are logd's own: set `namespace`");
        }
        Ok(PrometheusSink::new(self.rules(), namespace, self.max_series.get(), *self.idle_timeout, &context.meters))
    }
}

#[cfg(test)]
mod tests {

    use logd_sdk::contract::NoConditions;
    use logd_sdk::report::Report;

    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let settings: PrometheusSettings = toml::from_str(text).expect("settings");
        let mut report = Report::default();
        settings.check(&mut Check { report: &mut report, conditions: &NoConditions });
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn reads_its_example() {
        let table = toml::de::DeTable::parse(PrometheusSettings::EXAMPLE).expect("TOML");
        assert!((crate::COMPONENTS[0].parse)(table).is_ok());
        assert_eq!(problems(PrometheusSettings::EXAMPLE), [""; 0]);
    }

    #[test]
    fn says_what_prometheus_would_not_take() {
        assert_eq!(
            problems(
                r#"
                [metrics.5xx]
                field = "a"
                [metrics.errors_total]
                field = "b"
                labels = ["a.b", "c", "a_b"]
                [metrics.logd_rate]
                field = "c"
                "#
            ),
            [
                "metrics.5xx: `5xx` can't be the name of a metric",
                "metrics.errors_total: Prometheus takes a name that ends in `_total` for no gauge",
                "metrics.errors_total.labels[2]: `a_b` is the second label with the name `a_b`",
                "metrics.logd_rate: `logd_rate` looks like one of logd's own metrics",
            ]
        );
        assert_eq!(problems("namespace = 'logd'"), ["namespace: names that begin with `logd_` are logd's own"]);
        assert_eq!(problems("namespace = 'a b'"), ["namespace: `a b` can't begin the name of a metric"]);
        assert_eq!(problems("namespace = ''"), [""; 0]);
        assert!(toml::from_str::<PrometheusSettings>("max_series = 0").is_err());
    }

    #[test]
    fn reads_what_its_metrics_need_or_everything() {
        let reads = |text: &str| toml::from_str::<PrometheusSettings>(text).expect("settings").reads(&NoConditions);
        let Reads::Fields(fields) = reads(PrometheusSettings::EXAMPLE) else { panic!("some fields") };
        assert_eq!(fields.iter().map(ToString::to_string).collect::<Vec<_>>(), ["service", "error_rate"]);
        assert_eq!(reads(""), Reads::Whole);
    }
}
