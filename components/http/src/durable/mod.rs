//! Requests that are on disk before they are answered.
//!
//! ```text
//! connection's task                                          │ source's task
//! pieces ─► intake (claims the key) ─► disk log, durable ────┼─► replay ─► batch ─► the pipeline
//!   200 ◄────────────┘  ▲                                    │     │
//!                       └── `delivered`: up to which request ◄┼─────┘ epoch complete
//! ```
//!
//! A request is one [record](record) of the log, so that it is there as a whole or not at all, whenever the process ends.
//! Events enter the graph from the log only: the record's number and the event's place in it are its place in the
//! partition, and so its identity, and a source that goes back to a checkpoint reads the same events again.
//!
//! What is delivered is released from the log, but for requests whose [keys](keys) clients may still repeat.

mod intake;
mod keys;
mod left;
mod open;
pub(crate) mod record;
mod replay;

pub(crate) use intake::{Bounds, Intake, Kept};
pub(crate) use keys::Key;
pub use left::{Left, left, log_folder};
pub(crate) use open::open;
pub(crate) use replay::Replay;

/// The log's folder, in that of its source.
pub(crate) const FOLDER: &str = "log";

#[cfg(test)]
mod tests;
