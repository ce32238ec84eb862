//! Runs that learn: history through a pipeline without its sinks, for what components keep by key at its end.
//!
//! As if the pipeline had been live until then: what is open stays open, and no end is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logd_backtest::outcome::LeftOut;
use logd_sdk::component::{Describe, Makes, TransformPlan};
use logd_sdk::outputs::Discard;
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, ComponentId, Context, Outputs, Plan, Port, Time};

use super::dropped::Dropped;
use super::run::run;
use super::wiring::{Recorded, Refusal, dead_outputs, only_recorded, refuse_what_has_no_replay, upstream};
use crate::config::daemon::DaemonSettings;
use crate::topology::{Graph, Input, Node, Workers, carried, key_of};

/// A run that learns.
pub(crate) struct Learning {
    graph: Graph,
    /// The components that learn.
    pub(crate) learns: Vec<ComponentId>,
}

/// What was learned.
pub(crate) struct Learned {
    /// What each component keeps, by what it is kept under.
    pub(crate) states: BTreeMap<ComponentId, Vec<(Vec<u8>, Vec<u8>)>>,
    /// What did not come through.
    pub(crate) left_out: Vec<LeftOut>,
}

impl Learning {
    /// Of all components of a graph that keep something by key, from what was recorded `since`.
    ///
    /// # Errors
    /// What is recorded does not fit the pipeline, or the pipeline no such run.
    pub(crate) fn wire(graph: &Graph, recorded: &[Recorded], since: Option<Time>) -> Result<Self, Refusal> {
        let keyed = |graph: &Graph| -> Vec<usize> {
            let nodes = graph.nodes.iter().enumerate();
            nodes.filter(|(_, node)| matches!(node.plan, Plan::Keyed(_))).map(|(place, _)| place).collect()
        };
        let needed: BTreeSet<usize> = upstream(graph, keyed(graph).into_iter());
        if needed.is_empty() {
            return Err(Refusal::Wanted("no component of the pipeline keeps anything by key".to_owned()));
        }
        for &place in &needed {
            refuse_what_has_no_replay(&graph.nodes[place])?;
        }
        let (mut graph, _, _) = only_recorded(graph, &needed, recorded)?;
        let keyed = keyed(&graph);
        if let Some(since) = since {
            leave_out_before(&mut graph, &keyed, since);
        }
        let dead = dead_outputs(&graph);
        if !dead.is_empty() {
            let id = ComponentId::new("learn", "learn.dropped");
            graph.nodes.push(Node::new(id, Plan::Sink(Arc::new(Dropped)), dead));
        }
        let learns = keyed.into_iter().map(|place| graph.nodes[place].id.clone()).collect();
        Ok(Self { graph, learns })
    }

    /// Runs to the end of what was recorded.
    ///
    /// # Errors
    /// A component can't be built, or fails.
    pub(crate) async fn finish(self, settings: &DaemonSettings, workers: Workers) -> anyhow::Result<Learned> {
        let Self { graph, learns } = self;
        let (left_out, states) = run(&graph, settings, workers, true, |store| {
            let mut states = BTreeMap::new();
            for component in learns {
                let kept = store.load(&component)?.states.into_iter().map(|(name, state)| {
                    let state = if key_of(&name).is_some() { state } else { carried(&state)? };
                    anyhow::Ok((name, state))
                });
                let kept = kept.collect::<Result<_, _>>()?;
                states.insert(component, kept);
            }
            Ok(states)
        })
        .await?;
        Ok(Learned { states, left_out })
    }
}

/// Puts something before each of these components that lets no event from before `since` pass.
fn leave_out_before(graph: &mut Graph, keyed: &[usize], since: Time) {
    for &place in keyed {
        for way in 0..graph.nodes[place].inputs.len() {
            let next = graph.nodes.len();
            let input = graph.nodes[place].inputs[way].clone();
            // What others make of events has passed before.
            if keyed.contains(&input.node) {
                continue;
            }
            // No component of a user has a dot in its name.
            let id = ComponentId::new("learn", &format!("learn.{next}"));
            graph.nodes[place].inputs[way] = Input { node: next, port: 0, way: input.way };
            graph.nodes.push(Node::new(id, Plan::Transform(Arc::new(Since(since))), vec![input]));
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
