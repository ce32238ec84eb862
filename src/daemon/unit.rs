//! A unit: pipelines that refer to one another, which are started, stopped and reloaded together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures::future::join_all;
use logd_sdk::{ComponentId, Plan as ComponentPlan};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::buffer::{self, Place};
use crate::checkpoint::Outcome;
use crate::config::compile::PipelineFile;
use crate::dead_letters;
use crate::delivery::Handoff;
use crate::telemetry::Account;
use crate::topology::{
    Built, Diff, Ended, Environment, Fresh, Graph, Orders, Pause, Salvage, Status, rebuild, run_part,
};

/// A unit that could run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its pipelines, with what changes when their files do.
    pub(crate) pipelines: BTreeMap<String, u64>,
    /// Its components, as the files have them.
    graph: Graph,
}

impl Plan {
    /// Divides a graph into units.
    pub(crate) fn divide(graph: &Graph, files: &[PipelineFile]) -> Vec<Self> {
        let mut plans: Vec<Self> = Vec::new();
        let fingerprint = |id: &str| files.iter().find(|file| file.id == id).map_or(0, |file| file.fingerprint);
        for part in graph.parts() {
            let names = part.pipelines();
            let pipelines = names.iter().map(|name| ((*name).to_owned(), fingerprint(name))).collect();
            let mut plan = Self { pipelines, graph: part };
            // Parts without an edge between them may still share a file.
            let (same, others): (Vec<_>, Vec<_>) =
                plans.into_iter().partition(|other| other.shares_file(&plan.pipelines));
            for other in same {
                plan.pipelines.extend(other.pipelines);
                plan.graph.join(other.graph);
            }
            plans = others;
            plans.push(plan);
        }
        plans
    }

    /// Whether any of these pipelines is one of its own.
    pub(crate) fn shares_file(&self, pipelines: &BTreeMap<String, u64>) -> bool {
        pipelines.keys().any(|name| self.pipelines.contains_key(name))
    }

    /// Its components, as the files have them.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The names of its components, those that the daemon adds among them.
    pub(crate) fn components(&self, environment: &Environment) -> BTreeSet<ComponentId> {
        self.expanded(environment).nodes.into_iter().map(|node| node.id).collect()
    }

    /// Whether it has this component.
    pub(crate) fn has(&self, component: &ComponentId) -> bool {
        self.graph.nodes.iter().any(|node| node.id == *component)
    }

    /// Whether one of its components goes on with what is held there.
    pub(crate) fn uses(&self, place: &Place) -> bool {
        place.is_of(&self.graph)
    }

    /// Its components and those that the daemon adds: what is to be tried again, and buffers on disk.
    fn expanded(&self, environment: &Environment) -> Graph {
        let Environment { data_dir, buffers, store, once, .. } = environment;
        let graph = dead_letters::expand(&self.graph, data_dir);
        if *once {
            // What ends with its input waits for its sinks: a buffer would only stand between.
            return graph;
        }
        buffer::expand(&graph, data_dir, buffers, store)
    }

    /// Builds all of it, and starts it if nothing went wrong.
    ///
    /// # Errors
    /// A component can't be built; nothing of the unit runs then.
    pub(crate) async fn start(self, environment: &Environment) -> anyhow::Result<Unit> {
        self.resume(Fresh::default(), Salvage::default(), environment).await
    }

    /// Puts it together of what was built and what is left of others, and starts it if nothing went wrong.
    ///
    /// # Errors
    /// A component can't be built, or can't go on; nothing of the unit runs then, and what was left is gone.
    pub(crate) async fn resume(
        self,
        mut fresh: Fresh,
        mut salvage: Salvage,
        environment: &Environment,
    ) -> anyhow::Result<Unit> {
        let mut built = Vec::new();
        for part in salvage.with_retired(&self.expanded(environment)).parts() {
            let ready = rebuild(&part, &mut fresh, &mut salvage, environment).await?;
            built.push((part, Some(ready)));
        }
        Ok(self.run(built, environment))
    }

    /// What it is to take its place among units that run.
    pub(crate) fn instead_of<'u>(&self, units: impl Iterator<Item = &'u Unit>, environment: &Environment) -> Swap {
        let mut old = Graph::default();
        let mut accounts = Vec::new();
        for unit in units {
            unit.parts.iter().for_each(|part| old.join(Graph::clone(&part.graph)));
            accounts.extend(unit.statuses().flat_map(Status::accounts));
        }
        let new = self.expanded(environment);
        let diff = Diff::between(&old, &new, environment.conditions.as_ref());
        Swap { old, new, accounts, diff }
    }

    /// Starts it, though it can't be built right now: its parts try that again and again, and say so in `/ready`.
    pub(crate) fn keep_trying(self, environment: &Environment) -> Unit {
        let parts = self.expanded(environment).parts().into_iter().map(|part| (part, None)).collect();
        self.run(parts, environment)
    }

    fn run(self, built: Vec<(Graph, Option<Built>)>, environment: &Environment) -> Unit {
        let (stop, stopped) = watch::channel(false);
        let (pause, paused) = Pause::new();
        let anew = built.iter().flat_map(|(_, ready)| ready.iter().flat_map(|ready| ready.anew.clone())).collect();
        let parts = built
            .into_iter()
            .map(|(graph, ready)| {
                let (status, graph) = (Status::new(&graph.pipelines().join(", ")), Arc::new(graph));
                let orders = Orders { stop: stopped.clone(), pause: paused.clone() };
                let run = run_part(Arc::clone(&graph), environment.clone(), ready, orders, status.clone());
                Part { graph, status, task: tokio::spawn(run) }
            })
            .collect();
        Unit { plan: self, anew, stop, pause, parts }
    }
}

/// A plan that takes the place of units that run.
pub(crate) struct Swap {
    /// Their components, retired ones among them.
    old: Graph,
    /// Its own, those that the daemon adds among them.
    new: Graph,
    /// Where the old ones are entered.
    accounts: Vec<Arc<Account>>,
    /// What becomes of each.
    pub(crate) diff: Diff,
}

impl Swap {
    /// Builds what is new, while the old runs on.
    ///
    /// # Errors
    /// A component can't be built, or does not answer and has to.
    pub(crate) async fn prepare(&self, environment: &Environment) -> anyhow::Result<Fresh> {
        Fresh::prepare(&self.new, &self.old, &self.diff, &self.accounts, environment).await
    }

    /// Lets sinks that others will come in the place of bring to its end what is under way, while all go on.
    pub(crate) async fn begin(&self, environment: &Environment) -> Handoff {
        environment.handoffs.begin(self.diff.replaced_sinks(&self.old)).await
    }

    /// Whether the plan can go on with what is left of the units when they stand still. It can't where a sink is replaced
    /// that keeps for an epoch what the new one can't take over: that has to come to its end first.
    ///
    /// # Errors
    /// What was kept can't be read.
    pub(crate) fn continues(&self, environment: &Environment) -> anyhow::Result<bool> {
        let Self { old, new, diff, .. } = self;
        for node in &old.nodes {
            let Some(after) = new.place(&node.id).map(|place| &new.nodes[place]) else { continue };
            if !diff.replaced.contains(&node.id) && !node.retired {
                continue;
            }
            let succeeds = match (&after.plan, &node.plan) {
                // What is kept for no epoch is nothing to take over.
                (ComponentPlan::Sink(after), ComponentPlan::Sink(before)) => {
                    after.succeeds(before.as_ref()) || environment.store.load(&node.id)?.position.is_none()
                }
                _ => after.kind() == node.kind(),
            };
            if !succeeds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// How a unit has stopped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopped {
    /// What it had read is delivered, and its last checkpoint is durable.
    pub(crate) drained: bool,
    /// Events that were read, are perhaps not delivered, and can't be brought again.
    pub(crate) lost: u64,
}

/// A unit that runs.
pub(crate) struct Unit {
    /// What it is made of.
    pub(crate) plan: Plan,
    /// Its components whose state did not fit their settings when it was put together.
    pub(crate) anew: BTreeSet<ComponentId>,
    stop: watch::Sender<bool>,
    pause: watch::Sender<bool>,
    parts: Vec<Part>,
}

/// A part that runs.
struct Part {
    graph: Arc<Graph>,
    status: Status,
    task: JoinHandle<Ended>,
}

impl Unit {
    /// What is known of its parts.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &Status> {
        self.parts.iter().map(|part| &part.status)
    }

    /// Waits until all its inputs have ended.
    ///
    /// # Errors
    /// A component has failed, and is not tried again.
    pub(crate) async fn finished(&mut self) -> anyhow::Result<()> {
        for part in &mut self.parts {
            if let Ended::Done(Outcome::Failed) = (&mut part.task).await? {
                bail!(part.status.failure().unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Lets its components stand still, and leaves them to others. A part that has failed, or can't stand still in time,
    /// leaves nothing: its components go on from their last epoch, and no other part is concerned.
    pub(crate) async fn pause(self, deadline: Duration, salvage: &mut Salvage) {
        let _ = self.pause.send(true);
        let by = Instant::now() + deadline;
        for Part { graph, status, mut task } in self.parts {
            match timeout_at(by, &mut task).await {
                Ok(Ok(Ended::Paused(paused))) => salvage.add(&graph, paused),
                Ok(_) => {}
                Err(_) => {
                    let pipelines = status.pipelines();
                    tracing::warn!(pipelines, "Components did not stand still; they go on from their last checkpoint.");
                    task.abort();
                    let _ = task.await;
                }
            }
        }
    }

    /// Stops its sources, lets what is under way be delivered, and keeps the rest in a last checkpoint. What is not done
    /// within the deadline is cut off, and goes on from the checkpoint before.
    pub(crate) async fn stop(self, deadline: Duration) -> Stopped {
        let _ = self.stop.send(true);
        let by = Instant::now() + deadline;
        join_all(self.parts.into_iter().map(|part| stop(part, by))).await.into_iter().fold(
            Stopped { drained: true, lost: 0 },
            |sum, part| Stopped { drained: sum.drained && part.drained, lost: sum.lost + part.lost },
        )
    }
}

/// Waits until a part that was told to stop has stopped, or cuts it off.
async fn stop(Part { status, mut task, .. }: Part, by: Instant) -> Stopped {
    let drained = match timeout_at(by, &mut task).await {
        Ok(outcome) => matches!(outcome, Ok(Ended::Done(Outcome::Closed | Outcome::Finished))),
        Err(_) => {
            task.abort();
            // An aborted task is gone only when it has been waited for: its sockets and files with it.
            let _ = task.await;
            false
        }
    };
    let at_risk = || status.accounts().iter().map(|account| account.tally().at_risk).sum();
    Stopped { drained, lost: if drained { 0 } else { at_risk() } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, Numbers, Recorder, eventually, noted, sink, source};

    fn plan(nodes: Vec<crate::topology::Node>) -> Plan {
        Plan::divide(&Graph { nodes }, &[]).pop().expect("one unit")
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_stop_in_time_is_cut_off_and_the_rest_has_stopped() {
        let bench = Bench::new();
        let (well, hung) = (Recorder::new(), Recorder { answer: Arc::new(|_| None), ..Recorder::new() });
        let numbers = Numbers { ends: false, ..Numbers::new(100) };
        // Two parts of one file.
        let nodes = vec![
            source("a", &numbers),
            sink("well", &well, &[(0, 0)]),
            source("b", &Numbers { made: Arc::default(), ..numbers.clone() }),
            sink("hung", &hung, &[(2, 0)]),
        ];
        let unit = plan(nodes).start(&bench.environment).await.expect("started");
        assert_eq!(unit.statuses().count(), 2, "they fail alone");
        eventually("all is read", || well.received().len() == 100).await;
        let start = tokio::time::Instant::now();
        let _ = unit.stop(Duration::from_secs(3)).await;
        assert_eq!(start.elapsed().as_secs(), 3);
        assert_eq!(noted(&numbers.committed).last(), Some(&100), "the part that could stop has a last checkpoint");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_runs_when_one_part_can_not_be_built() {
        let bench = Bench::new();
        let (numbers, slow) = (Numbers::new(10), Recorder { building: Duration::from_secs(60), ..Recorder::new() });
        let nodes = vec![
            source("a", &numbers),
            sink("well", &Recorder::new(), &[(0, 0)]),
            source("b", &numbers),
            sink("slow", &slow, &[(2, 0)]),
        ];
        let error = plan(nodes).start(&bench.environment).await.err().expect("it takes too long");
        assert!(format!("{error:#}").starts_with("`p/slow` can't be built"), "{error:#}");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(noted(&numbers.made), Vec::<u64>::new());
    }
}
