//! The graph as values: what is to run, before anything of it is built.

use std::collections::BTreeSet;
use std::sync::Arc;

use logd_sdk::component::{Kind, Makes};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::{Columns, ComponentId, Plan};

use super::kept::Migrate;
use super::written::Written;
use crate::buffer::BufferSettings;

/// A component and what it reads from.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) id: ComponentId,
    /// Its settings.
    pub(crate) plan: Plan,
    /// The edges into it.
    pub(crate) inputs: Vec<Input>,
    /// What waits before it, if it is a sink.
    pub(crate) buffer: BufferSettings,
    /// What becomes of its state when that does not fit any more.
    pub(crate) migrate: Migrate,
    /// Its settings as they were written.
    pub(crate) written: Written,
    /// Whether no file has it any more: it only hands on what it has received.
    pub(crate) retired: bool,
}

/// Where an edge begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Input {
    /// The component, by its place in the graph.
    pub(crate) node: usize,
    /// Its port: 0 is the main one.
    pub(crate) port: usize,
    /// By which of the reader's inputs it comes, where those have names.
    pub(crate) way: u8,
}

impl Input {
    /// From this port of this component.
    pub(crate) fn new(node: usize, port: usize) -> Self {
        Self { node, port, way: 0 }
    }
}

/// Components whose inputs are places in the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// The components.
    pub(crate) nodes: Vec<Node>,
}

impl Node {
    /// A component with the buffer that there is without a setting.
    pub(crate) fn new(id: ComponentId, plan: Plan, inputs: Vec<Input>) -> Self {
        Self {
            id,
            plan,
            inputs,
            buffer: BufferSettings::default(),
            migrate: Migrate::default(),
            written: Written::default(),
            retired: false,
        }
    }

    /// Whether another is entered under the same names.
    pub(crate) fn has_same_account(&self, other: &Self) -> bool {
        let names = |node: &Self| (node.id.clone(), node.kind(), node.component_type(), node.ports());
        names(self) == names(other)
    }

    /// What type of component it is: the `type` of its settings.
    pub(crate) fn component_type(&self) -> &'static str {
        self.plan.describe().name()
    }

    /// What kind of component it is.
    pub(crate) fn kind(&self) -> Kind {
        match self.plan {
            Plan::Source(_) => Kind::Source,
            Plan::Transform(_) | Plan::Keyed(_) => Kind::Transform,
            Plan::Sink(_) => Kind::Sink,
        }
    }

    /// How much each edge into it holds, next to others: requests that are under way at once keep their events there.
    pub(crate) fn edge_share(&self) -> usize {
        const OF_MANY: usize = 4;
        match &self.plan {
            Plan::Sink(plan) if plan.delivery().concurrency.most() > 1 => OF_MANY,
            _ => 1,
        }
    }

    /// The names of its ports, the main one (empty) first.
    pub(crate) fn ports(&self) -> Vec<String> {
        std::iter::once(String::new()).chain(self.plan.ports()).collect()
    }
}

impl Graph {
    /// Divides the graph into its connected parts: what fails or waits in one does not concern the others.
    pub(crate) fn parts(&self) -> Vec<Graph> {
        let mut part: Vec<usize> = (0..self.nodes.len()).collect();
        // Each node takes the least place of those that it is connected with, until nothing changes.
        loop {
            let mut changed = false;
            for (place, node) in self.nodes.iter().enumerate() {
                for input in &node.inputs {
                    let least = part[place].min(part[input.node]);
                    changed |= part[place] != least || part[input.node] != least;
                    (part[place], part[input.node]) = (least, least);
                }
            }
            if !changed {
                break;
            }
        }
        let roots: BTreeSet<usize> = part.iter().copied().collect();
        roots.into_iter().map(|root| self.only(|place| part[place] == root)).collect()
    }

    /// The name of the output that an edge begins at, as an input of any file names it.
    pub(crate) fn output(&self, input: &Input) -> String {
        let from = &self.nodes[input.node];
        match from.ports()[input.port].as_str() {
            "" => from.id.to_string(),
            port => format!("{}.{port}", from.id),
        }
    }

    /// The places of all that the events of the node at `place` come through.
    pub(crate) fn upstream(&self, place: usize) -> BTreeSet<usize> {
        let (mut found, mut open) = (BTreeSet::new(), vec![place]);
        while let Some(place) = open.pop() {
            open.extend(self.nodes[place].inputs.iter().map(|input| input.node).filter(|node| found.insert(*node)));
        }
        found
    }

    /// The place of a component.
    pub(crate) fn place(&self, id: &ComponentId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == *id)
    }

    /// The graph without what is retired.
    pub(crate) fn current(&self) -> Self {
        self.only(|place| !self.nodes[place].retired)
    }

    /// The pipelines that its components are of.
    pub(crate) fn pipelines(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.nodes.iter().map(|node| node.id.pipeline()).collect();
        names.into_iter().collect()
    }

    /// Adds the components of another graph, which no edge joins to these.
    pub(crate) fn join(&mut self, other: Self) {
        let moved = self.nodes.len();
        self.nodes.extend(other.nodes.into_iter().map(|mut node| {
            node.inputs.iter_mut().for_each(|input| input.node += moved);
            node
        }));
    }

    /// The graph of the nodes for which `keep` holds, with the edges between them.
    pub(crate) fn only(&self, keep: impl Fn(usize) -> bool) -> Graph {
        let places: Vec<usize> = (0..self.nodes.len()).filter(|&place| keep(place)).collect();
        let renumbered = |node: usize| places.iter().position(|&place| place == node);
        let nodes = places.iter().map(|&place| {
            let node = &self.nodes[place];
            let inputs = node.inputs.iter().filter_map(|input| Some(Input { node: renumbered(input.node)?, ..*input }));
            Node { inputs: inputs.collect(), ..node.clone() }
        });
        Graph { nodes: nodes.collect() }
    }

    /// The fields that are read of the events that leave the node at `place`, by whoever reads them before they are
    /// changed.
    pub(crate) fn read_downstream(&self, place: usize, conditions: &dyn Conditions) -> Arc<Columns> {
        let mut paths = Vec::new();
        for (reader, node) in self.nodes.iter().enumerate() {
            if node.inputs.iter().any(|input| input.node == place) {
                paths.extend(self.reads(reader, conditions).paths().iter().cloned());
                if node.kind() == Kind::Transform && node.plan.describe().makes("") == Makes::Same {
                    paths.extend(self.read_downstream(reader, conditions).paths().iter().cloned());
                }
            }
        }
        Columns::new(paths)
    }

    /// The fields that the node at `place` reads itself.
    pub(crate) fn reads(&self, place: usize, conditions: &dyn Conditions) -> Arc<Columns> {
        match self.nodes[place].plan.describe().reads(conditions) {
            Reads::Fields(paths) => Columns::new(paths),
            // It takes the event as a value, and nothing out of it.
            Reads::Whole => Columns::new([]),
        }
    }
}
