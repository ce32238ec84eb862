//! What can be set of the signals, and the limits that follow from it.
//!
//! The defaults were chosen on simulated services, with labelled incidents among harmless events (nightly jobs, blips,
//! deployments), for hardly any false alarm: some one or two in a hundred days of a service. The random seeds of that were
//! 1 to 4; what is published is measured with others.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scale::{HALF_HOUR, SCALES};

/// How signals are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The length of a bucket: whole seconds of which a minute has a whole number.
    pub bucket: Duration,
    /// All thresholds are divided by this: more than 1 finds more and errs more often.
    pub sensitivity: f64,
    /// Slower answers, over up to a quarter of an hour.
    pub latency: SignalSettings,
    /// Slower answers, over half an hour and more.
    pub degradation: SignalSettings,
    /// More slow answers.
    pub tail_latency: SignalSettings,
    /// More errors.
    pub error_rate: ErrorSettings,
    /// Fewer events.
    pub traffic_drop: SignalSettings,
    /// More events.
    pub traffic_surge: SignalSettings,
    /// No events.
    pub silence: SignalSettings,
    /// What lasts so long is the new normal; errors twice as long.
    pub rebase_after: Duration,
}

/// How one signal is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignalSettings {
    /// Whether it is judged at all.
    pub enabled: bool,
    /// Its thresholds are divided by this, beside the `sensitivity` of all signals.
    pub sensitivity: f64,
    /// How large the change must be at least, as a multiple of the usual: 1.25 is a quarter more. For less traffic, the
    /// usual divided by this; for silence, multiples of the longest silence that was usual. Without it, that of
    /// the signal: `latency` 1.25 over a minute and 1.2 beyond, `degradation` 1.2, `tail_latency` and `silence` 2, `traffic_drop` 1.6,
    /// `traffic_surge` 1.8.
    pub min_effect: Option<f64>,
}

/// How the error rate is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorSettings {
    /// Whether it is judged at all.
    pub enabled: bool,
    /// Its thresholds are divided by this, beside the `sensitivity` of all signals.
    pub sensitivity: f64,
    /// How large the rate must be at least, as a multiple of the usual.
    pub min_effect: f64,
    /// By how much it must exceed the usual at least, as a share of all events: 0.01 is one in a hundred.
    pub min_increase: f64,
}

/// What a score and an effect must exceed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// For the score: by chance it is hardly ever exceeded.
    pub threshold: f64,
    /// For the effect, a multiple of the usual: less is of no interest.
    pub min_effect: f64,
}

/// Both by half: an alarm stays open until it is well within them.
pub(super) const RELAXED: f64 = 0.5;

/// The thresholds of the latency over each scale: short ones are looked at more often.
const LATENCY: [f64; SCALES] = [8.8, 6.6, 6.05, 5.2, 5.5, 4.95];

/// Those of the error rate: in few events chance is not well described by any formula.
const ERROR_RATE: [f64; SCALES] = [7.5, 7.5, 7.0, 6.5, 6.5, 6.5];

/// That of the share of slow answers.
const TAIL_LATENCY: f64 = 6.6;

/// That of traffic.
const TRAFFIC: f64 = 6.05;

/// That of silence: −ln of its probability.
const SILENCE: f64 = 15.4;

/// The effects that slower answers must have over each scale.
const LATENCY_EFFECTS: [f64; SCALES] = [1.25, 1.25, 1.2, 1.2, 1.2, 1.2];

impl Default for Settings {
    fn default() -> Self {
        let signal = SignalSettings::default();
        Self {
            bucket: Duration::from_secs(10),
            sensitivity: 1.0,
            latency: signal,
            degradation: signal,
            tail_latency: signal,
            error_rate: ErrorSettings::default(),
            traffic_drop: signal,
            traffic_surge: signal,
            silence: signal,
            rebase_after: Duration::from_secs(2 * 3600),
        }
    }
}

impl Default for SignalSettings {
    fn default() -> Self {
        Self { enabled: true, sensitivity: 1.0, min_effect: None }
    }
}

impl Default for ErrorSettings {
    fn default() -> Self {
        Self { enabled: true, sensitivity: 1.0, min_effect: 2.0, min_increase: 0.01 }
    }
}

/// The limits of all signals; none for one that is turned off.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Over each scale.
    pub(super) latency: [Option<Limit>; SCALES],
    pub(super) tail_latency: Option<Limit>,
    /// Over each scale.
    pub(super) error_rate: [Option<Limit>; SCALES],
    /// A share of all events.
    pub(super) min_increase: f64,
    pub(super) traffic_drop: Option<Limit>,
    pub(super) traffic_surge: Option<Limit>,
    pub(super) silence: Option<Limit>,
}

impl Settings {
    /// The limits that follow.
    pub(super) fn limits(&self) -> Limits {
        let limit = |signal: &SignalSettings, threshold: f64, min_effect: f64| {
            signal.enabled.then_some(Limit {
                threshold: threshold / (self.sensitivity * signal.sensitivity),
                min_effect: signal.min_effect.unwrap_or(min_effect),
            })
        };
        let errors = &self.error_rate;
        let of_errors = SignalSettings {
            enabled: errors.enabled,
            sensitivity: errors.sensitivity,
            min_effect: Some(errors.min_effect),
        };
        let latency = |scale| if scale < HALF_HOUR { &self.latency } else { &self.degradation };
        Limits {
            latency: std::array::from_fn(|scale| limit(latency(scale), LATENCY[scale], LATENCY_EFFECTS[scale])),
            tail_latency: limit(&self.tail_latency, TAIL_LATENCY, 2.0),
            error_rate: ERROR_RATE.map(|threshold| limit(&of_errors, threshold, errors.min_effect)),
            min_increase: errors.min_increase,
            traffic_drop: limit(&self.traffic_drop, TRAFFIC, 1.6),
            traffic_surge: limit(&self.traffic_surge, TRAFFIC, 1.8),
            silence: limit(&self.silence, SILENCE, 2.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitivity_divides_thresholds_and_a_signal_can_be_off() {
        let mut settings = Settings { sensitivity: 1.1, ..Settings::default() };
        settings.latency.sensitivity = 2.0;
        settings.degradation.min_effect = Some(1.5);
        settings.silence.enabled = false;
        let limits = settings.limits();
        assert!((limits.traffic_drop.unwrap().threshold - 5.5).abs() < 1e-12);
        assert!((limits.latency[0].unwrap().threshold - 4.0).abs() < 1e-12);
        assert_eq!((limits.latency[1].unwrap().min_effect, limits.latency[3].unwrap().min_effect), (1.25, 1.2));
        assert_eq!(limits.latency[4].unwrap().min_effect, 1.5);
        assert_eq!(limits.silence, None);
    }
}
