//! Runs that learn: history through a pipeline without its sinks, for what components keep by key at its end.
//!
//! As if the pipeline had been live until then: what is open stays open, and no end is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use logd_backtest::outcome::LeftOut;
use logd_sdk::component::{Describe, Makes, TransformPlan};
use logd_sdk::outputs::Discard;
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, ComponentId, Context, Outputs, Plan, Port, Time};

use super::census::Census;
use super::dropped::Dropped;
use super::points::census_points;
use super::run::{Run, run};
use super::wiring::{Recorded, Refusal, by_ways, dead_outputs, only_recorded, refuse_what_has_no_replay, upstream};
use crate::checkpoint::Store;
use crate::config::daemon::DaemonSettings;
use crate::state::{self, Plans};
use crate::topology::{Graph, Input, Node, Workers, carried};

/// A run that learns.
pub(crate) struct Learning {
    graph: Graph,
    /// The components that learn.
    pub(crate) learns: Plans,
    /// How far it is.
    pub(crate) run: Run,
}

impl Learning {
    /// Of all components of a graph that keep something by key, from what was recorded `since`.
    ///
    /// # Errors
    /// What is recorded does not fit the pipeline, or the pipeline no such run.
    pub(crate) fn wire(graph: &Graph, recorded: &[Recorded], since: Option<Time>) -> Result<Self, Refusal> {
        let needed: BTreeSet<usize> = upstream(graph, keyed(graph).into_iter());
        if needed.is_empty() {
            return Err(Refusal::Wanted("no component of the pipeline keeps anything by key".to_owned()));
        }
        for &place in &needed {
            refuse_what_has_no_replay(&graph.nodes[place])?;
        }
        let (mut graph, read, size) = only_recorded(graph, &needed, recorded)?;
        let learns = state::plans(std::iter::once(&graph));
        if let Some(since) = since {
            leave_out_before(&mut graph, since);
        }
        let (points, fields) = census_points(&graph, &(0..graph.nodes.len()).collect());
        let census = Census::new(fields);
        let counted = by_ways(points.into_iter())?;
        graph.nodes.push(Node::new(id("census"), Plan::Sink(Arc::new(census.clone())), counted));
        let dead = dead_outputs(&graph);
        if !dead.is_empty() {
            graph.nodes.push(Node::new(id("dropped"), Plan::Sink(Arc::new(Dropped)), dead));
        }
        Ok(Self { graph, learns, run: Run::new(read, size, census) })
    }

    /// Runs to the end of what was recorded, and puts what was learned in the place of what the components have left in
    /// `store`; if any event came. Returns what did not come through.
    ///
    /// # Errors
    /// A component can't be built, or fails, or the disk says no. Then nothing has changed.
    pub(crate) async fn finish(
        self,
        settings: &DaemonSettings,
        workers: Workers,
        store: &Store,
    ) -> anyhow::Result<Vec<LeftOut>> {
        let Self { graph, learns, run: progress } = self;
        let (left_out, ()) = run(&graph, settings, workers, true, |learned| {
            if progress.population().is_empty() {
                return Ok(());
            }
            let states = learns.into_keys().map(|component| {
                let kept = learned.states(&component)?.iter()?.map(|entry| entry.and_then(carried));
                Ok((component, kept))
            });
            store.replace(states.collect::<anyhow::Result<Vec<_>>>()?)
        })
        .await?;
        Ok(left_out)
    }
}

/// The places of the components that keep something by key.
fn keyed(graph: &Graph) -> Vec<usize> {
    let nodes = graph.nodes.iter().enumerate();
    nodes.filter(|(_, node)| matches!(node.plan, Plan::Keyed(_))).map(|(place, _)| place).collect()
}

/// No component of a user has a dot in its name.
fn id(name: &str) -> ComponentId {
    ComponentId::new("learn", &format!("learn.{name}"))
}

/// Puts something before each component that keeps anything by key that lets no event from before `since` pass.
fn leave_out_before(graph: &mut Graph, since: Time) {
    let keyed = keyed(graph);
    for &place in &keyed {
        for way in 0..graph.nodes[place].inputs.len() {
            let next = graph.nodes.len();
            let input = graph.nodes[place].inputs[way].clone();
            // What others make of events has passed before.
            if keyed.contains(&input.node) {
                continue;
            }
            graph.nodes[place].inputs[way] = Input { node: next, port: 0, way: input.way };
            graph.nodes.push(Node::new(id(&next.to_string()), Plan::Transform(Arc::new(Since(since))), vec![input]));
        }
    }
}

/// Lets events pass that are of then or later.
#[derive(Clone, Copy, Debug)]
struct Since(Time);

impl Transform for Since {
    fn apply(&self, mut batch: Batch, out: &mut Outputs) {
        let keep: Vec<bool> = batch.rows().iter().map(|row| row.time >= self.0).collect();
        let received = batch.len();
        batch.retain(|row| keep[row]);
        out.discard(Discard::Intended, "before_since", (received - batch.len()) as u64);
        out.send(Port::MAIN, batch);
    }
}

impl Describe for Since {
    fn name(&self) -> &'static str {
        "learn"
    }

    fn makes(&self, _: &str) -> Makes {
        Makes::Same
    }
}

impl TransformPlan for Since {
    fn build(&self, _: &Context) -> anyhow::Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
