//! HTTP as a source.
//!
//! The server with all its bounds is [`logd_sdk::http`]; what is here begins where a request has passed them. It goes to
//! the [disk](durable) and from there into the pipeline, or, with `respond_when = "received"`, straight through memory:
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

mod decode;
mod durable;
mod frames;
mod gather;
mod memory;
mod queue;
mod reception;
mod settings;
mod source;

#[cfg(test)]
mod tests;

use logd_sdk::Component;

/// The components of this family.
pub static COMPONENTS: &[Component] = &[Component::source::<settings::HttpSettings>()];
