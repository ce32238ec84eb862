//! Window results as Prometheus gauges, at the `/metrics` of the daemon.
//!
//! - `settings`: which fields become which gauges,
//! - `names`: from field paths to names that Prometheus takes,
//! - `sample`: what one event says, as names, labels and numbers,
//! - `series`: the gauges that there are, and how many there may be,
//! - `sink`: from batches of events to gauges.

mod names;
mod sample;
mod series;
mod settings;
mod sink;

use logd_sdk::Component;

pub use settings::PrometheusSettings;

/// What this family has.
pub static COMPONENTS: &[Component] = &[Component::sink::<PrometheusSettings>()];
