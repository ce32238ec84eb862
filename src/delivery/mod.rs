//! Delivery: the driver that stands in front of every sink.

mod attempts;
mod backoff;
mod concurrency;
mod driver;
mod gathering;
mod handoff;
mod journal;
mod rate;
mod unfinished;

pub(crate) use driver::Driver;
pub(crate) use handoff::{Handoff, Handoffs};
pub(crate) use journal::Journal;
