//! `logd graph`: the pipelines as a picture.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use super::settings::{Configuration, print, show};
use crate::topology::{Graph as Plan, Input, Node};

/// Show the graph of the pipelines
#[derive(Args, Debug)]
pub(super) struct Graph {
    /// A pipeline file, or a folder of them, as with -c
    #[arg(value_name = "FILE_OR_DIR")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    configuration: Configuration,

    /// As a tree for the terminal, or for Graphviz or Mermaid
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Dot,
    Mermaid,
}

impl Graph {
    pub(super) fn execute(mut self) -> Exit {
        self.configuration.pipelines.append(&mut self.files);
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let compiled = self.configuration.compile(&settings, false);
        show(&compiled.diagnostics);
        print(&match self.format {
            Format::Text => text(&compiled.graph),
            Format::Dot => dot(&compiled.graph),
            Format::Mermaid => mermaid(&compiled.graph),
        });
        if compiled.errors() > 0 { Exit::Configuration } else { Exit::Ok }
    }
}

/// The nodes that read from the node at `place`, each with the port that it reads.
fn readers(graph: &Plan, place: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    graph.nodes.iter().enumerate().flat_map(move |(reader, node)| {
        node.inputs.iter().filter(move |input| input.node == place).map(move |input| (input.port, reader))
    })
}

fn label(node: &Node) -> String {
    format!("{} ({})", node.id.id(), node.component_type())
}

/// A tree from each source down. A component with several inputs is told in full once, and named after that.
fn text(graph: &Plan) -> String {
    let mut text = String::new();
    let mut pipeline = "";
    let mut told = vec![false; graph.nodes.len()];
    for (place, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.inputs.is_empty()) {
        if node.id.pipeline() != pipeline {
            pipeline = node.id.pipeline();
            let _ = writeln!(text, "{pipeline}");
        }
        branch(graph, place, "", "", &mut told, &mut text);
    }
    text
}

fn branch(graph: &Plan, place: usize, line: &str, indent: &str, told: &mut [bool], text: &mut String) {
    let again = std::mem::replace(&mut told[place], true);
    let _ = writeln!(text, "  {line}{}{}", label(&graph.nodes[place]), if again { " ↑" } else { "" });
    if again {
        return;
    }
    let below: Vec<_> = readers(graph, place).collect();
    for (turn, &(port, reader)) in below.iter().enumerate() {
        let last = turn + 1 == below.len();
        let name = &graph.nodes[place].ports()[port];
        let by = if name.is_empty() { String::new() } else { format!(".{name} → ") };
        let line = format!("{indent}{} {by}", if last { "└─" } else { "├─" });
        let indent = format!("{indent}{}", if last { "   " } else { "│  " });
        branch(graph, reader, &line, &indent, told, text);
    }
}

/// The place of a node, the port that is read, and the place of its reader.
fn edges(graph: &Plan) -> impl Iterator<Item = (usize, String, usize)> {
    graph.nodes.iter().enumerate().flat_map(move |(place, node)| {
        let port = |input: &Input| graph.nodes[input.node].ports()[input.port].clone();
        node.inputs.iter().map(move |input| (input.node, port(input), place))
    })
}

fn dot(graph: &Plan) -> String {
    let mut text = "digraph logd {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for node in &graph.nodes {
        let _ = writeln!(text, "  \"{}\" [label=\"{}\"];", node.id, label(node));
    }
    for (from, port, to) in edges(graph) {
        let attributes = if port.is_empty() { String::new() } else { format!(" [label=\"{port}\"]") };
        let (from, to) = (&graph.nodes[from].id, &graph.nodes[to].id);
        let _ = writeln!(text, "  \"{from}\" -> \"{to}\"{attributes};");
    }
    text + "}\n"
}

/// Nodes are numbered: what a name may hold, and words like `end`, mean something to Mermaid.
fn mermaid(graph: &Plan) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (place, node) in graph.nodes.iter().enumerate() {
        let _ = writeln!(text, "  n{place}[\"{}\"]", label(node));
    }
    for (from, port, to) in edges(graph) {
        let arrow = if port.is_empty() { "-->".to_owned() } else { format!("-->|{port}|") };
        let _ = writeln!(text, "  n{from} {arrow} n{to}");
    }
    text
}

#[cfg(test)]
mod tests {
    use logd_sdk::ComponentId;
    use logd_sdk::component::Kind;
    use toml::de::DeTable;

    use super::*;
    use crate::catalogue;

    #[test]
    fn names_that_are_nearly_one_stay_two() {
        let node = |pipeline: &str, id: &str, kind, name, inputs: &[usize]| {
            let component = catalogue::find(kind, name).unwrap();
            let plan = (component.parse)(DeTable::parse(component.example).unwrap()).unwrap();
            let inputs = inputs.iter().map(|&node| Input::new(node, 0)).collect();
            Node::new(ComponentId::new(pipeline, id), plan, inputs)
        };
        let graph = Plan {
            nodes: vec![
                node("p", "a-b", Kind::Source, "stdin", &[]),
                node("p", "a_b", Kind::Source, "stdin", &[]),
                node("p", "end", Kind::Sink, "blackhole", &[0, 1]),
            ],
        };
        let expected = "flowchart LR\n  n0[\"a-b (stdin)\"]\n  n1[\"a_b (stdin)\"]\n  n2[\"end (blackhole)\"]\n  \
            n0 --> n2\n  n1 --> n2\n";
        assert_eq!(mermaid(&graph), expected);
        let dot = dot(&graph);
        for line in ["\"p/a-b\" [label=\"a-b (stdin)\"];", "\"p/a-b\" -> \"p/end\";", "\"p/a_b\" -> \"p/end\";"] {
            assert!(dot.contains(line), "{dot}");
        }
    }
}
