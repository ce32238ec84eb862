//! What is left of parts that stand still: components as they are, and what waits before them. Other parts are built with
//! it, so that what did not change goes on as if nothing had happened.

use std::collections::BTreeMap;

use logd_sdk::ComponentId;

use super::body::Body;
use super::edge::Parcel;
use super::graph::{Graph, Input, Node};
use crate::checkpoint::{LastWord, Snapshot};

/// A part that stands still.
pub(crate) struct Paused {
    /// Its components.
    pub(crate) bodies: Vec<(ComponentId, Body)>,
    /// What they have handed in for an epoch that was not completed.
    pub(crate) handed_in: BTreeMap<ComponentId, Snapshot>,
    /// The last words of components that were gone before, as far as they are not durable.
    pub(crate) last_words: BTreeMap<ComponentId, LastWord>,
}

/// What is left of parts that stand still.
#[derive(Default)]
pub(crate) struct Salvage {
    components: BTreeMap<ComponentId, Left>,
    /// What they have handed in for an epoch that was not completed.
    pub(super) handed_in: BTreeMap<ComponentId, Snapshot>,
    /// Of components that have nothing more to do.
    last_words: BTreeMap<ComponentId, LastWord>,
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
        let Paused { bodies, handed_in, last_words } = paused;
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
        self.last_words.extend(last_words);
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
            let mut snapshot = self.handed_in.remove(&id).unwrap_or_default();
            snapshot.add(Snapshot::position(left.body.position()));
            let reads = |left: &Left| left.inputs.contains(&id.to_string());
            let readers =
                self.components.iter().filter(|(_, left)| reads(left)).map(|(reader, _)| reader.clone()).collect();
            self.last_words.insert(id, LastWord { component_type: left.node.component_type(), snapshot, readers });
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

    /// The last words of those that are gone, of whom somebody in this graph has read, or nobody who is left.
    pub(super) fn last_words(&mut self, graph: &Graph) -> BTreeMap<ComponentId, LastWord> {
        let Self { components, last_words, .. } = self;
        let is_here = |reader: &ComponentId| graph.place(reader).is_some();
        let is_left = |reader: &ComponentId| components.contains_key(reader);
        last_words
            .extract_if(.., |_, last| last.readers.iter().any(is_here) || !last.readers.iter().any(is_left))
            .collect()
    }

    /// The last word of a component that was gone and is back.
    pub(super) fn last_word(&mut self, component: &ComponentId) -> Option<LastWord> {
        self.last_words.remove(component)
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
