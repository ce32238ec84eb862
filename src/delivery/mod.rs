//! Delivery: the driver that stands in front of every sink.

mod attempts;
mod backoff;
mod concurrency;
mod dead_letters;
mod driver;
mod journal;
mod rate;

pub(crate) use dead_letters::dead_letters;
pub(crate) use driver::Driver;
pub(crate) use journal::Journal;
