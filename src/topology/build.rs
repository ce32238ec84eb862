//! From a graph of plans to tasks that are ready to run. Nothing runs yet, so that what can't be built leaves nothing
//! behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::component::Kind;
use logd_sdk::condition::Conditions;
use logd_sdk::erased::AnySink;
use logd_sdk::http::{Extensions, Listeners};
use logd_sdk::keyed::Timing;
use logd_sdk::meters::Meters;
use logd_sdk::sink::{Delivery, Repeats};
use logd_sdk::{Clock, ComponentId, Epochs, Plan};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::time::Instant;

use super::body::{Body, Ends};
use super::congestion::{Activity, Congestion, Upstream};
use super::edge::{Message, Receiver, Sender, edge};
use super::fresh::{Fresh, Made, New};
use super::graph::{Graph, Input, Node};
use super::inlet::Inlet;
use super::kept::Migrate;
use super::keyed_node::{KeyedNode, Shards};
use super::node::{Links, Pipeline};
use super::outlets::Outlets;
use super::pause::Pause;
use super::salvage::{Left, Salvage};
use super::source_node::SourceNode;
use super::suspects::AllSuspects;
use super::taps::Taps;
use super::transform_node::TransformNode;
use super::watermarks::Watermarks;
use super::workers::Workers;
use crate::buffer::Buffers;
use crate::checkpoint::{Changes, Coordinator, Durable, Entry, Member, Memory, Position, Reporter, Snapshot, Store};
use crate::dead_letters::DeadLetters;
use crate::delivery::{Driver, Handoffs, Journal};
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
    /// Whether time goes by the events alone: no silence lets it go on, and no date is too far ahead.
    pub(crate) by_events: bool,
    /// Whether what is open at the end of the input stays open, for a run that goes on from there.
    pub(crate) goes_on: bool,
    /// How work on events is done: a component works on one batch more at once than there are threads, and a state has as
    /// many shards.
    pub(crate) workers: Workers,
    /// What components could not survive.
    pub(crate) suspects: AllSuspects,
    /// Keeps what nobody can handle.
    pub(crate) dead_letters: DeadLetters,
    /// The addresses that components listen on.
    pub(crate) listeners: Listeners,
    /// What several components have together.
    pub(crate) shared: Extensions,
    /// Where events can be looked at as they pass.
    pub(crate) taps: Taps,
    /// The disk buffers that are open.
    pub(crate) buffers: Buffers,
    /// Sinks that are about to be replaced.
    pub(crate) handoffs: Handoffs,
    /// How much an edge holds for each of its [shares](Node::edge_share), in bytes.
    pub(crate) edge_capacity: u32,
    /// How often an epoch begins.
    pub(crate) checkpoint_interval: Duration,
    /// Whether a new sink has to answer before it takes the place of an old one.
    pub(crate) require_healthy: bool,
    /// How long each step of a reload may take.
    pub(crate) reload_timeout: Duration,
}

/// A part that is ready to run.
pub(crate) struct Built {
    /// Its components.
    pub(crate) bodies: Vec<(ComponentId, Body)>,
    /// Its coordinator.
    pub(crate) coordinator: Coordinator,
    /// Its components' accounts.
    pub(crate) accounts: Vec<Arc<Account>>,
    /// Tells the components to stand still.
    pub(crate) pause: watch::Sender<bool>,
    /// Those whose state did not fit their settings.
    pub(crate) anew: BTreeSet<ComponentId>,
}

/// Builds a connected part, at its last epoch.
///
/// # Errors
/// A component can't be built.
pub(crate) async fn build(graph: &Graph, environment: &Environment) -> anyhow::Result<Built> {
    rebuild(graph, &mut Fresh::default(), &mut Salvage::default(), environment).await
}

/// Puts a connected part together: of what is built already, of components that go on as they are left, and of others,
/// which are built now. What was built anew goes on where the one before it was, or from its last epoch.
///
/// # Errors
/// A component can't be built. What was taken out of the salvage is gone.
pub(crate) async fn rebuild(
    graph: &Graph,
    fresh: &mut Fresh,
    salvage: &mut Salvage,
    environment: &Environment,
) -> anyhow::Result<Built> {
    let (mut handed_in, mut last_words) = (BTreeMap::new(), salvage.last_words(graph));
    let mut edges = Edges::new(graph, environment.edge_capacity, salvage);
    let (reports, received) = unbounded_channel();
    let (mut bodies, mut members, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
    let ((ask, pause), mut goes_on, mut anew) = (Pause::new(), false, BTreeSet::new());
    for (place, node) in graph.nodes.iter().enumerate() {
        let mut left = salvage.take(&node.id);
        let durable = left.as_ref().map_or_else(Durable::default, |left| left.body.links().reporter.slot());
        let (sender, commands) = unbounded_channel();
        let letters = environment.dead_letters.clone();
        let outputs = (0..node.ports().len()).map(|port| graph.output(&Input::new(place, port)));
        let taps = outputs.map(|output| environment.taps.of(&output)).collect();
        let ends = Ends {
            outlets: Arc::new(Outlets::new(&node.ports(), edges.take_outlets(place), taps, letters, pause.clone())),
            inlet: Inlet::new(edges.take_inlet(place)),
            reporter: Reporter::new(place, reports.clone(), Arc::clone(&durable)),
            line: (sender.clone(), commands),
        };
        let component_type = node.component_type();
        let is_own = left.as_ref().is_none_or(|left| left.node.component_type() == component_type);
        let mut snapshot = salvage.handed_in.remove(&node.id).filter(|_| is_own).unwrap_or_default();
        let mut new = fresh.take(&node.id);
        let last = last_words.remove(&node.id).or_else(|| salvage.last_word(&node.id));
        if let Some(last) = last.filter(|last| last.component_type == component_type) {
            snapshot.add(last.snapshot);
        }
        // Removed, and back before its last word is durable: others have what it had sent by then.
        let mut position = if left.is_none() { snapshot.position.clone() } else { None };
        if let Some(account) = fresh.take_later(&node.id) {
            position = left.take().filter(|_| is_own).and_then(|left| left.body.position());
            new = Some(New::build(graph, place, account, environment).await?);
        }
        goes_on |= left.is_some();
        let body = match (new, left) {
            (None, Some(Left { mut body, node: before, .. })) => {
                if before.written != node.written {
                    body.renew(&node.plan).with_context(|| format!("`{}` can't be renewed", node.id))?;
                }
                body.join(ends).await;
                if node.retired {
                    body.retire(Instant::now() + environment.reload_timeout);
                }
                body
            }
            (new, left) => {
                let new = match new {
                    Some(new) => new,
                    None => New::build(graph, place, None, environment).await?,
                };
                let place = Place { graph, place, node, environment, ends, is_own };
                let filled = place.fill(new, left.map(|left| left.body), position, &mut snapshot).await;
                let (body, fits) = filled.with_context(|| format!("`{}` can't go on where it was", node.id))?;
                if !fits {
                    anew.insert(node.id.clone());
                }
                body
            }
        };
        let links = body.links();
        let has_line = matches!(node.plan, Plan::Source(_) | Plan::Sink(_));
        members.push(Member {
            component: node.id.clone(),
            component_type,
            is_source: matches!(node.plan, Plan::Source(_)),
            line: has_line.then_some((sender, durable)),
            epochs: links.epochs.clone(),
        });
        accounts.push(Arc::clone(&links.account));
        handed_in.insert(node.id.clone(), snapshot);
        bodies.push((node.id.clone(), body));
    }
    for (place, (_, body)) in bodies.iter_mut().enumerate() {
        let Body::Keyed(keyed) = body else { continue };
        let mut upstream = Upstream::default();
        for before in graph.upstream(place) {
            upstream.add(&edges.congestions[before]);
            if graph.nodes[before].kind() == Kind::Source && !graph.nodes[before].retired {
                upstream.add_source(accounts[before].health());
            }
        }
        keyed.activity.join(upstream);
    }
    // The coordinator knows that all are gone when the last of theirs is dropped.
    drop(reports);
    let durable = Memory { store: environment.store.clone(), dead_letters: environment.dead_letters.clone() };
    let interval = environment.checkpoint_interval;
    let coordinator = Coordinator::new(members, received, durable, interval, handed_in, last_words, goes_on)?;
    Ok(Built { bodies, coordinator, accounts, pause: ask, anew })
}

/// The place of a component in a part.
struct Place<'p> {
    graph: &'p Graph,
    place: usize,
    node: &'p Node,
    environment: &'p Environment,
    ends: Ends,
    /// Whether the one before it, if there is one, is of its type.
    is_own: bool,
}

impl Place<'_> {
    /// Puts a component there that was just built, and brings it to where the one before it was, or to its last epoch; one
    /// of another type only hands over what waits. `position` is where that was if it is gone, and `snapshot` what it has
    /// handed in for no epoch yet. Also returns whether what was kept fits.
    async fn fill(
        self,
        new: New,
        old: Option<Body>,
        position: Option<Vec<u8>>,
        snapshot: &mut Snapshot,
    ) -> anyhow::Result<(Body, bool)> {
        let New { made, context, account } = new;
        let links = self.links(account, context.epochs.clone());
        let Self { node, environment, ends, is_own, .. } = self;
        let Ends { inlet, line: (_, commands), .. } = ends;
        let saved = environment.store.load(&node.id)?;
        let mut position = position.or_else(|| saved.position_of(node.component_type()).cloned());
        let (parallelism, workers) = (environment.workers.count() + 1, environment.workers);
        let (mut handed_over, mut kept) = (None, None);
        match old {
            // What it has done since its last epoch is not done again.
            Some(Body::Source(old)) => position = old.position().filter(|_| is_own),
            Some(Body::Keyed(mut old)) => {
                snapshot.add(Snapshot::changes(old.save()?));
                kept = old.kept.take();
            }
            Some(Body::Sink(old)) => handed_over = Some(old.hand_over().await?),
            Some(Body::Transform(_)) | None => {}
        }
        let mut fits = true;
        let body = match made {
            Made::Source(mut source) => {
                if let Some(position) = &position {
                    source.seek(position).context("its position")?;
                }
                Body::Source(Box::new(SourceNode::new(source, commands, links, environment.goes_on)))
            }
            Made::Transform(transform) => {
                let pipeline = Pipeline::new(parallelism, workers);
                Body::Transform(Box::new(TransformNode { transform, inlet, links, pipeline }))
            }
            Made::Keyed(keyed) => {
                let shards = Shards::new(keyed.as_ref(), workers.count());
                let timing = |timing| if environment.by_events { by_events(timing) } else { timing };
                let watermarks = keyed.timing().map(|its| Watermarks::new(timing(its), environment.clock.clone()));
                let (partition, activity) = (context.partition(""), Activity::new());
                let mut keyed = KeyedNode {
                    keyed,
                    shards,
                    watermarks,
                    partition,
                    inlet,
                    links,
                    parallelism,
                    activity,
                    workers,
                    kept: None,
                };
                if let Err(error) = keyed.load(saved.after(&snapshot.changes)) {
                    let error = format!("{error:#}");
                    tracing::warn!(component = %node.id, error, "What was kept does not fit the settings; starting anew.");
                    fits = false;
                    keyed.start_anew();
                    environment.store.forget(std::slice::from_ref(&node.id))?;
                    *snapshot = Snapshot::default();
                    if let (Migrate::Warm, Some(kept)) = (node.migrate, &kept) {
                        keyed.begin_with(kept).await;
                    }
                }
                keyed.kept = (node.migrate == Migrate::Warm).then(|| kept.unwrap_or_default());
                Body::Keyed(Box::new(keyed))
            }
            Made::Sink(sink) => {
                match (handed_over.as_ref().filter(|_| is_own), &position) {
                    (Some(left), _) => {
                        sink.succeed(left.sink.as_ref()).await.context("what the one before it keeps")?
                    }
                    (None, Some(position)) => sink.restore(position).await.context("its last epoch")?,
                    // So that a crash before the first epoch finds a place to go back to.
                    (None, None) => begin(sink.as_ref(), node, &environment.store).await?,
                }
                let delivery = match &node.plan {
                    Plan::Sink(plan) => plan.delivery(),
                    _ => Delivery::default(),
                };
                let journal = match delivery.repeats {
                    Repeats::Harmless => None,
                    Repeats::Doubled => Some(Journal::open(&context.data_dir.join("delivered"))?),
                };
                let turn = environment.handoffs.of(&node.id);
                let mut driver = Driver::new(sink, delivery, journal, turn, inlet, commands, links);
                if let Some(left) = handed_over {
                    driver.take_over(left);
                }
                Body::Sink(Box::new(driver))
            }
        };
        Ok((body, fits))
    }

    fn links(&self, account: Arc<Account>, epochs: Epochs) -> Links {
        Links {
            outlets: Arc::clone(&self.ends.outlets),
            reporter: self.ends.reporter.clone(),
            account,
            reads: self.graph.reads(self.place, self.environment.conditions.as_ref()),
            suspects: self.environment.suspects.of(&self.node.id),
            epochs,
        }
    }
}

/// The same, when no clock has a say.
fn by_events(timing: Timing) -> Timing {
    Timing { idle_timeout: Duration::MAX, max_ahead: None, ..timing }
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
async fn begin(sink: &dyn AnySink, node: &Node, store: &Store) -> anyhow::Result<()> {
    if let Some(position) = sink.sync().await? {
        let position = Some(Position { component_type: node.component_type(), bytes: position });
        let entry = Entry { component: node.id.clone(), position, changes: Changes::new() };
        store.commit(store.last_epoch()?, &[entry])?;
    }
    Ok(())
}

/// The edges of a part, until their ends are handed out.
struct Edges {
    outlets: Vec<Vec<Vec<Sender>>>,
    inlets: Vec<Vec<Receiver>>,
    /// Of each component.
    congestions: Vec<Arc<Congestion>>,
}

impl Edges {
    /// New edges, with what waits before the components that are left of other parts.
    fn new(graph: &Graph, capacity: u32, salvage: &mut Salvage) -> Self {
        let mut outlets: Vec<Vec<Vec<Sender>>> =
            graph.nodes.iter().map(|node| node.ports().iter().map(|_| Vec::new()).collect()).collect();
        let mut inlets = Vec::new();
        let congestions: Vec<Arc<Congestion>> = graph.nodes.iter().map(|_| Arc::default()).collect();
        for node in &graph.nodes {
            let mut inlet = Vec::new();
            let mut waiting = salvage.waiting(&node.id);
            let meters = Meters::new(&node.id, node.kind().name(), node.component_type());
            let capacity = u32::try_from(node.edge_share()).unwrap_or(u32::MAX).saturating_mul(capacity);
            for input in &node.inputs {
                let name = graph.output(input);
                let (mut sender, mut receiver) = edge(&node.buffer, capacity, EdgeMeters::new(&name, &meters));
                sender.input = input.way;
                sender.congestion = Arc::clone(&congestions[input.node]);
                receiver.from_retired = graph.nodes[input.node].retired;
                waiting.remove(&name).into_iter().flatten().for_each(|parcel| sender.pass_on(parcel));
                outlets[input.node][input.port].push(sender);
                inlet.push(receiver);
            }
            // What comes from an output that is gone still has to be handled.
            if node.retired {
                let (sender, receiver) = edge(&node.buffer, capacity, EdgeMeters::default());
                waiting.into_values().flatten().for_each(|parcel| sender.pass_on(parcel));
                // The other end is at hand.
                let _ = sender.signal(Message::Close);
                inlet.push(receiver);
            } else if let Some(sender) = node.inputs.first().and_then(|input| outlets[input.node][input.port].last()) {
                waiting.into_values().flatten().for_each(|parcel| sender.pass_on(parcel));
            }
            inlets.push(inlet);
        }
        Self { outlets, inlets, congestions }
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
