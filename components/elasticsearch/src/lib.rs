//! Elasticsearch as a sink, and as the place where the API reads logs; versions 8 and 9.
//!
//! ```text
//! batch ─► names (index) ─► one bulk body (bulk) ─► a node that lives (nodes) ─► what became of each event (answer)
//! ```
//!
//! A document's `_id` is its event's identity, so an event that is sent again changes nothing, and the sink may try as
//! often as it takes. Before the first request an index template is put, where that was asked for ([`template`]), and old
//! daily indices are deleted as time goes on ([`retention`]). What several daemons have written, [`reader`] reads.

mod answer;
mod auth;
mod bulk;
mod client;
mod index;
mod nodes;
mod reader;
mod retention;
mod settings;
mod sink;
mod template;

#[cfg(test)]
mod testing;

use logd_sdk::Component;

pub use reader::LogsSettings;

/// What this family has.
pub static COMPONENTS: &[Component] = &[Component::sink::<settings::ElasticsearchSettings>()];
