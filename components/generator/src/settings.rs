//! The settings of the `generator` source, and what they make of each scenario.

mod incident;

use std::path::PathBuf;

use logd_sdk::component::SourceSettings;
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{Duration, Moment};
use logd_sdk::{Check, Context, Settings, Time};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::generator::Plan;
use crate::scenario::{BUCKET, Kind, Scenario, Service};
use crate::schedule::NOMINAL_RATE;
use crate::source::{ClassicSource, GeneratorSource, ScenarioPlan, ScenarioSource};
use crate::speed::Speed;

use incident::IncidentSettings;

/// Makes the logs of services at will: as many as you like, with the incidents that you want found.
///
/// After a restart it goes on with the line that would have come next. In the scenario `classic`, what it did not make
/// during a stop of up to a minute it makes at once; a longer stop is left out: all that was still to come, incidents
/// too, comes as much later. In the scenario `incidents` it makes all at once that a stop left out. With `start`, its
/// clock stands still while logd does not run, so that time stamps never change.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GeneratorSettings {
    /// What is made.
    scenario: ScenarioKind,
    /// In the scenario `classic`, log lines a second, over all services together and before incidents; 1000 without it.
    /// 0 is as fast as can be, with time stamps as at 1000 a second.
    rate: Option<u32>,
    /// In the scenario `incidents`, how many times faster than the clock event time goes, 0.001 to 1000000, or `"max"`
    /// for as fast as can be; 1 without it. At another speed than 1 it begins on Monday, 2024-01-01, unless `start` is
    /// given, and has a clock of its own.
    speed: Option<Speed>,
    /// How many lines to make, those of the backfill included; then the input ends. Without it, the scenario `classic`
    /// never ends, and the scenario `incidents` after its days.
    count: Option<u64>,
    /// Where all chance comes from: the same seed makes the same lines. Without it, the component's name decides, so
    /// that every start makes the same lines, and two generators make different ones.
    seed: Option<u64>,
    /// What its clock reads when it first starts: with the same seed and start, every byte is the same. Without it, it
    /// follows the clock of the system.
    start: Option<Moment>,
    /// So much of the past is made at the first start, as fast as can be, so that baselines are full within seconds.
    backfill: Duration,
    /// What goes wrong, and when; in the scenario `incidents` beside what is drawn by chance.
    incidents: Vec<IncidentSettings>,
    /// A file that the first start writes: for each incident a JSON object on a line, with `service`, `kind`, `start`,
    /// `end`, `benign` and `params`, and in the scenario `incidents` also for what only looks like one, and with
    /// `evidence` in nats. A relative path begins at the working directory. In the scenario `classic` long stops move
    /// incidents and not their labels, unless `start` is given.
    labels: Option<PathBuf>,
    /// In the scenario `incidents`, who makes requests; without it, twelve services.
    services: Option<Vec<Service>>,
    /// In the scenario `incidents`, how many days it lasts, the backfill's included, 1 to 366; 14 without it.
    days: Option<u32>,
    /// In the scenario `incidents`, so many days at its beginning are without incidents drawn by chance, so that
    /// detectors learn what is normal; 4 without it.
    warm_up_days: Option<u32>,
    /// In the scenario `incidents`, what the rates of all services are multiplied by, 0 to 1000; 1 without it.
    rate_factor: Option<f64>,
    /// In the scenario `incidents`, how many incidents are drawn by chance for each service and day behind the warm-up,
    /// on average, 0 to 24; 0.6 without it.
    incidents_per_day: Option<f64>,
    /// In the scenario `incidents`, the kinds of incidents that are drawn; without it, all.
    kinds: Option<Vec<Kind>>,
    /// In the scenario `incidents`, new versions of each service a day that change little, on average, 0 to 100; 0.33
    /// without it.
    deploys_per_day: Option<f64>,
    /// In the scenario `incidents`, whether each service has one new version behind the warm-up that is much slower or
    /// faster; true without it.
    big_deploy: Option<bool>,
}

/// What is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ScenarioKind {
    /// Five services with equal traffic, and one mix of levels and response times for all.
    #[default]
    Classic,
    /// Services each with its own rate, seasons, noise and new versions, and labelled incidents of ten kinds, to judge
    /// detectors by.
    Incidents,
}

impl GeneratorSettings {
    /// The classic plan whose live time begins at `live`, with a seed for want of another.
    fn plan(&self, live: Time, seed: u64) -> Plan {
        Plan {
            seed: self.seed.unwrap_or(seed),
            start: live.before(*self.backfill).as_micros(),
            live: live.as_micros(),
            rate: self.rate.unwrap_or(NOMINAL_RATE),
            count: self.count,
            incidents: self.incidents.iter().filter_map(IncidentSettings::classic).collect(),
        }
    }

    /// How fast the scenario `incidents` goes.
    fn speed(&self) -> Speed {
        self.speed.unwrap_or(Speed::REAL)
    }

    /// The scenario `incidents`, where the system's clock reads `now`.
    fn scenario(&self, now: Time) -> Scenario {
        let usual = Scenario::incidents();
        let start = match self.start {
            Some(start) => start.time().before(*self.backfill),
            // Windows begin at full seconds, and so do buckets.
            None if self.speed() == Speed::REAL => {
                let begin = now.before(*self.backfill).as_micros();
                Time::from_micros(begin - begin.rem_euclid(BUCKET))
            }
            None => usual.start,
        };
        Scenario {
            start,
            days: self.days.unwrap_or(usual.days),
            warm_up_days: self.warm_up_days.unwrap_or(usual.warm_up_days),
            rate_factor: self.rate_factor.unwrap_or(usual.rate_factor),
            services: self.services.clone().unwrap_or(usual.services),
            incidents_per_day: self.incidents_per_day.unwrap_or(usual.incidents_per_day),
            kinds: self.kinds.clone().unwrap_or(usual.kinds),
            deploys_per_day: self.deploys_per_day.unwrap_or(usual.deploys_per_day),
            big_deploy: self.big_deploy.unwrap_or(usual.big_deploy),
            incidents: self.incidents.iter().filter_map(|incident| incident.planned(self.backfill)).collect(),
        }
    }

    /// Reports settings of the other scenario.
    fn check_foreign(&self, report: &mut Report) {
        let (foreign, scenario) = match self.scenario {
            ScenarioKind::Classic => (
                vec![
                    ("speed", self.speed.is_some()),
                    ("services", self.services.is_some()),
                    ("days", self.days.is_some()),
                    ("warm_up_days", self.warm_up_days.is_some()),
                    ("rate_factor", self.rate_factor.is_some()),
                    ("incidents_per_day", self.incidents_per_day.is_some()),
                    ("kinds", self.kinds.is_some()),
                    ("deploys_per_day", self.deploys_per_day.is_some()),
                    ("big_deploy", self.big_deploy.is_some()),
                ],
                "incidents",
            ),
            ScenarioKind::Incidents => (vec![("rate", self.rate.is_some())], "classic"),
        };
        for (key, _) in foreign.into_iter().filter(|(_, given)| *given) {
            let problem = report.error(key, format!("`{key}` is a setting of the scenario `{scenario}`"));
            problem.help(match key {
                "rate" => "services have rates of their own; write rate_factor = 0.1, or speed = \"max\"".to_owned(),
                _ => format!("write scenario = \"{scenario}\""),
            });
        }
    }

    fn check_incidents(&self, report: &mut Report) {
        let before = report.problems().len();
        for (index, incident) in self.incidents.iter().enumerate() {
            let key = KeyPath::from("incidents").index(index);
            match self.scenario {
                ScenarioKind::Classic => incident.check_classic(&key, self.backfill, report),
                ScenarioKind::Incidents => incident.check_planned(&key, self.backfill, report),
            }
        }
        // An incident that can't be planned is not in the scenario, and would move the numbers of others.
        if self.scenario == ScenarioKind::Incidents && report.problems().len() == before {
            self.scenario(Time::EPOCH.after(*self.backfill)).check(report);
        }
    }
}

impl Settings for GeneratorSettings {
    const NAME: &'static str = "generator";
    const SUMMARY: &'static str = "Makes the logs of services at will, with the incidents that you want found";
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
        self.check_foreign(check.report);
        self.check_incidents(check.report);
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
        self.count.is_some() || self.scenario == ScenarioKind::Incidents
    }

    async fn build(&self, context: &Context) -> anyhow::Result<GeneratorSource> {
        let partition = context.partition("");
        let now = context.clock.now();
        match self.scenario {
            ScenarioKind::Classic => {
                let plan = self.plan(self.start.map_or(now, Moment::time), partition.hash());
                anyhow::ensure!(plan.start >= 0, "the backfill of {} begins before 1970", self.backfill);
                let clock = self.start.is_none().then(|| context.clock.clone());
                Ok(ClassicSource::new(plan, clock, partition, self.labels.clone()).into())
            }
            ScenarioKind::Incidents => {
                let scenario = self.scenario(now);
                anyhow::ensure!(scenario.start >= Time::EPOCH, "the backfill of {} begins before 1970", self.backfill);
                let follows = self.start.is_none() && self.speed() == Speed::REAL;
                let live = if follows { now } else { scenario.start.after(*self.backfill) };
                let seed = self.seed.unwrap_or(partition.hash());
                let plan = ScenarioPlan { scenario, seed, count: self.count, live, speed: self.speed() };
                let clock = follows.then(|| context.clock.clone());
                Ok(ScenarioSource::new(plan, clock, partition, self.labels.clone()).into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
