//! What is left of parts that stand still: components as they are, and what waits before them. Other parts are built with
//! it, so that what did not change goes on as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};

use logd_sdk::ComponentId;

use super::body::Body;
use super::edge::Parcel;
use super::graph::{Graph, Input, Node};
use crate::checkpoint::Snapshot;

/// A part that stands still.
pub(crate) struct Paused {
    /// Its components.
    pub(crate) bodies: Vec<(ComponentId, Body)>,
    /// What they have handed in for an epoch that was not completed.
    pub(crate) handed_in: BTreeMap<ComponentId, Snapshot>,
}

/// What is left of parts that stand still.
#[derive(Default)]
pub(crate) struct Salvage {
    components: BTreeMap<ComponentId, Left>,
    /// What they have handed in for an epoch that was not completed.
    pub(super) handed_in: BTreeMap<ComponentId, Snapshot>,
    gone: BTreeMap<ComponentId, Gone>,
}

/// What is left of a component that has nothing more to do.
struct Gone {
    /// What it has handed in last.
    last: Snapshot,
    /// Whether there is somebody who has read from it.
    is_read: bool,
}

/// What is left of a component.
pub(super) struct Left {
    /// What it was made of.
    pub(super) node: Node,
    /// Itself.
    pub(super) body: Body,
    /// The outputs that it read from.
    inputs: Vec<String>,
    /// What waits before it, by the output that it comes from.
    pub(super) waiting: BTreeMap<String, Vec<Parcel>>,
}

impl Salvage {
    /// Adds a part.
    pub(crate) fn add(&mut self, graph: &Graph, paused: Paused) {
        let Paused { bodies, handed_in } = paused;
        for (id, mut body) in bodies {
            let Some(node) = graph.place(&id).map(|place| &graph.nodes[place]) else { continue };
            let inputs: Vec<String> = node.inputs.iter().map(|input| graph.output(input)).collect();
            let mut waiting: BTreeMap<String, Vec<Parcel>> = BTreeMap::new();
            for (place, parcels) in body.leave().into_iter().enumerate() {
                // What a retired component had before it comes from no output.
                let output = inputs.get(place).cloned().unwrap_or_default();
                waiting.entry(output).or_default().extend(parcels);
            }
            self.components.insert(id, Left { node: node.clone(), body, inputs, waiting });
        }
        self.handed_in.extend(handed_in);
    }

    /// The graph with those that are left and no longer in it: they hand on what they have received to those who read
    /// from them before, and read nothing more.
    ///
    /// Those that have come to their end are let go, and those that others send to, for they must not be sent to any more.
    pub(crate) fn with_retired(&mut self, graph: &Graph) -> Graph {
        let ends = |id: &ComponentId, left: &mut Left| {
            graph.place(id).is_none() && (left.node.listens() || left.node.retired && left.body.has_ended())
        };
        let gone: Vec<(ComponentId, Left)> = self.components.extract_if(.., ends).collect();
        for (id, left) in gone {
            let mut last = self.handed_in.remove(&id).unwrap_or_default();
            last.add(Snapshot::position(left.body.position()));
            let is_read = self.components.values().any(|reader| reader.inputs.contains(&id.to_string()));
            self.gone.insert(id, Gone { last, is_read });
        }
        let mut whole = graph.clone();
        for (id, left) in &self.components {
            if graph.place(id).is_none() {
                whole.nodes.push(Node { inputs: Vec::new(), retired: true, ..left.node.clone() });
            }
        }
        let retired: Vec<(String, Input)> = (graph.nodes.len()..whole.nodes.len())
            .flat_map(|node| (0..whole.nodes[node].ports().len()).map(move |port| Input::new(node, port)))
            .map(|output| (whole.output(&output), output))
            .collect();
        for node in &mut whole.nodes {
            let Some(left) = self.components.get(&node.id) else { continue };
            for (name, output) in &retired {
                if let Some(place) = left.inputs.iter().position(|input| input == name) {
                    node.inputs.push(Input { way: left.node.inputs[place].way, ..output.clone() });
                }
            }
        }
        whole
    }

    /// The last words of those that are gone, of whom somebody in this graph has read, or nobody has.
    pub(super) fn last_words(&mut self, graph: &Graph) -> BTreeMap<ComponentId, Snapshot> {
        let readers = self.components.iter().filter(|(id, _)| graph.place(id).is_some());
        let read: BTreeSet<String> = readers.flat_map(|(_, left)| left.inputs.iter().cloned()).collect();
        self.gone
            .extract_if(.., |id, gone| !gone.is_read || read.contains(&id.to_string()))
            .map(|(id, gone)| (id, gone.last))
            .collect()
    }

    /// Takes out what waits before a component.
    pub(super) fn waiting(&mut self, component: &ComponentId) -> BTreeMap<String, Vec<Parcel>> {
        self.components.get_mut(component).map(|left| std::mem::take(&mut left.waiting)).unwrap_or_default()
    }

    /// Takes out what is left of a component.
    pub(super) fn take(&mut self, component: &ComponentId) -> Option<Left> {
        self.components.remove(component)
    }
}
