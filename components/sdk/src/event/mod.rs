//! Events, and the batches in which they travel.
//!
//! A [`Batch`] is a few hundred to a few thousand events. Each [`Row`] says where the event comes from, when it
//! happened, and where its bytes stand in one of the batch's [`Block`]s. The bytes are never copied for as long as
//! nobody changes the event. Fields that somebody downstream reads are taken out of the bytes once, into the
//! batch's *columns*: one typed [`Slot`] for each row and column, row by row, so that taking a field costs no
//! allocation, whatever its type.
//!
//! What an event *is* its [`Body`] tells: a line of text, a JSON object, the columns themselves (what a window
//! makes), or a value that a program changed.

mod batch;
mod columns;
mod encode;
mod extract;
mod id;
mod row;
mod slot;
pub mod stored;
mod values;

pub use batch::Batch;
pub use columns::Columns;
pub use encode::{write_json, write_text};
pub use extract::{JsonError, JsonReader};
pub use id::EventId;
pub use row::{Block, Body, Partition, Row};
pub use slot::{Field, Slot};

/// The field that a plain line of text has.
pub const MESSAGE: &str = "message";
