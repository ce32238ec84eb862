//! What is counted of the API.

use std::time::Duration;

use logd_archive::{LeftOut, Stats};

/// A request was answered. `route` is the path as the routes have it, without what a client chose.
pub(crate) fn answered(route: &str, method: &str, status: u16, took: Duration) {
    let labels = [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
    metrics::counter!("logd_api_requests_total", &labels).increment(1);
    metrics::histogram!("logd_api_request_duration_seconds", "route" => route.to_owned()).record(took.as_secs_f64());
}

/// What the archive has, and what it has left out.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn archive(stats: &Stats, streams: usize) {
    metrics::gauge!("logd_api_streams").set(streams as f64);
    metrics::gauge!("logd_archive_bytes").set(stats.bytes as f64);
    metrics::gauge!("logd_archive_logs").set(stats.logs as f64);
    metrics::gauge!("logd_archive_series").set(stats.series as f64);
    let LeftOut { over_rate, too_large, values, anomalies } = stats.left_out;
    for (reason, count) in
        [("over_rate", over_rate), ("too_large", too_large), ("value", values), ("anomaly", anomalies)]
    {
        metrics::counter!("logd_archive_left_out_total", "reason" => reason).absolute(count);
    }
}
