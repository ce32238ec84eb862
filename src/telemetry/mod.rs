//! What logd says of itself: metrics and logs.
//!
//! Metrics go through the `metrics` facade, from whoever measures to the [`Metrics`] that the process has one of;
//! [`names`] has the standard ones. Log lines go through `tracing`, from whoever has something to say to stderr.

mod account;
mod data_dir;
mod edges;
mod log;
pub(crate) mod names;
#[cfg(target_os = "linux")]
mod process;
mod recorder;
mod throttle;

use std::path::PathBuf;

pub(crate) use account::Account;
pub(crate) use edges::EdgeMeters;
pub(crate) use log::{Log, LogFormat, filter};
pub(crate) use recorder::Metrics;
use throttle::Throttle;

/// Does what metrics and logs need from time to time, and measures the data folder; never ends. To be spawned once, in
/// the runtime.
pub(crate) async fn upkeep(metrics: Metrics, throttle: Throttle, data_dir: PathBuf) {
    tokio::join!(metrics.upkeep(), throttle.upkeep(), data_dir::upkeep(data_dir));
}
