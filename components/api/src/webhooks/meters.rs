//! What is counted of webhooks.

use std::time::Duration;

/// A queue was full.
pub(super) const QUEUE_FULL: &str = "queue_full";
/// Their webhook was disabled or taken away.
pub(super) const DISABLED: &str = "disabled";
/// They could not be delivered for too long, or were refused too often.
pub(super) const GIVEN_UP: &str = "given_up";
/// What they tell of began and ended within a silence.
pub(super) const SILENCED: &str = "silenced";

/// A call was made, with this outcome: `delivered`, `retried`, `failed` or `gone`.
pub(super) fn called(outcome: &'static str, took: Duration) {
    metrics::counter!("logd_webhook_deliveries_total", "outcome" => outcome).increment(1);
    metrics::histogram!("logd_webhook_duration_seconds").record(took.as_secs_f64());
}

/// So many calls will not be made, or not again.
pub(super) fn dropped(reason: &'static str, calls: usize) {
    metrics::counter!("logd_webhook_dropped_total", "reason" => reason).increment(calls.try_into().unwrap_or(u64::MAX));
}

/// So many calls are to be made.
#[allow(clippy::cast_precision_loss)]
pub(super) fn queued(calls: usize) {
    metrics::gauge!("logd_webhook_queue").set(calls as f64);
}

/// So many webhooks were disabled by logd itself.
#[allow(clippy::cast_precision_loss)]
pub(super) fn disabled(webhooks: usize) {
    metrics::gauge!("logd_webhook_registered_disabled").set(webhooks as f64);
}
