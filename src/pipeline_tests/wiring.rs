//! From a pipeline's graph to one for a test: players in the place of sources, no sinks but a collector, and of all the
//! rest what leads to what is looked at.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use logd_sdk::component::Kind;
use logd_sdk::{ComponentId, Plan};

use super::collector::Collector;
use super::player::{Player, Turns};
use super::timeline::{Timeline, Turn};
use super::{Expectation, PipelineTest};
use crate::backtest::{Dropped, dead_outputs, goes_by_the_clock, moved, upstream};
use crate::topology::{Graph, Input, Node};

/// A graph that is ready to be run.
pub(super) struct Wired {
    pub(super) graph: Graph,
    pub(super) collector: Collector,
    /// By which way the events of each expectation come.
    pub(super) ways: Vec<usize>,
}

/// Makes the graph of a test.
///
/// # Errors
/// The graph has something that can't be tested, as a sentence.
pub(super) fn wire(graph: &Graph, test: &PipelineTest) -> anyhow::Result<Wired> {
    let timeline = Timeline::new(test)?;
    let (outputs, ways) = outputs(graph, &test.expectations)?;
    let is_entry = |node: &Node| timeline.entries.iter().any(|entry| entry.component == node.id);
    let needed: BTreeSet<usize> = upstream(graph, outputs.iter().map(|output| output.node))
        .into_iter()
        .filter(|&place| graph.nodes[place].kind() != Kind::Source || is_entry(&graph.nodes[place]))
        .collect();
    for &place in &needed {
        let node = &graph.nodes[place];
        anyhow::ensure!(
            !goes_by_the_clock(node),
            "`{}` goes by the clock, and a test has only the times of its events: write clock = \"event\"",
            node.id
        );
    }
    let mut wired = graph.only(|place| needed.contains(&place));
    // A source that is not played gives nothing, and is not there.
    let is_there = |output: &&Input| needed.contains(&output.node);
    let mut collected: Vec<Input> = outputs.iter().filter(is_there).map(moved(&needed)).collect();
    let is_collected =
        |input: &Input| collected.iter().any(|other| (other.node, other.port) == (input.node, input.port));
    let dead: Vec<Input> = dead_outputs(&wired).into_iter().filter(|dead| !is_collected(dead)).collect();

    let unread = u8::try_from(outputs.len())?;
    let alone = insert(&mut wired, &test.pipeline, timeline);
    collected.extend(alone.into_iter().map(|node| Input { way: unread, ..Input::new(node, 0) }));
    let collector = Collector::default();
    let sinks: [(&str, Plan, Vec<Input>); 2] = [
        ("collector", Plan::Sink(Arc::new(collector.clone())), collected),
        ("dropped", Plan::Sink(Arc::new(Dropped)), dead),
    ];
    for (name, plan, inputs) in sinks.into_iter().filter(|(_, _, inputs)| !inputs.is_empty()) {
        wired.nodes.push(Node::new(own(&test.pipeline, name), plan, inputs));
    }
    Ok(Wired { graph: wired, collector, ways })
}

/// A component of a test. None of a user's has a dot in its name.
fn own(pipeline: &str, name: &str) -> ComponentId {
    ComponentId::new(pipeline, &format!("test.{name}"))
}

/// The outputs that are looked at, each once and by a way of its own; and the way of each expectation.
fn outputs(graph: &Graph, expectations: &[Expectation]) -> anyhow::Result<(Vec<Input>, Vec<usize>)> {
    let mut outputs: Vec<Input> = Vec::new();
    let mut ways = Vec::new();
    for Expectation { component, port, .. } in expectations {
        let found = graph.place(component).and_then(|node| {
            let port = graph.nodes[node].ports().iter().position(|name| name == port)?;
            Some(Input::new(node, port))
        });
        let Some(output) = found else { anyhow::bail!("there is no `{component}.{port}`") };
        let way = outputs.iter().position(|other| (other.node, other.port) == (output.node, output.port));
        ways.push(way.unwrap_or(outputs.len()));
        if way.is_none() {
            anyhow::ensure!(outputs.len() < usize::from(u8::MAX), "more than 255 outputs are looked at");
            let way = u8::try_from(outputs.len())?;
            outputs.push(Input { way, ..output });
        }
    }
    Ok((outputs, ways))
}

/// Puts in players: one for each component where events enter, and one that tells time. Returns those of which nobody
/// reads: they have their turns all the same, and so belong to the same connected part.
fn insert(graph: &mut Graph, pipeline: &str, timeline: Timeline) -> Vec<usize> {
    let turns = Turns::new(timeline.turns.len());
    let player = || Player { given: VecDeque::new(), turns: turns.clone(), ports: Vec::new() };
    let mut players: Vec<Player> = timeline.entries.iter().map(|_| player()).collect();
    let mut clock = player();
    for (number, turn) in timeline.turns.into_iter().enumerate() {
        match turn {
            Turn::Events { entry, batches } => players[entry].given.push_back((number, batches.into())),
            Turn::Time(batch) => clock.given.push_back((number, VecDeque::from([batch]))),
        }
    }
    let (mut sources, mut alone) = (Vec::new(), Vec::new());
    for (number, (entry, player)) in timeline.entries.iter().zip(players).enumerate() {
        // A component that leads to nothing that is looked at is not there; the loader has warned of it.
        let place = graph.place(&entry.component);
        if let Some(node) = place.map(|place| &mut graph.nodes[place]).filter(|node| node.kind() == Kind::Source) {
            node.plan = Plan::Source(Arc::new(Player { ports: node.plan.ports(), ..player }));
            sources.extend(place);
            continue;
        }
        let source = add(graph, own(pipeline, &format!("input{number}")), player);
        match place {
            Some(place) => graph.nodes[place].inputs.push(Input::new(source, 0)),
            None => alone.push(source),
        }
        sources.push(source);
    }
    if !clock.given.is_empty() {
        let clock = add(graph, own(pipeline, "clock"), clock);
        let keyed = first_keyed(graph, &sources);
        for &place in &keyed {
            graph.nodes[place].inputs.push(Input::new(clock, 0));
        }
        alone.extend(keyed.is_empty().then_some(clock));
    }
    alone
}

fn add(graph: &mut Graph, id: ComponentId, player: Player) -> usize {
    graph.nodes.push(Node::new(id, Plan::Source(Arc::new(player)), Vec::new()));
    graph.nodes.len() - 1
}

/// The first components with state behind `sources`. What tells time goes straight to these: a `parse` before them lets
/// nothing count but the times of events.
fn first_keyed(graph: &Graph, sources: &[usize]) -> BTreeSet<usize> {
    let (mut found, mut seen, mut left) = (BTreeSet::new(), BTreeSet::new(), sources.to_vec());
    while let Some(from) = left.pop() {
        let reads = |node: &Node| node.inputs.iter().any(|input| input.node == from);
        for (place, node) in graph.nodes.iter().enumerate().filter(|(_, node)| reads(node)) {
            match node.plan {
                Plan::Keyed(_) => drop(found.insert(place)),
                _ if seen.insert(place) => left.push(place),
                _ => {}
            }
        }
    }
    found
}
