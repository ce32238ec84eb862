//! The figures of one service: how much traffic it has, how fast it answers, how often it fails, how restless it is.

use logd_sdk::report::{KeyPath, Report};
use schemars::JsonSchema;
use serde::Deserialize;

/// A service, by its figures.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// What it is called; all its chance follows from the seed and this name.
    pub name: String,
    /// Requests a second on a mean day, up to 100000.
    pub rate: f64,
    /// How far the rate swings in a day, as a share of its mean, 0 to 1.
    #[serde(default)]
    pub diurnal: f64,
    /// What the rate is multiplied by on Saturdays and Sundays.
    #[serde(default = "one")]
    pub weekend: f64,
    /// The median response time, in milliseconds.
    pub median_ms: f64,
    /// The standard deviation of the logarithm of response times.
    pub sigma: f64,
    /// The share of requests that fail, 0 to 1.
    #[serde(default)]
    pub error_rate: f64,
    /// The standard deviation of the slow noise (time constant 10 minutes) of the logarithm of response times.
    #[serde(default)]
    pub latency_noise: f64,
    /// The standard deviation of the slow noise (time constant 5 minutes) of the logarithm of the rate.
    #[serde(default)]
    pub rate_noise: f64,
    /// Whether a job at 03:00 UTC makes four times the requests for 15 minutes, 1.3 times as slow.
    #[serde(default)]
    pub cron: bool,
    /// Ten-second blips a day on average, with response times three times as long.
    #[serde(default)]
    pub blips_per_day: f64,
    /// How much slower it is under load: response times are multiplied by 1 + coupling × (load − 1), where the load is
    /// the rate of the hour by that of a mean day.
    #[serde(default)]
    pub coupling: f64,
}

fn one() -> f64 {
    1.0
}

impl Service {
    /// Each figure by its key, with the least and the greatest that make sense.
    fn bounds(&self) -> [(&'static str, f64, f64, f64); 10] {
        [
            ("rate", self.rate, 0.0, 100_000.0),
            ("diurnal", self.diurnal, 0.0, 1.0),
            ("weekend", self.weekend, 0.0, 100.0),
            ("median_ms", self.median_ms, 0.001, 1e6),
            ("sigma", self.sigma, 0.01, 5.0),
            ("error_rate", self.error_rate, 0.0, 1.0),
            ("latency_noise", self.latency_noise, 0.0, 2.0),
            ("rate_noise", self.rate_noise, 0.0, 2.0),
            ("blips_per_day", self.blips_per_day, 0.0, 1000.0),
            ("coupling", self.coupling, 0.0, 1.0),
        ]
    }

    /// Reports what is wrong with the service at `key`.
    pub(crate) fn check(&self, key: &KeyPath, report: &mut Report) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(plain) {
            let problem =
                report.error(key.clone().key("name"), "a service needs a name of letters, digits, `-`, `_` and `.`");
            problem.help("write name = \"checkout\"");
        }
        for (setting, figure, least, greatest) in self.bounds() {
            if !(least..=greatest).contains(&figure) {
                report.error(key.clone().key(setting), format!("`{setting}` lies between {least} and {greatest}"));
            }
        }
    }
}
