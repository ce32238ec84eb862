//! Dead letters: events that nobody can handle, with who gave them up and why.
//!
//! They leave by a component's port `dead`, as [events](event) that say all of that, if anything reads it. What nothing
//! reads is kept in a [log](log) below `data_dir`, durable before the epoch that it belongs to, until somebody looks: to
//! drop it, or to have it [tried again](replay) by the component that refused it.

mod event;
mod letter;
mod log;
mod replay;

pub(crate) use event::letters_of;
pub(crate) use letter::{Letter, Letters};
pub(crate) use log::DeadLetters;
pub(crate) use replay::{expand, prepare};
