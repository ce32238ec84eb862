//! Backtests: recorded input through the same graph, as fast as it goes, for the alarms that it gives.
//!
//! [`wiring`] makes of a pipeline's graph one that reads files and keeps alarms; [`run`] runs it, with nothing but events
//! to tell the time; [`learning`] does both for what components keep; [`overrides`] changes a setting in a pipeline's text. How
//! good the alarms are, `logd_backtest` says.

mod alarms;
mod census;
mod dropped;
mod learning;
mod overrides;
mod points;
mod run;
mod wiring;

pub(crate) use dropped::Dropped;
pub(crate) use learning::Learning;
pub(crate) use overrides::Target;
pub(crate) use run::{Run, Told, environment};
pub(crate) use wiring::{Recorded, Refusal, Wanted, Wired, dead_outputs, goes_by_the_clock, moved, upstream, wire};
