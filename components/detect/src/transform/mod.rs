//! The transforms `zscore`, `spike` and `novelty`: events or windows in, the same through, and beside them what was found.
//!
//! All are one transform, around a detector with the settings of one rule or the other, or without any:
//!
//! - [`zscore`], [`spike`], [`novelty`]: what a user can say; [`settings`]: what it means, and what may be wrong with it;
//! - [`core`]: what a detector has to be;
//! - [`keyed`]: takes key, value and time out of a batch's rows, and gathers what the shards found;
//! - [`shard`]: the state of a share of the keys, in memory and in snapshots; [`key`]: keys as bytes;
//! - [`events`]: anomalies and scores as events; [`gauges`]: the figures of each key at `/metrics`.
//!
//! [`detect`] is another, over several signals at once; it shares keys, events and gauges with them, and has its own time.
//!
//! **Time.** Events are taken as they come: a point's time is that of its window, or of the event itself where it is
//! no window's result. No watermark is waited for. An incident whose key has fallen silent is resolved when *others*
//! have gone on for `relearn_after`: each batch tells all shards the greatest event time that it has seen, so that it
//! matters neither which shard owns a key nor whether that shard has anything in the batch.
//!
//! Windows have sorted out times too far ahead to be believed. Single events are believed: one from the year 9999 holds
//! up its key's incidents and seasons, whose time does not go back, and ends those of others that are open then.
//!
//! **The end of the input** resolves nothing: an incident that is open then stays open, for nobody has seen it end.
//! A later run that goes on from the same state goes on with the incident too.
//!
//! **The same result every time.** What leaves depends on the events and their order within each key, and not on
//! batches, shards or restarts. (Beyond `max_keys` it does.)

mod core;
mod detect;
pub(crate) mod events;
pub(crate) mod gauges;
pub(crate) mod key;
mod keyed;
mod novelty;
mod relearn;
pub(crate) mod settings;
mod shard;
mod spike;
#[cfg(test)]
mod tests;
mod zscore;

pub(crate) use detect::DetectSettings;
pub(crate) use novelty::NoveltySettings;
pub(crate) use spike::SpikeSettings;
pub(crate) use zscore::ZscoreSettings;
