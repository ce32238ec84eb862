//! The figures of a scenario: what is simulated, over which time, and what goes wrong.

use logd_sdk::Time;
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{Duration, Moment};
use serde::{Deserialize, Deserializer};

use super::{DAY, Kind, Service, table};

/// A scenario: services over some days, with what goes wrong. It reads from TOML; what is left out is as in
/// [`Scenario::incidents`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// When it begins.
    #[serde(deserialize_with = "moment")]
    pub start: Time,
    /// How many days it lasts, 1 to [`Scenario::MOST_DAYS`].
    pub days: u32,
    /// So many days at its beginning are without incidents, so that detectors learn what is normal.
    pub warm_up_days: u32,
    /// What all rates are multiplied by, 0 to 1000.
    pub rate_factor: f64,
    /// Who makes requests.
    pub services: Vec<Service>,
    /// Incidents drawn by chance for each service and day behind the warm-up, on average; 0 to 24.
    pub incidents_per_day: f64,
    /// The kinds of incidents that are drawn.
    pub kinds: Vec<Kind>,
    /// New versions of each service a day that change little, on average; 0 to 100.
    pub deploys_per_day: f64,
    /// Whether each service has one new version behind the warm-up that is much slower or faster.
    pub big_deploy: bool,
    /// Incidents at times of their own, beside those that are drawn.
    pub incidents: Vec<Planned>,
}

/// An incident at a time of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What goes wrong.
    pub kind: Kind,
    /// With which service.
    pub service: String,
    /// When it begins, told from the scenario's start; it counts in steps of ten seconds.
    pub at: Duration,
    /// How long it lasts, ten seconds or more.
    #[serde(rename = "for")]
    pub duration: Duration,
    /// What response times or the rate are multiplied by, 0.001 to 1000, or for a rate 0 to 1000.
    pub factor: Option<f64>,
    /// The share of requests that fail or are slow, 0 to 1.
    pub share: Option<f64>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self::incidents()
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    Moment::deserialize(deserializer).map(Moment::time)
}

impl Scenario {
    /// More days than this need more than seconds to be taken up again.
    pub const MOST_DAYS: u32 = 366;

    /// The workload that detectors are judged by: twelve services over two weeks, the first four days without
    /// incidents, from Monday, 2024-01-01.
    #[must_use]
    pub fn incidents() -> Self {
        Self {
            start: Time::from_micros(1_704_067_200_000_000),
            days: 14,
            warm_up_days: 4,
            rate_factor: 1.0,
            services: table::services(),
            incidents_per_day: 0.6,
            kinds: Kind::INCIDENTS.into(),
            deploys_per_day: 1.0 / 3.0,
            big_deploy: true,
            incidents: Vec::new(),
        }
    }

    /// The same with nothing wrong: what is benign stays as it was, and so does all that was outside of incidents.
    #[must_use]
    pub fn without_incidents(self) -> Self {
        Self { incidents_per_day: 0.0, incidents: Vec::new(), ..self }
    }

    /// Buckets in all.
    pub(crate) fn buckets(&self) -> u64 {
        u64::from(self.days) * DAY
    }

    /// Days behind the warm-up.
    pub(crate) fn scored_days(&self) -> u32 {
        self.days.saturating_sub(self.warm_up_days)
    }

    /// Reports all figures that make no sense, at their keys.
    pub fn check(&self, report: &mut Report) {
        if !(1..=Self::MOST_DAYS).contains(&self.days) {
            report.error("days", format!("a scenario lasts 1 to {} days", Self::MOST_DAYS));
        } else if self.warm_up_days > self.days {
            report.error("warm_up_days", format!("the warm-up is longer than the scenario's {} days", self.days));
        }
        for (key, figure, greatest) in [
            ("rate_factor", self.rate_factor, 1000.0),
            ("incidents_per_day", self.incidents_per_day, 24.0),
            ("deploys_per_day", self.deploys_per_day, 100.0),
        ] {
            if !(0.0..=greatest).contains(&figure) {
                report.error(key, format!("`{key}` lies between 0 and {greatest}"));
            }
        }
        for (index, kind) in self.kinds.iter().enumerate().filter(|(_, kind)| kind.is_benign()) {
            report.error(KeyPath::from("kinds").index(index), format!("`{}` is benign and no incident", kind.name()));
        }
        self.check_services(report);
        for (index, planned) in self.incidents.iter().enumerate() {
            planned.check(&KeyPath::from("incidents").index(index), self, report);
        }
    }

    fn check_services(&self, report: &mut Report) {
        if self.services.is_empty() {
            report.error("services", "a scenario needs a service");
        }
        for (index, service) in self.services.iter().enumerate() {
            let key = KeyPath::from("services").index(index);
            service.check(&key, report);
            if self.services[..index].iter().any(|other| other.name == service.name) {
                report.error(key.key("name"), format!("there is another service `{}`", service.name));
            }
        }
    }
}

impl Planned {
    /// Reports what is wrong with the incident at `key`.
    fn check(&self, key: &KeyPath, scenario: &Scenario, report: &mut Report) {
        if self.kind.is_benign() {
            report.error(key.clone().key("kind"), format!("`{}` is benign and no incident", self.kind.name()));
            return;
        }
        if !scenario.services.iter().any(|service| service.name == self.service) {
            let names: Vec<String> = scenario.services.iter().map(|service| format!("`{}`", service.name)).collect();
            let problem = report.error(key.clone().key("service"), format!("there is no service `{}`", self.service));
            problem.help(format!("its services are {}", names.join(", ")));
        }
        if self.duration.as_secs() < super::BUCKET_SECONDS {
            report.error(key.clone().key("for"), "an incident lasts ten seconds or more");
        }
        if self.at.as_secs() >= u64::from(scenario.days) * 86_400 {
            report.error(key.clone().key("at"), format!("the scenario is over after {} days", scenario.days));
        }
        let least = if matches!(self.kind, Kind::TrafficDrop | Kind::TrafficSurge) { 0.0 } else { 0.001 };
        self.check_figure(("factor", self.kind.has_factor(), self.factor, least, 1000.0), key, report);
        self.check_figure(("share", self.kind.has_share(), self.share, 0.0, 1.0), key, report);
    }

    /// Reports a figure of an incident by its name, whether the kind has one, what it is, and what it may be.
    fn check_figure(&self, figure: (&str, bool, Option<f64>, f64, f64), key: &KeyPath, report: &mut Report) {
        let (name, wanted, given, least, greatest) = figure;
        let (key, kind) = (key.clone().key(name), self.kind.name());
        match given {
            None if wanted => report.error(key, format!("an incident of kind `{kind}` needs a {name}")),
            Some(_) if !wanted => report.error(key, format!("an incident of kind `{kind}` has no {name}")),
            Some(figure) if !(least..=greatest).contains(&figure) => {
                report.error(key, format!("a {name} lies between {least} and {greatest}"))
            }
            _ => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let mut report = Report::default();
        toml::from_str::<Scenario>(text).unwrap().check(&mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn reads_a_scenario_of_ones_own() {
        let text = r#"
            start = "2024-06-03T00:00:00Z"
            days = 2
            warm_up_days = 1
            [[services]]
            name = "checkout"
            rate = 12.5
            median_ms = 40
            sigma = 0.5
            [[incidents]]
            kind = "outage"
            service = "checkout"
            at = "26h"
            for = "5m"
            factor = 3.0
            share = 0.5
        "#;
        assert!(problems(text).is_empty());
        let scenario: Scenario = toml::from_str(text).unwrap();
        assert_eq!((scenario.services.len(), scenario.incidents.len(), scenario.rate_factor), (1, 1, 1.0));
        assert_eq!((scenario.services[0].weekend, scenario.services[0].diurnal), (1.0, 0.0));
        assert!(problems("").is_empty());
        assert_eq!(toml::from_str::<Scenario>("").unwrap(), Scenario::incidents());
    }

    #[test]
    fn rejects_what_it_must() {
        for (text, message) in [
            ("days = 0", "days: a scenario lasts 1 to 366 days"),
            ("days = 3", "warm_up_days: the warm-up is longer than the scenario's 3 days"),
            ("rate_factor = -1", "rate_factor: `rate_factor` lies between 0 and 1000"),
            ("incidents_per_day = nan", "incidents_per_day: `incidents_per_day` lies between 0 and 24"),
            ("kinds = ['outage', 'blip']", "kinds[1]: `blip` is benign and no incident"),
            ("services = []", "services: a scenario needs a service"),
        ] {
            assert_eq!(problems(text), [message]);
        }
    }

    #[test]
    fn rejects_services_that_make_no_sense() {
        let service = |rest: &str| problems(&format!("services = [{{ sigma = 0.5, {rest} }}]"));
        for (rest, message) in [
            ("name = 'a', median_ms = 1, rate = -1", "rate: `rate` lies between 0 and 100000"),
            ("name = 'a', median_ms = 0, rate = 1", "median_ms: `median_ms` lies between 0.001 and 1000000"),
            (
                "name = 'a b', median_ms = 1, rate = 1",
                "name: a service needs a name of letters, digits, `-`, `_` and `.`",
            ),
            ("name = 'a', median_ms = 1, rate = 1, diurnal = 2", "diurnal: `diurnal` lies between 0 and 1"),
        ] {
            assert_eq!(service(rest), [format!("services[0].{message}")]);
        }
        let two = "name = 'a', rate = 1, median_ms = 1 }, { sigma = 1, name = 'a', rate = 1, median_ms = 1";
        assert_eq!(service(two), ["services[1].name: there is another service `a`"]);
    }

    #[test]
    fn rejects_incidents_that_make_no_sense() {
        let incident = |rest: &str| problems(&format!("incidents = [{{ at = '5d', {rest} }}]"));
        for (rest, message) in [
            (
                "kind = 'outage', service = 'auth', for = '1m', factor = 2",
                "share: an incident of kind `outage` needs a share",
            ),
            (
                "kind = 'silence', service = 'auth', for = '1m', share = 1",
                "share: an incident of kind `silence` has no share",
            ),
            ("kind = 'silence', service = 'auht', for = '1m'", "service: there is no service `auht`"),
            ("kind = 'silence', service = 'auth', for = '9s'", "for: an incident lasts ten seconds or more"),
            ("kind = 'cron', service = 'auth', for = '1m'", "kind: `cron` is benign and no incident"),
            (
                "kind = 'slow_ramp', service = 'auth', for = '1m', factor = 0",
                "factor: a factor lies between 0.001 and 1000",
            ),
        ] {
            assert_eq!(incident(rest), [format!("incidents[0].{message}")]);
        }
        let late = problems("incidents = [{ kind = 'silence', service = 'auth', at = '14d', for = '1m' }]");
        assert_eq!(late, ["incidents[0].at: the scenario is over after 14 days"]);
    }
}
