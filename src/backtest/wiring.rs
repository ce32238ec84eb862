//! From a pipeline's graph to one for a backtest: files in the place of sources, no sinks, and of all the rest what leads
//! to an alarm.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use logd_file::{RecordedFile, Replay};
use logd_sdk::component::Kind;
use logd_sdk::{ComponentId, Plan};

use super::alarms::Alarms;
use super::census::Census;
use super::dropped::Dropped;
use super::points::census_points;
use super::run::Run;
use crate::topology::{Graph, Input, Node};

/// The output that detectors have for anomalies.
const ANOMALIES: &str = "anomalies";
/// The output for what can't be handled.
const DEAD: &str = "dead";

/// What is to be read and kept.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Recorded input.
    pub(crate) recorded: Vec<Recorded>,
    /// The outputs whose events are alarms, as `NAME.port` or `FILE/NAME.port`; if none is named, all `.anomalies`.
    pub(crate) alarms: Vec<String>,
    /// Whether the events of the alarms are kept as they are.
    pub(crate) keep_events: bool,
}

/// Files in the place of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// The source as `NAME` or `FILE/NAME`; without it, the only one.
    pub(crate) source: Option<String>,
    /// The files, in the order in which they are read.
    pub(crate) files: Vec<RecordedFile>,
}

/// A graph that is ready to be run.
pub(crate) struct Wired {
    pub(super) graph: Graph,
    pub(super) alarms: Alarms,
    /// How far it is.
    pub(crate) run: Run,
    /// The detectors whose alarms count.
    pub(crate) detectors: Vec<ComponentId>,
}

/// Why there can't be a backtest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The command line does not fit the pipeline.
    #[error("{0}")]
    Wanted(String),
    /// The pipeline has something that a backtest can't do: what, and what to do about it.
    #[error("{message}")]
    Component {
        /// Which component.
        component: ComponentId,
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        help: &'static str,
    },
}

/// Makes the graph of a backtest.
///
/// # Errors
/// What is wanted does not fit the pipeline, or the pipeline no backtest.
pub(crate) fn wire(graph: &Graph, wanted: &Wanted) -> Result<Wired, Refusal> {
    let outputs = alarm_outputs(graph, &wanted.alarms)?;
    let needed = upstream(graph, outputs.iter().map(|output| output.node));
    for &place in &needed {
        refuse_what_has_no_replay(&graph.nodes[place])?;
    }
    let names: Vec<String> = outputs.iter().map(|output| graph.output(output)).collect();
    let detectors: BTreeSet<&ComponentId> = outputs.iter().map(|output| &graph.nodes[output.node].id).collect();
    let detectors = detectors.into_iter().cloned().collect();
    let (points, fields) = census_points(graph, &needed);
    let (mut wired, read, size) = only_recorded(graph, &needed, &wanted.recorded)?;
    let (alarms, census) = (Alarms::new(&names, wanted.keep_events), Census::new(fields));
    let dead = dead_outputs(&wired);
    let (alarm_inputs, census_inputs) =
        (by_ways(outputs.iter().map(moved(&needed)))?, by_ways(points.iter().map(moved(&needed)))?);
    let sinks: [(&str, Plan, Vec<Input>); 3] = [
        ("alarms", Plan::Sink(Arc::new(alarms.clone())), alarm_inputs),
        ("dropped", Plan::Sink(Arc::new(Dropped)), dead),
        ("census", Plan::Sink(Arc::new(census.clone())), census_inputs),
    ];
    for (name, plan, inputs) in sinks.into_iter().filter(|(_, _, inputs)| !inputs.is_empty()) {
        // No component of a user has a dot in its name.
        wired.nodes.push(Node::new(ComponentId::new("backtest", &format!("backtest.{name}")), plan, inputs));
    }
    Ok(Wired { graph: wired, alarms, run: Run::new(read, size, census), detectors })
}

/// The graph of these nodes, with files in the place of its sources; what tells how many bytes each of them has read, and how
/// many there are in all.
pub(super) fn only_recorded(
    graph: &Graph,
    needed: &BTreeSet<usize>,
    recorded: &[Recorded],
) -> Result<(Graph, Vec<Arc<AtomicU64>>, u64), Refusal> {
    let mut wired = graph.only(|place| needed.contains(&place));
    let files = assign(&wired, recorded)?;
    let (read, size) = replace_sources(&mut wired, files);
    Ok((wired, read, size))
}

/// Inputs of a sink that is told by which of them events come, which can be 256.
pub(super) fn by_ways(inputs: impl ExactSizeIterator<Item = Input>) -> Result<Vec<Input>, Refusal> {
    let too_many = format!("there are {} outputs, and can be 256 at most", inputs.len());
    let way = |(way, input)| Some(Input { way: u8::try_from(way).ok()?, ..input });
    inputs.enumerate().map(way).collect::<Option<_>>().ok_or(Refusal::Wanted(too_many))
}

/// All outputs, in the order of the components, with the names of their ports.
fn outputs_of(graph: &Graph) -> Vec<(Input, String)> {
    let ports = |(place, node): (usize, &Node)| {
        node.ports().into_iter().enumerate().map(move |(port, name)| (Input::new(place, port), name))
    };
    graph.nodes.iter().enumerate().filter(|(_, node)| node.kind() != Kind::Sink).flat_map(ports).collect()
}

/// The outputs for what nobody can handle.
pub(crate) fn dead_outputs(graph: &Graph) -> Vec<Input> {
    outputs_of(graph).into_iter().filter(|(_, port)| port == DEAD).map(|(output, _)| output).collect()
}

/// The outputs whose events are alarms, in the order of the components.
fn alarm_outputs(graph: &Graph, wanted: &[String]) -> Result<Vec<Input>, Refusal> {
    let all = outputs_of(graph);
    if wanted.is_empty() {
        let anomalies = all.into_iter().filter(|(_, port)| port == ANOMALIES);
        let found: Vec<Input> = anomalies.map(|(output, _)| output).collect();
        return if found.is_empty() {
            Err(Refusal::Wanted("no component of the pipeline has an output `anomalies`".to_owned()))
        } else {
            Ok(found)
        };
    }
    let mut found = BTreeSet::new();
    for name in wanted {
        found.insert(one(name, all.iter().map(|(output, _)| (graph.output(output), output.clone())))?);
    }
    Ok(found.into_iter().collect())
}

/// The one whose name, `FILE/NAME`, is `name`, or ends with it behind the slash.
fn one<T>(name: &str, candidates: impl Iterator<Item = (String, T)>) -> Result<T, Refusal> {
    let is_meant = |full: &str| full == name || full.split_once('/').is_some_and(|(_, own)| own == name);
    let mut found: Vec<(String, T)> = candidates.filter(|(full, _)| is_meant(full)).collect();
    match (found.pop(), found.is_empty()) {
        (Some((_, one)), true) => Ok(one),
        (None, _) => Err(Refusal::Wanted(format!("the pipeline has no `{name}`"))),
        (Some((full, _)), false) => {
            let names: Vec<String> = found.into_iter().map(|(full, _)| full).chain([full]).collect();
            Err(Refusal::Wanted(format!("`{name}` may be {}: write it in full", names.join(" or "))))
        }
    }
}

/// These nodes, and all from which their events come.
pub(crate) fn upstream(graph: &Graph, from: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut left: Vec<usize> = from.collect();
    while let Some(place) = left.pop() {
        if found.insert(place) {
            left.extend(graph.nodes[place].inputs.iter().map(|input| input.node));
        }
    }
    found
}

/// Where the outputs of a graph are found in that of these nodes alone: see [`Graph::only`].
pub(crate) fn moved(kept: &BTreeSet<usize>) -> impl Fn(&Input) -> Input {
    |input| Input { node: kept.range(..input.node).count(), ..*input }
}

/// Whether the clock tells it the time, and not its events.
pub(crate) fn goes_by_the_clock(node: &Node) -> bool {
    node.written.shown("clock") == Some("\"processing\"")
}

/// What only a clock or a connection could tell can't be told by lines of a file.
pub(super) fn refuse_what_has_no_replay(node: &Node) -> Result<(), Refusal> {
    let is = |setting: &str, value: &str| node.written.shown(setting) == Some(value);
    let refused = if goes_by_the_clock(node) {
        Some(("it goes by the clock, and what is recorded has only the times of its events", "write clock = \"event\""))
    } else if node.kind() == Kind::Source && is("decoding.codec", "\"json\"") {
        let message = "it decodes what it receives, and recorded input is lines of text";
        Some((message, "let it receive text, and decode that by a transform of type `parse`"))
    } else {
        None
    };
    match refused {
        None => Ok(()),
        Some((message, help)) => {
            let message = format!("`{}` can't be backtested: {message}", node.id);
            Err(Refusal::Component { component: node.id.clone(), message, help })
        }
    }
}

/// The files for each source, by its place in the graph.
fn assign(graph: &Graph, recorded: &[Recorded]) -> Result<Vec<(usize, Vec<RecordedFile>)>, Refusal> {
    let sources: Vec<(String, usize)> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.kind() == Kind::Source)
        .map(|(place, node)| (node.id.to_string(), place))
        .collect();
    let listed = || sources.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut files: Vec<(usize, Vec<RecordedFile>)> = sources.iter().map(|(_, place)| (*place, Vec::new())).collect();
    for Recorded { source, files: more } in recorded {
        let place = match source {
            Some(name) => one(name, sources.iter().cloned())?,
            None => match &sources[..] {
                [(_, only)] => *only,
                _ => {
                    let message = format!("say whose input it is, --input NAME=FILES: alarms come from {}", listed());
                    return Err(Refusal::Wanted(message));
                }
            },
        };
        files
            .iter_mut()
            .filter(|(source, _)| *source == place)
            .for_each(|(_, files)| files.extend(more.iter().cloned()));
    }
    match files.iter().position(|(_, files)| files.is_empty()) {
        None => Ok(files),
        Some(place) => {
            let message = format!("there is no input for `{}`: give it one by --input NAME=FILES", sources[place].0);
            Err(Refusal::Wanted(message))
        }
    }
}

/// Lets sources read these files. Returns what tells how many bytes each has read, and how many there are in all.
fn replace_sources(graph: &mut Graph, files: Vec<(usize, Vec<RecordedFile>)>) -> (Vec<Arc<AtomicU64>>, u64) {
    let (mut read, mut size) = (Vec::new(), 0);
    for (place, files) in files {
        let node = &mut graph.nodes[place];
        let Plan::Source(source) = &node.plan else { continue };
        let sizes = files.iter().map(|file| std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len()));
        size += sizes.sum::<u64>();
        let counter = Arc::new(AtomicU64::new(0));
        node.plan = Plan::Source(Arc::new(Replay::in_place_of(source.as_ref(), files, Arc::clone(&counter))));
        read.push(counter);
    }
    (read, size)
}

#[cfg(test)]
mod tests;
