//! From names to edges: which output of which component every input means, and whether that makes a graph.
//!
//! | input              | means                                                       |
//! | ------------------ | ----------------------------------------------------------- |
//! | `parsed`           | the main output of the component `parsed` of the same file  |
//! | `latency.anomalies`| its output `anomalies`                                      |
//! | `demo/parsed`      | the component `parsed` of the pipeline `demo`               |
//! | `*`, `*/lat*.anom*`| all that match, without sinks and the component itself      |
//!
//! A cycle is an error, for events would go round for ever. An output that nothing reads is a warning, if it is what the
//! component is there for.

use std::collections::HashSet;
use std::ops::Range;

use indexmap::IndexMap;
use logd_sdk::ComponentId;
use logd_sdk::component::Kind;
use toml::Spanned;

use super::cycles::cycles;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::input::{Input, matches};
use super::pipeline::{ComponentConfig, Pipeline, WrittenInput};
use super::suggest;

/// The outputs of a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// Whether it has one with its own name.
    pub main: bool,
    /// The names of the others.
    pub ports: Vec<String>,
}

/// Events go from an output of one component to another component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// Who sends.
    pub from: ComponentId,
    /// Through which output; `None` is the main one.
    pub port: Option<String>,
    /// Who receives.
    pub to: ComponentId,
    /// By which of its inputs, where those have names.
    pub way: u8,
}

/// Outputs for what went wrong on the way: where nothing but these is read, the component's work is in vain.
const SIDE_PORTS: [&str; 2] = ["dead", "late"];

/// Finds the edges of all pipelines, in the order of the components and their inputs. `outputs` says what leaves a
/// component, or `None` if that can't be known because something is wrong with it.
pub fn resolve(
    pipelines: &[Pipeline<'_>],
    outputs: impl Fn(&Pipeline<'_>, &ComponentConfig<'_>) -> Option<Outputs>,
    diagnostics: &mut Diagnostics,
) -> Vec<Edge> {
    let mut nodes = IndexMap::new();
    for pipeline in pipelines {
        for component in pipeline.components.values() {
            let id = ComponentId::new(&pipeline.id, &component.id);
            nodes.insert(id, Node { pipeline, component, outputs: outputs(pipeline, component) });
        }
    }
    let mut resolver = Resolver { pipelines, nodes, links: Vec::new(), mentioned: HashSet::new() };
    for to in 0..resolver.nodes.len() {
        for WrittenInput { name, way } in &resolver.nodes[to].component.inputs {
            resolver.connect(to, *way, name, diagnostics);
        }
    }
    resolver.refuse_cycles(diagnostics);
    // What a file with syntax errors reads is not known.
    if !pipelines.iter().any(|pipeline| pipeline.origin.is_broken()) {
        resolver.warn_of_unused(diagnostics);
    }
    resolver.edges()
}

/// A component of any pipeline.
struct Node<'p> {
    pipeline: &'p Pipeline<'p>,
    component: &'p ComponentConfig<'p>,
    outputs: Option<Outputs>,
}

/// An edge between nodes, by their places.
struct Link {
    from: usize,
    port: Option<String>,
    to: usize,
    way: u8,
    /// Where the input stands in the file of `to`.
    input: Range<usize>,
    is_pattern: bool,
}

/// The graph while it is made.
struct Resolver<'p> {
    pipelines: &'p [Pipeline<'p>],
    nodes: IndexMap<ComponentId, Node<'p>>,
    links: Vec<Link>,
    /// Nodes that a wrong input names or probably means: they are not unused.
    mentioned: HashSet<usize>,
}

/// An output: its node, and its port if it is not the main one.
type Source = (usize, Option<String>);

impl<'p> Resolver<'p> {
    /// Connects what `input` names to the node at `to`.
    fn connect(&mut self, to: usize, way: u8, input: &'p Spanned<String>, diagnostics: &mut Diagnostics) {
        let parsed = Input::parse(input.get_ref());
        let is_pattern = parsed.is_pattern();
        let found = if is_pattern { self.all(to, input, &parsed) } else { self.one(to, input, &parsed) };
        match found {
            Ok(found) => {
                for (from, port) in found {
                    let link = Link { from, port, to, way, input: input.span(), is_pattern };
                    self.link(link, diagnostics);
                }
            }
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }

    /// Adds a link; one that is there already is named twice.
    fn link(&mut self, link: Link, diagnostics: &mut Diagnostics) {
        let same = |other: &&Link| (other.from, &other.port, other.way) == (link.from, &link.port, link.way);
        match self.links.iter().rev().take_while(|other| other.to == link.to).find(same) {
            Some(first) if !first.is_pattern && !link.is_pattern => {
                let file = self.nodes[link.to].pipeline.origin.file();
                let warning = Diagnostic::warning(file, link.input, "this input is named twice");
                diagnostics.push(warning.related(file, first.input.clone(), "the first time"));
            }
            Some(_) => {}
            None => self.links.push(link),
        }
    }

    /// All outputs that a pattern matches, except those of the node at `to` itself.
    fn all(&self, to: usize, input: &Spanned<String>, pattern: &Input<'_>) -> Result<Vec<Source>, Box<Diagnostic>> {
        let mut found = Vec::new();
        for (from, node) in self.nodes.values().enumerate() {
            let in_file = match pattern.file {
                Some(file) => matches(file, &node.pipeline.id),
                None => node.pipeline.id == self.nodes[to].pipeline.id,
            };
            if !in_file || from == to || node.component.kind == Kind::Sink || !matches(pattern.name, &node.component.id)
            {
                continue;
            }
            match (pattern.port, &node.outputs) {
                (None, Some(outputs)) if !outputs.main => {}
                (None, _) => found.push((from, None)),
                (Some(port), Some(outputs)) => {
                    let ports = outputs.ports.iter().filter(|name| matches(port, name));
                    found.extend(ports.map(|name| (from, Some(name.clone()))));
                }
                (Some(_), None) => {}
            }
        }
        if found.is_empty() && !self.pipelines.iter().any(|pipeline| pipeline.origin.may_lack_tables()) {
            return Err(Box::new(self.error(to, input, &format!("no output matches `{}`", input.get_ref()))));
        }
        Ok(found)
    }

    /// The one output that a name stands for; none if that can't be known because something else is wrong.
    fn one(&mut self, to: usize, input: &Spanned<String>, name: &Input<'_>) -> Result<Vec<Source>, Box<Diagnostic>> {
        let own = self.nodes[to].pipeline;
        let pipeline = match name.file {
            None => own,
            Some(file) => match self.pipelines.iter().find(|pipeline| pipeline.id == file) {
                Some(pipeline) => pipeline,
                None => return Err(Box::new(self.unknown_pipeline(to, input, file))),
            },
        };
        let Some(from) = self.nodes.get_index_of(&ComponentId::new(&pipeline.id, name.name)) else {
            if pipeline.origin.may_lack_tables() {
                return Ok(Vec::new());
            }
            return Err(Box::new(self.unknown_component(to, input, name, pipeline)));
        };
        let node = &self.nodes[from];
        self.mentioned.insert(from);
        if node.component.kind == Kind::Sink {
            let error = self.error(to, input, &format!("`{}` is a sink: nothing comes out of it", name.name));
            return Err(Box::new(error));
        }
        let exists = node.outputs.as_ref().is_none_or(|outputs| match name.port {
            None => outputs.main,
            Some(port) => outputs.ports.iter().any(|name| name == port),
        });
        if exists {
            Ok(vec![(from, name.port.map(str::to_owned))])
        } else {
            Err(Box::new(self.unknown_port(to, input, name, node)))
        }
    }

    /// For `FILE/…` where there is no such file.
    fn unknown_pipeline(&self, to: usize, input: &Spanned<String>, file: &str) -> Diagnostic {
        let ids = || self.pipelines.iter().map(|pipeline| pipeline.id.as_str());
        let error = self.error(to, input, &format!("there is no pipeline `{file}`"));
        match suggest::closest(file, ids()) {
            Some(meant) => error.label(format!("did you mean `{meant}`?")),
            None => error.help(suggest::listed("the only pipeline is", "the pipelines are", ids())),
        }
    }

    /// For a name that no component of `pipeline` has. The best hint comes first: a name that is nearly it, then the same
    /// name in another pipeline, then all there are.
    fn unknown_component(
        &mut self,
        to: usize,
        input: &Spanned<String>,
        name: &Input<'_>,
        pipeline: &Pipeline<'_>,
    ) -> Diagnostic {
        let readable = || pipeline.components.values().filter(|one| one.kind != Kind::Sink).map(|one| one.id.as_str());
        let place = name.file.map_or(String::new(), |file| format!(" in pipeline `{file}`"));
        let error = self.error(to, input, &format!("there is no component `{}`{place}", name.name));
        if let Some(meant) = suggest::closest(name.name, readable().filter(|one| *one != self.nodes[to].component.id)) {
            self.mentioned.extend(self.nodes.get_index_of(&ComponentId::new(&pipeline.id, meant)));
            return error.label(format!("did you mean `{meant}`?"));
        }
        if let Some((elsewhere, _)) = self.nodes.iter().find(|(id, _)| id.id() == name.name) {
            return error.help(format!("write `{elsewhere}` for the one in pipeline `{}`", elsewhere.pipeline()));
        }
        error.help(format!("what can be read here is {}", suggest::list(readable())))
    }

    /// For `NAME.port` where the component has no such output, or `NAME` where it has only ports.
    fn unknown_port(&self, to: usize, input: &Spanned<String>, name: &Input<'_>, node: &Node<'_>) -> Diagnostic {
        let ports = node.outputs.as_ref().map_or(&[][..], |outputs| &outputs.ports);
        let main = node.outputs.as_ref().is_some_and(|outputs| outputs.main);
        let error = match name.port {
            Some(port) => self.error(to, input, &format!("`{}` has no output `{port}`", name.name)),
            None => self.error(to, input, &format!("`{}` has no output of its own name", name.name)),
        };
        let error = match name.port.and_then(|port| suggest::closest(port, ports.iter().map(String::as_str))) {
            Some(meant) => error.label(format!("did you mean `{}.{meant}`?", name.name)),
            None => error,
        };
        let own = main.then(|| name.name.to_owned());
        let all: Vec<_> = own.into_iter().chain(ports.iter().map(|port| format!("{}.{port}", name.name))).collect();
        error.help(suggest::listed("its only output is", "its outputs are", all.iter().map(String::as_str)))
    }

    /// An error at the input, in the file of the node at `to`.
    fn error(&self, to: usize, input: &Spanned<String>, message: &str) -> Diagnostic {
        self.nodes[to].pipeline.origin.error(input.span(), message)
    }

    /// Events that go round would never end.
    fn refuse_cycles(&self, diagnostics: &mut Diagnostics) {
        let mut successors = vec![Vec::new(); self.nodes.len()];
        self.links.iter().for_each(|link| successors[link.from].push(link.to));
        for cycle in cycles(&successors) {
            let (first, last) = (cycle[0], cycle[cycle.len() - 1]);
            let Some(link) = self.links.iter().find(|link| (link.from, link.to) == (last, first)) else { continue };
            let home = self.nodes[first].pipeline;
            let name = |place: &usize| {
                let node = &self.nodes[*place];
                let id = &node.component.id;
                if node.pipeline.id == home.id { id.clone() } else { format!("{}/{id}", node.pipeline.id) }
            };
            let way: Vec<_> = cycle.iter().chain([&first]).map(name).collect();
            let error = home.origin.error(link.input.clone(), &format!("a cycle: {}", way.join(" → ")));
            diagnostics.push(error.label("the cycle closes here"));
        }
    }

    /// A component of which nobody reads anything. One that has mistakes is not judged: perhaps it is no such thing.
    fn warn_of_unused(&self, diagnostics: &mut Diagnostics) {
        let is_result = |link: &&Link| link.port.as_deref().is_none_or(|port| !SIDE_PORTS.contains(&port));
        let read: HashSet<_> = self.links.iter().filter(is_result).map(|link| link.from).collect();
        for (place, node) in self.nodes.values().enumerate() {
            let component = node.component;
            let is_known = component.kind != Kind::Sink && node.outputs.is_some();
            if is_known && !read.contains(&place) && !self.mentioned_only(place) {
                let message = format!("nothing reads `{}`", component.id);
                let warning = Diagnostic::warning(node.pipeline.origin.file(), component.id_span.clone(), message);
                diagnostics.push(warning.help("add it to the `inputs` of a transform or a sink, or take it out"));
            }
        }
    }

    /// Whether a wrong input names this node, and no right one does.
    fn mentioned_only(&self, place: usize) -> bool {
        self.mentioned.contains(&place) && !self.links.iter().any(|link| link.from == place)
    }

    /// What was found, for those who build the graph.
    fn edges(&self) -> Vec<Edge> {
        let id = |place: usize| self.nodes.get_index(place).map(|(id, _)| id.clone());
        let edge =
            |link: &Link| Some(Edge { from: id(link.from)?, port: link.port.clone(), to: id(link.to)?, way: link.way });
        self.links.iter().filter_map(edge).collect()
    }
}

#[cfg(test)]
mod tests;
