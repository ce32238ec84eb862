//! Builds a graph without running it, to see whether it can be built: what `logd validate` does with the files' world.
//!
//! Nothing is left behind: components know that it is a [dry run](logd_sdk::Context::dry_run), and what they have opened
//! is closed again.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use logd_sdk::component::SourcePlan;
use logd_sdk::condition::Conditions;
use logd_sdk::erased::AnyKeyed;
use logd_sdk::meters::Meters;
use logd_sdk::{Clock, ComponentId, Context, Epochs, Health, Plan};

use super::build::component_dir;
use super::graph::{Graph, Node};
use super::keyed_node::fits;
use crate::checkpoint::Store;

/// How long one component may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How it is to be tried.
#[derive(Clone, Copy)]
pub(crate) struct Rehearsal<'r> {
    /// Compiles conditions.
    pub(crate) conditions: &'r Arc<dyn Conditions>,
    /// Where components would keep files.
    pub(crate) data_dir: &'r Path,
    /// Whether the run would end with its input.
    pub(crate) once: bool,
    /// Whether services are asked if they answer.
    pub(crate) healthchecks: bool,
    /// Whether the logd that runs here, if there is one, listens on this address: then it being taken is as it should be.
    pub(crate) is_ours: &'r (dyn Fn(SocketAddr) -> bool + Sync),
}

impl Rehearsal<'_> {
    /// Whether the component at a place could go on with what is kept of it.
    ///
    /// # Errors
    /// It could not, and this is why.
    pub(crate) fn keeps_state(self, graph: &Graph, place: usize, store: &Store) -> anyhow::Result<()> {
        let Some(keyed) = self.keyed(graph, place)? else { return Ok(()) };
        fits(keyed.as_ref(), store.load(&graph.nodes[place].id)?.states, &Clock::system())
    }

    /// The component at a place as one that can be asked about its state, if it keeps some by key.
    ///
    /// # Errors
    /// It can't be built.
    pub(crate) fn keyed(self, graph: &Graph, place: usize) -> anyhow::Result<Option<Arc<dyn AnyKeyed>>> {
        let node = &graph.nodes[place];
        let Plan::Keyed(plan) = &node.plan else { return Ok(None) };
        plan.build(&self.context(graph, place, node)).map(Some)
    }

    /// Tries all components, and returns those that can't be built, with the reasons, in the order of the graph.
    pub(crate) async fn run(self, graph: &Graph) -> Vec<(ComponentId, anyhow::Error)> {
        let mut failed = Vec::new();
        for (place, node) in graph.nodes.iter().enumerate() {
            let tried = tokio::time::timeout(PATIENCE, self.build(graph, place, node)).await;
            if let Err(error) = tried.unwrap_or_else(|_| Err(anyhow!("there was no answer within {PATIENCE:?}"))) {
                failed.push((node.id.clone(), error));
            }
        }
        failed
    }

    async fn build(self, graph: &Graph, place: usize, node: &Node) -> anyhow::Result<()> {
        let context = self.context(graph, place, node);
        match &node.plan {
            Plan::Source(plan) => match plan.build(&context).await {
                Err(error) if self.is_taken_by_us(plan.as_ref(), &error) => Ok(()),
                built => built.map(drop),
            },
            Plan::Transform(plan) => plan.build(&context).map(drop),
            Plan::Keyed(plan) => plan.build(&context).map(drop),
            Plan::Sink(plan) => {
                let sink = plan.build(&context).await?;
                if self.healthchecks { sink.probe().await } else { Ok(()) }
            }
        }
    }

    fn is_taken_by_us(self, plan: &dyn SourcePlan, error: &anyhow::Error) -> bool {
        let is_taken = |cause: &io::Error| cause.kind() == ErrorKind::AddrInUse;
        error.chain().any(|cause| cause.downcast_ref().is_some_and(is_taken))
            && plan.listens().is_some_and(|address| (self.is_ours)(address))
    }

    fn context(self, graph: &Graph, place: usize, node: &Node) -> Context {
        Context {
            id: node.id.clone(),
            clock: Clock::system(),
            columns: graph.read_downstream(place, self.conditions.as_ref()),
            meters: Meters::new(&node.id, node.kind().name(), node.component_type()),
            conditions: Arc::clone(self.conditions),
            data_dir: component_dir(self.data_dir, &node.id),
            once: self.once,
            dry_run: true,
            lineage: "rehearsal".into(),
            health: Health::default(),
            epochs: Epochs::default(),
            listeners: logd_sdk::http::Listeners::default(),
            shared: logd_sdk::http::Extensions::new(),
        }
    }
}
