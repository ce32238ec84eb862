//! Delivery: the driver that stands in front of every sink.

mod backoff;
mod dead_letters;
mod driver;

pub(crate) use dead_letters::dead_letters;
pub(crate) use driver::Driver;
