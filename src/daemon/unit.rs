//! A unit: pipelines that refer to one another, which are started, stopped and reloaded together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures::future::join_all;
use logd_sdk::ComponentId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::buffer::{self, Place};
use crate::checkpoint::Outcome;
use crate::config::compile::PipelineFile;
use crate::dead_letters;
use crate::topology::{Built, Environment, Graph, Status, build, run_part};

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
        let mut built = Vec::new();
        for part in self.expanded(environment).parts() {
            let ready = build(&part, environment).await?;
            built.push((part, Some(ready)));
        }
        Ok(self.run(built, environment))
    }

    /// Starts it, though it can't be built right now: its parts try that again and again, and say so in `/ready`.
    pub(crate) fn keep_trying(self, environment: &Environment) -> Unit {
        let parts = self.expanded(environment).parts().into_iter().map(|part| (part, None)).collect();
        self.run(parts, environment)
    }

    fn run(self, built: Vec<(Graph, Option<Built>)>, environment: &Environment) -> Unit {
        let (stop, stopped) = watch::channel(false);
        let parts = built
            .into_iter()
            .map(|(graph, ready)| {
                let (status, graph) = (Status::new(&graph.pipelines().join(", ")), Arc::new(graph));
                let run = run_part(graph, environment.clone(), ready, stopped.clone(), status.clone());
                (status, tokio::spawn(run))
            })
            .collect();
        Unit { plan: self, stop, parts }
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
    stop: watch::Sender<bool>,
    parts: Vec<(Status, JoinHandle<Outcome>)>,
}

impl Unit {
    /// What is known of its parts.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &Status> {
        self.parts.iter().map(|(status, _)| status)
    }

    /// Waits until all its inputs have ended.
    ///
    /// # Errors
    /// A component has failed, and is not tried again.
    pub(crate) async fn finished(&mut self) -> anyhow::Result<()> {
        for (status, part) in &mut self.parts {
            if part.await? == Outcome::Failed {
                bail!(status.failure().unwrap_or_default());
            }
        }
        Ok(())
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
async fn stop((status, mut task): (Status, JoinHandle<Outcome>), by: Instant) -> Stopped {
    let drained = match timeout_at(by, &mut task).await {
        Ok(outcome) => matches!(outcome, Ok(Outcome::Closed | Outcome::Finished)),
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
