//! HTTP as a source and a sink, and webhooks.
//!
//! All that calls out does so by the guarded `client`: `sink` sends batches as bodies, `webhook` makes a signed call for
//! each event, `sender` makes those of webhooks that were registered through the API.
//!
//! The source's server with all its bounds is [`logd_sdk::http`]; what is here begins where a request has passed them. It
//! goes to the [disk](durable) and from there into the pipeline, or, with `respond_when = "received"`, straight through
//! memory:
//!
//! ```text
//! connection's task                                 │ source's task
//! head ─► reception (path, method, credentials)     │
//! body ─► decode (frames, JSON) ─► pieces ─► queue ─┼─► gather ─► batch ─► the pipeline
//!   200 ◄───────────────────────────────────────────┼── the call of `next` after that one
//! ```
//!
//! What costs time for each byte or event is done in the connections' tasks, which share all cores; but for fields, which
//! are taken out of what comes from the disk.

mod client;
mod decode;
mod durable;
mod fetcher;
mod fields;
mod frames;
mod gather;
mod headers;
mod hidden;
mod memory;
mod queue;
mod reception;
mod sender;
mod settings;
mod sink;
mod source;
mod succession;
mod webhook;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use logd_sdk::Component;

pub use durable::{Left, left, log_folder};
pub use fetcher::Fetcher;
pub use sender::WebhookSender;
pub use succession::Receptions;

/// The components of this family.
pub static COMPONENTS: &[Component] = &[
    Component::source::<settings::HttpSettings>(),
    Component::sink::<sink::HttpSinkSettings>(),
    Component::sink::<webhook::WebhookSettings>(),
];
