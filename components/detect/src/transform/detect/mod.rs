//! The transform `detect`: events or windows in, the same through, and beside them what is wrong with each key.
//!
//! - `settings` and `check`: what a user can say, and what may be wrong with it;
//! - `operator`: folds a batch into buckets of keys, and gathers what the shards found;
//! - `shard`: the state of a share of the keys, in memory and in snapshots; `kept`: that of one;
//! - `scores`: what each bucket has come to;
//! - `samples`: events as evidence;
//! - `related`: which incidents were open beside one;
//! - `events`: anomalies and scores as events.
//!
//! **Time.** Events belong to buckets by their time. A bucket is closed when the watermark reaches its end, for all keys,
//! also for those that have sent nothing: so silence is found without an event. Where all input is silent, the watermark
//! goes on with the clock.
//!
//! **The same result every time.** What leaves depends on the events and their times, not on their order within the
//! lateness, batches, shards or restarts, bit for bit. (Beyond `max_keys`, and where a partition falls idle, it does.)

mod check;
mod events;
mod kept;
mod operator;
mod related;
mod samples;
mod scores;
mod settings;
mod shard;
#[cfg(test)]
mod tests;

pub(crate) use settings::DetectSettings;
