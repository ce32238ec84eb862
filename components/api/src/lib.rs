//! The `api` sink, and what it is for: an HTTP API with a dashboard over what this daemon remembers.
//!
//! - `sink`: from batches of events to the archive,
//! - [`Host`]: what the sinks of a daemon share, and the server that shows it,
//! - `server`: axum's router on the bounded server of the sdk,
//! - `routes`: what can be asked, and the OpenAPI document of it,
//! - `shapes`: what answers look like,
//! - `stores`: whether logs and totals are this daemon's or those of several,
//! - `webhooks`: who is told of incidents,
//! - `audit`: who has changed something,
//! - [`ApiSettings`]: `[api]` in `logd.toml`.
//!
//! What is remembered is in `logd-archive`, who may see it in `logd-access`.

mod audit;
mod host;
mod meters;
mod routes;
mod server;
mod settings;
mod shapes;
mod sink;
mod state;
mod stores;
mod told;
mod units;
mod webhooks;
mod words;

use logd_sdk::Component;

pub use host::{Host, MakeSender, Served, Surroundings};
pub use settings::{ApiSettings, Retention, TlsFiles, Webhooks};
pub use stores::{Figures, Logs};

/// What this family has.
pub static COMPONENTS: &[Component] = &[Component::sink::<sink::ApiSinkSettings>()];

/// The OpenAPI document, as JSON.
///
/// # Errors
/// It can't be written, which does not happen.
pub fn openapi() -> anyhow::Result<String> {
    Ok(routes::document().to_pretty_json()?)
}
