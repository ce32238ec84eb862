//! `logd graph`: the pipelines as a picture.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};

use super::Exit;
use super::settings::{Configuration, print, show};
use crate::topology::{Graph as Plan, Node};

/// Show the graph of the pipelines
#[derive(Args, Debug)]
pub(super) struct Graph {
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
    pub(super) fn execute(self) -> Exit {
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
    format!("{} ({})", node.id.id(), node.plan.describe().name())
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

fn edges(graph: &Plan) -> impl Iterator<Item = (&Node, String, &Node)> {
    graph.nodes.iter().flat_map(move |node| {
        node.inputs.iter().map(move |input| {
            let from = &graph.nodes[input.node];
            (from, from.ports()[input.port].clone(), node)
        })
    })
}

fn dot(graph: &Plan) -> String {
    let mut text = "digraph logd {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for node in &graph.nodes {
        let _ = writeln!(text, "  \"{}\" [label=\"{}\"];", node.id, label(node));
    }
    for (from, port, to) in edges(graph) {
        let attributes = if port.is_empty() { String::new() } else { format!(" [label=\"{port}\"]") };
        let _ = writeln!(text, "  \"{}\" -> \"{}\"{attributes};", from.id, to.id);
    }
    text + "}\n"
}

fn mermaid(graph: &Plan) -> String {
    let mut text = "flowchart LR\n".to_owned();
    let name = |node: &Node| node.id.to_string().replace(['/', '-'], "_");
    for node in &graph.nodes {
        let _ = writeln!(text, "  {}[\"{}\"]", name(node), label(node));
    }
    for (from, port, to) in edges(graph) {
        let arrow = if port.is_empty() { "-->".to_owned() } else { format!("-->|{port}|") };
        let _ = writeln!(text, "  {} {arrow} {}", name(from), name(to));
    }
    text
}
