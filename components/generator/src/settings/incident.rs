//! An incident as users write it, for each of the scenarios.

use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::Duration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::incident::{Incident, Kind};
use crate::offset::{Offset, micros};
use crate::scenario::{self, Planned};
use crate::service::Service;

/// One thing that goes wrong with one service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentSettings {
    /// What goes wrong: in the scenario `classic` one of `latency`, `error_rate`, `traffic` and `silence`, of which
    /// several at the same time multiply; in the scenario `incidents` one of the others, or `silence`.
    kind: AnyKind,
    /// With which service.
    service: String,
    /// When it begins, told from the first start: `"20s"` after it, or `"-10m"`, in the backfill. In the scenario
    /// `incidents` it counts in steps of ten seconds.
    at: Offset,
    /// How long it lasts.
    #[serde(rename = "for")]
    duration: Duration,
    /// What response times, the share of failures or the number of lines are multiplied by, 0 to 1000. Not for silence,
    /// nor for kinds that have a share only.
    factor: Option<f64>,
    /// The share of requests that fail or are slow, 0 to 1, in the scenario `incidents` for `tail_latency`,
    /// `error_burst`, `error_slow_burn` and `outage`.
    share: Option<f64>,
}

/// The kinds of both scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AnyKind {
    /// Classic: every response time is multiplied by the factor.
    Latency,
    /// Classic: the share of lines that are ERROR or CRITICAL is multiplied by the factor.
    ErrorRate,
    /// Classic: the number of lines is multiplied by the factor.
    Traffic,
    /// Nothing comes.
    Silence,
    /// Response times are multiplied by the factor.
    LatencyShift,
    /// The same, for seconds.
    LatencySpike,
    /// The response times of a share of the requests are multiplied by the factor.
    TailLatency,
    /// Response times grow to the factor, and stay there for the last ten minutes.
    SlowRamp,
    /// A share of the requests fails.
    ErrorBurst,
    /// The same, a small share for hours.
    ErrorSlowBurn,
    /// The rate is multiplied by a factor below 1.
    TrafficDrop,
    /// The rate is multiplied by a factor above 1.
    TrafficSurge,
    /// A share of the requests fails, and response times are multiplied by the factor.
    Outage,
}

impl AnyKind {
    /// The kind in the classic scenario, if it is there.
    fn classic(self) -> Option<Kind> {
        Some(match self {
            Self::Latency => Kind::Latency,
            Self::ErrorRate => Kind::ErrorRate,
            Self::Traffic => Kind::Traffic,
            Self::Silence => Kind::Silence,
            _ => return None,
        })
    }

    /// The kind in the scenario `incidents`, if it is there.
    fn scenario(self) -> Option<scenario::Kind> {
        Some(match self {
            Self::Latency | Self::ErrorRate | Self::Traffic => return None,
            Self::Silence => scenario::Kind::Silence,
            Self::LatencyShift => scenario::Kind::LatencyShift,
            Self::LatencySpike => scenario::Kind::LatencySpike,
            Self::TailLatency => scenario::Kind::TailLatency,
            Self::SlowRamp => scenario::Kind::SlowRamp,
            Self::ErrorBurst => scenario::Kind::ErrorBurst,
            Self::ErrorSlowBurn => scenario::Kind::ErrorSlowBurn,
            Self::TrafficDrop => scenario::Kind::TrafficDrop,
            Self::TrafficSurge => scenario::Kind::TrafficSurge,
            Self::Outage => scenario::Kind::Outage,
        })
    }
}

impl IncidentSettings {
    /// The incident in the classic scenario; none if that has no such kind or service.
    pub(super) fn classic(&self) -> Option<Incident> {
        let service = Service::ALL.into_iter().find(|service| service.name() == self.service)?;
        // Only silence may be without a factor, and takes no notice of it.
        let factor = self.factor.unwrap_or(1.0);
        let (at, duration) = (self.at.micros(), micros(self.duration));
        Some(Incident { kind: self.kind.classic()?, service, at, duration, factor })
    }

    /// The incident in the scenario `incidents` with a backfill; none if there is no such kind, or if it begins before
    /// the backfill does.
    pub(super) fn planned(&self, backfill: Duration) -> Option<Planned> {
        let at = u64::try_from(self.at.micros().checked_add(micros(backfill))?).ok()?;
        Some(Planned {
            kind: self.kind.scenario()?,
            service: self.service.clone(),
            at: Duration::from_millis(at / 1000),
            duration: self.duration,
            factor: self.factor,
            share: self.share,
        })
    }

    /// Reports what is wrong with the incident at `key` in the scenario `incidents`, but for what the scenario itself
    /// finds in [`Self::planned`].
    pub(super) fn check_planned(&self, key: &KeyPath, backfill: Duration, report: &mut Report) {
        if self.kind.scenario().is_none() {
            let problem = report.error(key.clone().key("kind"), "this kind is of the scenario `classic`");
            let kinds = scenario::Kind::INCIDENTS.map(|kind| format!("`{}`", kind.name()));
            problem.help(format!("it is one of {}", kinds.join(", ")));
        } else if self.planned(backfill).is_none() {
            let message = format!("the incident begins before the backfill, {backfill} before the start");
            report.error(key.clone().key("at"), message).help("make `backfill` longer, or `at` later");
        }
    }

    /// Reports what is wrong with the incident at `key` in the classic scenario.
    pub(super) fn check_classic(&self, key: &KeyPath, backfill: Duration, report: &mut Report) {
        if !Service::ALL.iter().any(|service| service.name() == self.service) {
            let names = Service::ALL.map(|service| format!("`{}`", service.name()));
            let problem = report.error(key.clone().key("service"), format!("there is no service `{}`", self.service));
            problem.help(format!("it is one of {}", names.join(", ")));
        }
        let Some(kind) = self.kind.classic() else {
            let problem = report.error(key.clone().key("kind"), "this kind is of the scenario `incidents`");
            problem
                .help("it is one of `latency`, `error_rate`, `traffic`, `silence`; or write scenario = \"incidents\"");
            return;
        };
        if self.share.is_some() {
            report
                .error(key.clone().key("share"), "the classic scenario knows no share")
                .help("write a factor instead");
        }
        match (kind, self.factor) {
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
        let Some(incident) = self.classic() else { return };
        for (setting, expected) in incident.check() {
            report.error(key.clone().key(setting), expected);
        }
        if incident.at.saturating_add(incident.duration) <= -micros(backfill) {
            let message = format!("the incident is over before the backfill begins, {backfill} before the start");
            report.warning(key.clone().key("at"), message).help("make `backfill` longer, or `at` later");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: &str) -> IncidentSettings {
        let text = format!("kind = '{kind}'\nservice = 'database'\nat = '1m'\nfor = '1m'");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn kinds_are_called_in_settings_as_in_labels() {
        for kind in [Kind::Latency, Kind::ErrorRate, Kind::Traffic, Kind::Silence] {
            assert_eq!(settings(kind.name()).classic().map(|incident| incident.kind), Some(kind));
        }
        for kind in scenario::Kind::INCIDENTS {
            let planned = settings(kind.name()).planned(Duration::from_secs(60)).unwrap();
            assert_eq!((planned.kind, planned.at.as_secs()), (kind, 120));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
