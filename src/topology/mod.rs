//! The running graph: [plans](graph) are [built](build) into tasks, one for each component, joined by bounded
//! [edges](edge), and a [part](part) of connected components lives, fails and recovers together.

mod body;
mod build;
mod congestion;
mod diff;
mod edge;
mod fresh;
mod graph;
mod inlet;
mod kept;
mod keyed_node;
mod node;
mod outlets;
mod part;
mod pause;
mod rehearsal;
mod retirement;
mod salvage;
mod source_node;
mod splitter;
mod suspects;
mod taps;
mod transform_node;
mod watermarks;
mod workers;
mod written;

pub(crate) use build::{Built, Environment, component_dirs, rebuild};
pub(crate) use diff::{Diff, list};
pub(crate) use edge::Room;
pub(crate) use fresh::Fresh;
pub(crate) use graph::{Graph, Input, Node};
pub(crate) use inlet::{Arrival, Inlet};
pub(crate) use kept::Migrate;
pub(crate) use keyed_node::{carried, fits, key_of};
pub(crate) use node::Links;
pub(crate) use outlets::Outlets;
pub(crate) use part::{Ended, Orders, Status, run as run_part};
pub(crate) use pause::Pause;
pub(crate) use rehearsal::Rehearsal;
pub(crate) use retirement::Retirement;
pub(crate) use salvage::Salvage;
pub(crate) use suspects::{AllSuspects, message};
pub(crate) use taps::Taps;
pub(crate) use workers::Workers;
pub(crate) use written::{Setting, SettingChange, Written};
