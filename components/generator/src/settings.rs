//! The settings of the `generator` source, and the plan that they make.

use std::path::PathBuf;

use logd_sdk::component::SourceSettings;
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::Duration;
use logd_sdk::{Check, Context, Settings, Time};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::generator::Plan;
use crate::incident::{Incident, Kind};
use crate::moment::Moment;
use crate::offset::{Offset, micros};
use crate::schedule::NOMINAL_RATE;
use crate::service::Service;
use crate::source::GeneratorSource;

/// Makes the logs of five services at will: as many as you like, with the incidents that you want found.
///
/// After a restart it goes on with the line that would have come next. What it did not make during a stop of up to a
/// minute it makes at once. A longer stop is left out: all that was still to come, incidents too, comes as much later.
/// With `start`, its clock stands still while logd does not run, so that time stamps never change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GeneratorSettings {
    /// What is made.
    scenario: Scenario,
    /// Log lines a second, over all services together and before incidents. 0 is as fast as can be, with time stamps as
    /// at 1000 a second.
    rate: u32,
    /// How many lines to make, those of the backfill included; then the input ends. Without it, it never ends.
    count: Option<u64>,
    /// Where all chance comes from: the same seed makes the same lines. Without it, the component's name decides, so
    /// that every start makes the same lines, and two generators make different ones.
    seed: Option<u64>,
    /// What its clock reads when it first starts: with the same seed and start, every byte is the same. Without it, it
    /// follows the clock of the system.
    start: Option<Moment>,
    /// So much of the past is made at the first start, as fast as can be, so that baselines are full within seconds.
    backfill: Duration,
    /// What goes wrong, and when.
    incidents: Vec<IncidentSettings>,
    /// A file that the first start writes: for each incident a JSON object on a line, with `service`, `kind`, `start`,
    /// `end`, `benign` and `params`. A relative path begins at the working directory. Long stops move incidents and not
    /// their labels, unless `start` is given.
    labels: Option<PathBuf>,
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Scenario {
    /// Five services with equal traffic, and one mix of levels and response times for all.
    Classic,
}

/// One thing that goes wrong with one service. Several of one kind at the same time multiply.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IncidentSettings {
    /// What goes wrong.
    kind: Kind,
    /// With which service.
    service: Service,
    /// When it begins, told from the first start: `"20s"` after it, or `"-10m"`, in the backfill.
    at: Offset,
    /// How long it lasts.
    #[serde(rename = "for")]
    duration: Duration,
    /// What response times, the share of failures or the number of lines are multiplied by, 0 to 1000. Not for silence.
    factor: Option<f64>,
}

impl Default for GeneratorSettings {
    fn default() -> Self {
        Self {
            scenario: Scenario::Classic,
            rate: NOMINAL_RATE,
            count: None,
            seed: None,
            start: None,
            backfill: Duration::default(),
            incidents: Vec::new(),
            labels: None,
        }
    }
}

impl IncidentSettings {
    fn incident(&self) -> Incident {
        let Self { kind, service, at, duration, factor } = self;
        // Only silence may be without a factor, and takes no notice of it.
        let factor = factor.unwrap_or(1.0);
        Incident { kind: *kind, service: *service, at: at.micros(), duration: micros(*duration), factor }
    }

    /// Reports what is wrong with the incident at `key`.
    fn check(&self, key: &KeyPath, backfill: Duration, report: &mut Report) {
        let incident = self.incident();
        for (setting, expected) in incident.check() {
            report.error(key.clone().key(setting), expected);
        }
        match (self.kind, self.factor) {
            (Kind::Silence, Some(_)) => {
                let problem = report.warning(key.clone().key("factor"), "silence has no factor");
                problem.help("leave it out, or make it `kind = \"traffic\"`");
            }
            (Kind::Silence, None) | (_, Some(_)) => {}
            (kind, None) => {
                let message = format!("an incident of kind `{}` needs a factor", kind.name());
                report.error(key.clone().key("factor"), message).help("write factor = 4.0");
            }
        }
        if incident.at.saturating_add(incident.duration) <= -micros(backfill) {
            let message = format!("the incident is over before the backfill begins, {backfill} before the start");
            report.warning(key.clone().key("at"), message).help("make `backfill` longer, or `at` later");
        }
    }
}

impl GeneratorSettings {
    /// The plan whose live time begins at `live`, with a seed for want of another.
    fn plan(&self, live: Time, seed: u64) -> Plan {
        let Scenario::Classic = self.scenario;
        Plan {
            seed: self.seed.unwrap_or(seed),
            start: live.before(*self.backfill).as_micros(),
            live: live.as_micros(),
            rate: self.rate,
            count: self.count,
            incidents: self.incidents.iter().map(IncidentSettings::incident).collect(),
        }
    }
}

impl Settings for GeneratorSettings {
    const NAME: &'static str = "generator";
    const SUMMARY: &'static str = "Makes the logs of five services at will, with the incidents that you want found";
    const EXAMPLE: &'static str = r#"
rate = 1000
backfill = "30m"
incidents = [
    { kind = "latency", service = "payment-service", at = "20s", for = "15s", factor = 4.0 },
    { kind = "silence", service = "database", at = "-10m", for = "1m" },
]
labels = "labels.jsonl"
"#;

    fn check(&self, check: &mut Check<'_>) {
        for (index, incident) in self.incidents.iter().enumerate() {
            incident.check(&KeyPath::from("incidents").index(index), self.backfill, check.report);
        }
        if self.start.is_some_and(|start| start.time().before(*self.backfill) < Time::EPOCH) {
            check.report.error("backfill", "the backfill begins before 1970").help("make it shorter, or `start` later");
        }
        if self.labels.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            check.report.error("labels", "a file needs a name").help("write labels = \"labels.jsonl\"");
        }
    }
}

impl SourceSettings for GeneratorSettings {
    type Source = GeneratorSource;

    fn ends(&self) -> bool {
        self.count.is_some()
    }

    async fn build(&self, context: &Context) -> anyhow::Result<GeneratorSource> {
        let partition = context.partition("");
        let live = self.start.map_or_else(|| context.clock.now(), Moment::time);
        let plan = self.plan(live, partition.hash());
        anyhow::ensure!(plan.start >= 0, "the backfill of {} begins before 1970", self.backfill);
        let clock = self.start.is_none().then(|| context.clock.clone());
        Ok(GeneratorSource::new(plan, clock, partition, self.labels.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use logd_sdk::condition::{Condition, Conditions};
    use logd_sdk::settings::Fault;
    use toml::de::DeTable;

    use super::*;
    use crate::COMPONENTS;

    struct NoConditions;

    impl Conditions for NoConditions {
        fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
            Err(Vec::new())
        }
    }

    /// What is wrong with a text: the message of the type that refused it, or all that `check` finds, with its key.
    fn problems(text: &str) -> Vec<String> {
        let plan = match (COMPONENTS[0].parse)(DeTable::parse(text).unwrap()) {
            Ok(plan) => plan,
            Err(error) => return vec![Fault::parse(error.message()).message],
        };
        let mut report = Report::default();
        plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    fn incident(rest: &str) -> Vec<String> {
        problems(&format!("backfill = '30m'\nincidents = [{{ service = 'database', {rest} }}]"))
    }

    #[test]
    fn reads_its_example() {
        assert!(problems(GeneratorSettings::EXAMPLE).is_empty());
        let settings: GeneratorSettings = toml::from_str(GeneratorSettings::EXAMPLE).unwrap();
        let plan = settings.plan(Time::from_micros(3_600_000_000), 7);
        assert_eq!((plan.seed, plan.start, plan.live), (7, 1_800_000_000, 3_600_000_000));
        assert_eq!(plan.incidents[1].at, -600_000_000);
        assert_eq!(plan.incidents[0].duration, 15_000_000);
    }

    #[test]
    fn needs_nothing() {
        let settings: GeneratorSettings = toml::from_str("").unwrap();
        assert_eq!((settings.rate, settings.ends()), (1000, false));
        assert!(problems("rate = 0").is_empty());
        let settings: GeneratorSettings = toml::from_str("seed = 3\ncount = 5").unwrap();
        assert_eq!((settings.plan(Time::EPOCH, 7).seed, settings.ends()), (3, true));
    }

    #[test]
    fn rejects_what_it_must() {
        for (text, message) in [
            ("rate = -1", "invalid value: integer `-1`, expected u32"),
            ("scenario = 'modern'", "unknown variant `modern`, expected `classic`"),
            ("backfill = 5", "the duration 5 has no unit"),
            ("start = 1969-01-01T00:00:00Z", "`1969-01-01T00:00:00Z` is not within the years 1970 to 9999"),
            ("start = 1970-01-01T00:10:00Z\nbackfill = '11m'", "backfill: the backfill begins before 1970"),
            ("labels = ''", "labels: a file needs a name"),
        ] {
            assert_eq!(problems(text), [message]);
        }
        assert!(problems("speed = 1")[0].starts_with("unknown field `speed`"));
    }

    #[test]
    fn rejects_incidents_that_make_no_sense() {
        for (text, message) in [
            ("kind = 'latency', at = '1s', for = '1s'", "factor: an incident of kind `latency` needs a factor"),
            ("kind = 'latency', at = '1s', for = '0s', factor = 4", "for: an incident lasts longer than 0"),
            ("kind = 'traffic', at = '1s', for = '1s', factor = -1", "factor: a factor lies between 0 and 1000"),
            ("kind = 'silence', at = '1s', for = '1s', factor = 2", "factor: silence has no factor"),
        ] {
            assert_eq!(incident(text), [format!("incidents[0].{message}")]);
        }
        let message = "incidents[0].at: the incident is over before the backfill begins, 30m before the start";
        assert_eq!(incident("kind = 'silence', at = '-31m', for = '1m'"), [message]);
        assert!(incident("kind = 'silence', at = '-31m', for = '2m'").is_empty());
        assert_eq!(incident("kind = 'silence', at = -5, for = '1s'"), ["the time -5 has no unit"]);
        let both = "kind = 'traffic', at = '1s', for = '0s', factor = 1001";
        assert_eq!(incident(both).len(), 2, "all that is wrong is said at once");
    }
}
