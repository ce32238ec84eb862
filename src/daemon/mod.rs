//! The daemon: takes the data folder, runs all units, follows their files, and stops in order.

mod data_dir;
mod reload;
mod run;
mod unit;
mod watch;

pub(crate) use data_dir::InUse;
pub(crate) use run::{Ended, Options, run, threads};
