//! What components keep by key, such as baselines and open windows, for those who look at it, forget it, or carry it
//! elsewhere.
//!
//! All of it is read out of the [store](crate::checkpoint::Store) of the checkpoints, as of the last complete epoch: by the
//! daemon that runs, for nobody else can open the store then, or in its absence by the command itself. What a state means
//! only its component knows ([`Shard::describe`](logd_sdk::keyed::Shard::describe)), which is built for that and not run.

mod file;
mod keeper;
mod kept;
mod lines;
mod listed;
mod shown;

pub(crate) use file::read as read_file;
pub(crate) use keeper::Keeper;
pub(crate) use lines::{Lines, received, sent};
pub(crate) use listed::{Listed, Plans, list, plans};
pub(crate) use shown::Shown;
