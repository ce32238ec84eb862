//! The running graph: [plans](graph) are [built](build) into tasks, one for each component, joined by bounded
//! [edges](edge), and a [part](part) of connected components lives, fails and recovers together.

mod build;
mod edge;
mod graph;
mod inlet;
mod keyed_node;
mod node;
mod outlets;
mod part;
mod rehearsal;
mod source_node;
mod splitter;
mod suspects;
mod transform_node;
mod watermarks;
mod workers;

pub(crate) use build::{Built, Environment, build, component_dirs};
pub(crate) use edge::Room;
pub(crate) use graph::{Graph, Input, Node};
pub(crate) use inlet::{Arrival, Inlet};
pub(crate) use node::Links;
pub(crate) use part::{Status, run as run_part};
pub(crate) use rehearsal::Rehearsal;
pub(crate) use suspects::{AllSuspects, message};
pub(crate) use workers::{Pool, Workers};
