//! What can happen to a service: what goes wrong, and what only looks so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Response times are multiplied by the factor, for minutes.
    LatencyShift,
    /// Response times are multiplied by the factor, for seconds.
    LatencySpike,
    /// The response times of a share of the requests are multiplied by the factor.
    TailLatency,
    /// Response times grow, ever faster, to the factor, and stay there for the last ten minutes.
    SlowRamp,
    /// A share of the requests fails, for minutes.
    ErrorBurst,
    /// A small share of the requests fails, for hours.
    ErrorSlowBurn,
    /// The rate is multiplied by a factor below 1.
    TrafficDrop,
    /// The rate is multiplied by a factor above 1.
    TrafficSurge,
    /// No requests come.
    Silence,
    /// A share of the requests fails, and response times are multiplied by the factor.
    Outage,
    /// Benign: a nightly job makes four times the requests for a quarter of an hour, and all a little slower.
    Cron,
    /// Benign: ten slow seconds.
    Blip,
    /// Benign: a new version. For half a minute fewer requests come, and from then on it is a little faster or slower.
    Deploy,
    /// Benign: a new version that is much slower or faster from then on. Its label ends after an hour, from when on
    /// nobody should still be surprised.
    BigDeploy,
}

impl Kind {
    /// What goes wrong, without what is benign.
    pub const INCIDENTS: [Self; 10] = [
        Self::LatencyShift,
        Self::LatencySpike,
        Self::TailLatency,
        Self::SlowRamp,
        Self::ErrorBurst,
        Self::ErrorSlowBurn,
        Self::TrafficDrop,
        Self::TrafficSurge,
        Self::Silence,
        Self::Outage,
    ];

    /// The name in settings and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LatencyShift => "latency_shift",
            Self::LatencySpike => "latency_spike",
            Self::TailLatency => "tail_latency",
            Self::SlowRamp => "slow_ramp",
            Self::ErrorBurst => "error_burst",
            Self::ErrorSlowBurn => "error_slow_burn",
            Self::TrafficDrop => "traffic_drop",
            Self::TrafficSurge => "traffic_surge",
            Self::Silence => "silence",
            Self::Outage => "outage",
            Self::Cron => "cron",
            Self::Blip => "blip",
            Self::Deploy => "deploy",
            Self::BigDeploy => "big_deploy",
        }
    }

    /// Whether nothing is wrong, so that an alarm is a false one.
    pub const fn is_benign(self) -> bool {
        matches!(self, Self::Cron | Self::Blip | Self::Deploy | Self::BigDeploy)
    }

    /// Whether an incident of this kind has a factor.
    pub(crate) const fn has_factor(self) -> bool {
        !matches!(self, Self::ErrorBurst | Self::ErrorSlowBurn | Self::Silence)
    }

    /// Whether an incident of this kind concerns a share of the requests.
    pub(crate) const fn has_share(self) -> bool {
        matches!(self, Self::TailLatency | Self::ErrorBurst | Self::ErrorSlowBurn | Self::Outage)
    }
}
