//! What logd says of itself: metrics and logs.

mod account;
mod edges;

pub(crate) use account::{Account, Tally};
pub(crate) use edges::EdgeMeters;
