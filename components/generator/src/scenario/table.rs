//! The twelve services that detectors are judged on: from the busy gateway to reports that come every twenty seconds.

use super::Service;

/// Figures in the order of a service's fields, without `cron`, `blips_per_day` and `coupling`.
type Row = (&'static str, [f64; 8], bool, f64, f64);

/// Name, then rate, diurnal, weekend, median_ms, sigma, error_rate, latency_noise, rate_noise; cron, blips_per_day,
/// coupling.
const TABLE: [Row; 12] = [
    ("gateway", [25.0, 0.60, 0.70, 35.0, 0.45, 0.004, 0.04, 0.08], false, 0.2, 0.20),
    ("web-api", [20.0, 0.60, 0.70, 80.0, 0.55, 0.006, 0.04, 0.08], false, 0.2, 0.20),
    ("auth", [8.0, 0.55, 0.75, 25.0, 0.40, 0.010, 0.04, 0.08], false, 0.2, 0.10),
    ("payment", [3.0, 0.65, 0.80, 220.0, 0.50, 0.008, 0.05, 0.10], false, 0.2, 0.10),
    ("database", [30.0, 0.50, 0.75, 12.0, 0.70, 0.001, 0.06, 0.08], true, 1.0, 0.30),
    ("cache", [40.0, 0.55, 0.70, 1.5, 0.35, 0.0005, 0.04, 0.08], false, 0.2, 0.15),
    ("search", [5.0, 0.60, 0.65, 140.0, 0.80, 0.005, 0.06, 0.10], false, 1.0, 0.25),
    ("orders", [4.0, 0.70, 0.80, 95.0, 0.60, 0.006, 0.05, 0.10], false, 0.2, 0.10),
    ("ml-infer", [1.5, 0.30, 0.90, 400.0, 1.0, 0.030, 0.15, 0.25], false, 2.0, 0.10),
    ("email-worker", [0.5, 0.40, 0.60, 600.0, 0.70, 0.020, 0.06, 0.15], true, 0.2, 0.0),
    ("admin", [0.1, 0.90, 0.20, 150.0, 0.60, 0.010, 0.06, 0.20], false, 0.0, 0.0),
    ("reports", [0.05, 0.20, 1.0, 2500.0, 0.90, 0.030, 0.08, 0.20], false, 0.0, 0.0),
];

/// The twelve services.
pub(crate) fn services() -> Vec<Service> {
    let service = |(name, figures, cron, blips_per_day, coupling): Row| {
        let [rate, diurnal, weekend, median_ms, sigma, error_rate, latency_noise, rate_noise] = figures;
        Service {
            name: name.to_owned(),
            rate,
            diurnal,
            weekend,
            median_ms,
            sigma,
            error_rate,
            latency_noise,
            rate_noise,
            cron,
            blips_per_day,
            coupling,
        }
    };
    TABLE.map(service).into()
}
