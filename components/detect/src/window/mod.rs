//! The `window` transform: aggregates over stretches of time, for each group of events.
//!
//! Aggregates merge, so a batch is folded where it was parsed, several batches at once, and only the aggregates of
//! (window, key) cross to the shard that owns the key:
//!
//! - `settings` and `check`: what a user can say, and what may be wrong with it;
//! - `panes`: which windows an event belongs to;
//! - `assign`: each row of a batch to its key and its windows, or out as late;
//! - `aggregate`: what is kept of the events, and how parts of it are merged;
//! - `shard`: the open windows of a share of the keys, in memory and in snapshots;
//! - `operator`: all of it as a keyed transform; `recipe` is what its parts share;
//! - `tuple`: keys and results as bytes.
//!
//! **Time.** An event belongs to windows by its time and is late for those that end at or before the *floor* of its
//! partition: the watermark (the partition's greatest time so far, less `allowed_lateness`), at the event's own place
//! in the stream. An event that is late for all its windows leaves by the port `late`, as does one that is further
//! ahead than `max_ahead`. A window is emitted once, when the least watermark of all partitions reaches its end.
//!
//! **The same result every time.** With the event clock, results depend on the events, their times and ids, and not
//! on their order within the lateness, on batches, shards or restarts, bit for bit. (Beyond `max_keys`, and where a
//! partition falls idle, they do.)

mod aggregate;
mod assign;
mod check;
mod describe;
mod operator;
mod panes;
mod recipe;
mod results;
mod settings;
mod shard;
#[cfg(test)]
mod tests;
mod tuple;

pub(crate) use assign::{Floors, assign};
pub use operator::{Part, Window, Yield};
pub(crate) use panes::Panes;
pub use settings::{Aggregate, Clock, Function, WindowSettings};
pub(crate) use settings::{allowed_lateness, idle_timeout, max_ahead};
pub use shard::Shard;
