//! From a graph of plans to tasks that are ready to run. Nothing runs yet, so that what can't be built leaves nothing
//! behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::BoxFuture;
use logd_sdk::condition::Conditions;
use logd_sdk::erased::AnySink;
use logd_sdk::meters::Meters;
use logd_sdk::sink::Repeats;
use logd_sdk::{Clock, ComponentId, Context, Epochs, Plan};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::edge::{Receiver, Sender, edge};
use super::graph::{Graph, Node};
use super::inlet::Inlet;
use super::keyed_node::{KeyedNode, Shards};
use super::node::{Links, Pipeline};
use super::outlets::Outlets;
use super::source_node::SourceNode;
use super::suspects::AllSuspects;
use super::transform_node::TransformNode;
use super::watermarks::Watermarks;
use super::workers::Workers;
use crate::buffer::Buffers;
use crate::checkpoint::{Changes, Command, Coordinator, Durable, Entry, Member, Memory, Reporter, Saved, Store};
use crate::dead_letters::DeadLetters;
use crate::delivery::{Driver, Journal};
use crate::telemetry::{Account, EdgeMeters};

/// What components are built with, whatever part they are of.
#[derive(Clone)]
pub(crate) struct Environment {
    /// The time of day.
    pub(crate) clock: Clock,
    /// Compiles conditions.
    pub(crate) conditions: Arc<dyn Conditions>,
    /// Where components may keep files.
    pub(crate) data_dir: PathBuf,
    /// Where checkpoints are kept.
    pub(crate) store: Store,
    /// Whether the run ends with its input.
    pub(crate) once: bool,
    /// Work on events. A component may work on one batch more at once than there are, and a state has as many shards.
    pub(crate) workers: Workers,
    /// What components could not survive.
    pub(crate) suspects: AllSuspects,
    /// Keeps what nobody can handle.
    pub(crate) dead_letters: DeadLetters,
    /// The disk buffers that are open.
    pub(crate) buffers: Buffers,
    /// How much an edge holds for each of its [shares](Node::edge_share), in bytes.
    pub(crate) edge_capacity: u32,
    /// How often an epoch begins.
    pub(crate) checkpoint_interval: Duration,
}

/// A part that is ready to run.
pub(crate) struct Built {
    /// Its components' tasks.
    pub(crate) tasks: Vec<(ComponentId, BoxFuture<'static, anyhow::Result<()>>)>,
    /// Its coordinator.
    pub(crate) coordinator: Coordinator,
    /// Its components' accounts.
    pub(crate) accounts: Vec<Arc<Account>>,
}

/// How long a component may take to be built: to open its files, bind its address, or connect.
const BUILD_TIMEOUT: Duration = Duration::from_secs(30);

/// Builds a connected part, at its last epoch.
pub(crate) async fn build(graph: &Graph, environment: &Environment) -> anyhow::Result<Built> {
    let mut edges = Edges::new(graph, environment.edge_capacity);
    let (reports, received) = unbounded_channel();
    let (mut tasks, mut members, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
    let (lineage, epochs): (Arc<str>, _) = (environment.store.lineage()?.into(), Epochs::default());
    for (place, node) in graph.nodes.iter().enumerate() {
        let account = Arc::new(Account::new(
            node.id.clone(),
            node.kind(),
            node.plan.describe().name(),
            &node.ports(),
            environment.clock.clone(),
        ));
        accounts.push(Arc::clone(&account));
        let durable = Durable::default();
        let (sender, commands) = unbounded_channel();
        let has_line = matches!(node.plan, Plan::Source(_) | Plan::Sink(_));
        members.push(Member {
            component: node.id.clone(),
            is_source: matches!(node.plan, Plan::Source(_)),
            line: has_line.then(|| (sender, Arc::clone(&durable))),
        });
        let links = Links {
            outlets: Arc::new(Outlets::new(
                &node.plan.ports(),
                edges.take_outlets(place),
                environment.dead_letters.clone(),
            )),
            reporter: Reporter::new(place, reports.clone(), durable),
            account,
            reads: graph.reads(place, environment.conditions.as_ref()),
            suspects: environment.suspects.of(&node.id),
        };
        let inlet = Inlet::new(edges.take_inlet(place));
        let (lineage, epochs) = (Arc::clone(&lineage), epochs.clone());
        let component = Component { graph, place, node, environment, links, inlet, lineage, epochs };
        let task = tokio::time::timeout(BUILD_TIMEOUT, component.task(commands))
            .await
            .map_err(|_| anyhow::anyhow!("it took longer than {BUILD_TIMEOUT:?}"))
            .and_then(|built| built)
            .with_context(|| format!("`{}` can't be built", node.id))?;
        tasks.push((node.id.clone(), task));
    }
    // The coordinator knows that all are gone when the last of theirs is dropped.
    drop(reports);
    let durable = Memory { store: environment.store.clone(), dead_letters: environment.dead_letters.clone() };
    let coordinator = Coordinator::new(members, received, durable, environment.checkpoint_interval, epochs)?;
    Ok(Built { tasks, coordinator, accounts })
}

/// A component that is to be built.
struct Component<'b> {
    graph: &'b Graph,
    place: usize,
    node: &'b Node,
    environment: &'b Environment,
    links: Links,
    inlet: Inlet,
    lineage: Arc<str>,
    epochs: Epochs,
}

impl Component<'_> {
    async fn task(
        self,
        commands: UnboundedReceiver<Command>,
    ) -> anyhow::Result<BoxFuture<'static, anyhow::Result<()>>> {
        let context = self.context();
        let saved = self.environment.store.load(&self.node.id)?;
        let Self { node, environment, links, inlet, .. } = self;
        let (parallelism, workers) = (environment.workers.count() + 1, environment.workers.clone());
        Ok(match &node.plan {
            Plan::Source(plan) => {
                let mut source = plan.build(&context).await?;
                if let Some(position) = &saved.position {
                    source.seek(position).context("it can't go back to where the last run ended")?;
                }
                Box::pin(SourceNode::new(source, commands, links).run())
            }
            Plan::Transform(plan) => {
                let transform = plan.build(&context)?;
                Box::pin(TransformNode { transform, inlet, links, pipeline: Pipeline::new(parallelism, workers) }.run())
            }
            Plan::Keyed(plan) => {
                let keyed = plan.build(&context)?;
                let shards = Shards::new(keyed.as_ref(), workers.count());
                let watermarks = keyed.timing().map(|timing| Watermarks::new(timing, environment.clock.clone()));
                let partition = context.partition("");
                let mut task = KeyedNode { keyed, shards, watermarks, partition, inlet, links, parallelism, workers };
                let Saved { states, .. } = saved;
                if let Err(error) = task.load(states) {
                    let error = format!("{error:#}");
                    tracing::warn!(component = %node.id, error, "What was kept does not fit the settings; starting anew.");
                    task.start_anew();
                    environment.store.forget(std::slice::from_ref(&node.id))?;
                }
                Box::pin(task.run())
            }
            Plan::Sink(plan) => {
                let sink = plan.build(&context).await?;
                match &saved.position {
                    Some(position) => sink.restore(position).await.context("it can't go back to the last epoch")?,
                    // So that a crash before the first epoch finds a place to go back to.
                    None => begin(sink.as_ref(), &node.id, &environment.store).await?,
                }
                let delivery = plan.delivery();
                let journal = match delivery.repeats {
                    Repeats::Harmless => None,
                    Repeats::Doubled => Some(Journal::open(&context.data_dir.join("delivered"))?),
                };
                Box::pin(Driver::new(sink, delivery, journal, inlet, commands, links).run())
            }
        })
    }

    fn context(&self) -> Context {
        let Self { node, environment, .. } = self;
        Context {
            id: node.id.clone(),
            clock: environment.clock.clone(),
            columns: self.graph.read_downstream(self.place, environment.conditions.as_ref()),
            meters: self.links.account.meters().clone(),
            conditions: Arc::clone(&environment.conditions),
            data_dir: component_dir(&environment.data_dir, &node.id),
            once: environment.once,
            dry_run: false,
            lineage: Arc::clone(&self.lineage),
            health: self.links.account.health().clone(),
            epochs: self.epochs.clone(),
        }
    }
}

/// Where components may keep files: each in `PIPELINE/NAME` in it.
pub(crate) fn component_dirs(data_dir: &Path) -> PathBuf {
    data_dir.join("components")
}

/// Where a component may keep files.
pub(super) fn component_dir(data_dir: &Path, id: &ComponentId) -> PathBuf {
    component_dirs(data_dir).join(id.pipeline()).join(id.id())
}

/// Keeps where a sink stands before it has been given anything.
async fn begin(sink: &dyn AnySink, id: &ComponentId, store: &Store) -> anyhow::Result<()> {
    if let Some(position) = sink.sync().await? {
        let entry = Entry { component: id.clone(), position: Some(position), changes: Changes::new() };
        store.commit(store.last_epoch()?, &[entry])?;
    }
    Ok(())
}

/// The edges of a part, until their ends are handed out.
struct Edges {
    outlets: Vec<Vec<Vec<Sender>>>,
    inlets: Vec<Vec<Receiver>>,
}

impl Edges {
    fn new(graph: &Graph, capacity: u32) -> Self {
        let mut outlets: Vec<Vec<Vec<Sender>>> =
            graph.nodes.iter().map(|node| node.ports().iter().map(|_| Vec::new()).collect()).collect();
        let mut inlets = Vec::new();
        for node in &graph.nodes {
            let mut inlet = Vec::new();
            let meters = Meters::new(&node.id, node.kind().name(), node.plan.describe().name());
            let capacity = u32::try_from(node.edge_share()).unwrap_or(u32::MAX).saturating_mul(capacity);
            for input in &node.inputs {
                let from = &graph.nodes[input.node];
                let port = &from.ports()[input.port];
                let name = if port.is_empty() { from.id.to_string() } else { format!("{}.{port}", from.id) };
                let (sender, receiver) = edge(&node.buffer, capacity, EdgeMeters::new(&name, &meters));
                outlets[input.node][input.port].push(sender);
                inlet.push(receiver);
            }
            inlets.push(inlet);
        }
        Self { outlets, inlets }
    }

    fn take_outlets(&mut self, place: usize) -> Vec<Vec<Sender>> {
        std::mem::take(&mut self.outlets[place])
    }

    fn take_inlet(&mut self, place: usize) -> Vec<Receiver> {
        std::mem::take(&mut self.inlets[place])
    }
}

#[cfg(test)]
mod tests;
