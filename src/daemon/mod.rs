//! The daemon: takes the data folder, runs all units, follows their files, and stops in order.

mod api;
mod data_dir;
mod files;
mod generations;
mod last_line;
mod neighbour;
mod obey;
mod orphans;
mod overview;
mod own;
mod parts;
mod preview;
mod reload;
mod run;
mod status_line;
mod unit;
mod watch;

pub(crate) use data_dir::{DataDir, InUse};
pub(crate) use generations::Generations;
pub(crate) use last_line::{LastLine, thousands};
pub(crate) use neighbour::listens;
pub(crate) use obey::{drop_letters, replay};
pub(crate) use orphans::{drop_orphan, list};
pub(crate) use own::Own;
pub(crate) use preview::Preview;
pub(crate) use run::{CHECKPOINTS, Ended, Options, edge_capacity, run, threads};
pub(crate) use unit::Plan as UnitPlan;
pub(crate) use watch::Watch;
