//! Follows edits of the pipeline files: what changed stops at a barrier, is built anew, and goes on from its snapshot.
//!
//! A file with mistakes changes nothing: its last good version runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logd_sdk::ComponentId;
use logd_sdk::report::Severity;
use metrics::{Gauge, gauge};
use tokio::time::Instant;

use super::unit::{Plan, Stopped, Unit};
use crate::buffer::Holding;
use crate::config::compile::Compiled;
use crate::topology::{Environment, Status};

/// How long a unit may take to stop before it is cut off.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a removed component has left is kept for so long: files are moved away and back.
const KEEP_STATE: Duration = Duration::from_secs(600);

/// What runs, and what is known of its files.
pub(crate) struct Fleet {
    environment: Environment,
    units: Vec<Unit>,
    /// By pipeline; held for as long as the file is there, so that the figure is.
    files: BTreeMap<String, Gauge>,
    successful: Gauge,
    /// Components that are gone, since when, and that have perhaps left something.
    removed: BTreeMap<ComponentId, Instant>,
    /// What such components hold on disk, as it was found last.
    orphans: Vec<Holding>,
    /// Whether a good version of a file is not in use, for it could not be started.
    is_behind: bool,
}

impl Fleet {
    /// Starts all units of what was compiled. One that can't be built right now is tried again later, unless there is no
    /// other or the run is to end with its input.
    ///
    /// # Errors
    /// Nothing can be built.
    pub(crate) async fn start(compiled: &Compiled, environment: Environment) -> anyhow::Result<Self> {
        let successful = gauge!("logd_config_last_reload_successful");
        let mut fleet = Self {
            environment,
            units: Vec::new(),
            files: BTreeMap::new(),
            successful,
            removed: BTreeMap::new(),
            orphans: Vec::new(),
            is_behind: false,
        };
        let mut failed = Vec::new();
        for plan in Plan::divide(&compiled.graph, &compiled.files) {
            match plan.clone().start(&fleet.environment).await {
                Ok(unit) => fleet.units.push(unit),
                Err(error) if fleet.environment.once => return Err(error),
                Err(error) => failed.push((plan, error)),
            }
        }
        if fleet.units.is_empty()
            && let Some((_, error)) = failed.pop()
        {
            return Err(error);
        }
        for (plan, error) in failed {
            let error = format!("{error:#}");
            tracing::error!(pipelines = names(&plan), error, "Pipelines can't be started; trying again.");
            fleet.units.push(plan.keep_trying(&fleet.environment));
        }
        fleet.report(compiled);
        fleet.look_for_orphans().await;
        fleet.successful.set(f64::from(u8::from(compiled.errors() == 0)));
        Ok(fleet)
    }

    /// What runs.
    pub(crate) fn units(&mut self) -> &mut Vec<Unit> {
        &mut self.units
    }

    /// What components are built with.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What is known of all parts.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        self.units.iter().flat_map(Unit::statuses).cloned().collect()
    }

    /// Whether a good version of a file is not in use yet, and ought to be tried again.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Brings what runs in line with what was compiled.
    pub(crate) async fn reload(&mut self, compiled: &Compiled) {
        let refused: BTreeSet<&str> =
            compiled.files.iter().filter(|file| !file.accepted).map(|file| file.id.as_str()).collect();
        let known: BTreeSet<&str> = compiled.files.iter().map(|file| file.id.as_str()).collect();
        // What has no file any more stops; what has a broken one stays.
        let gone = |unit: &Unit| unit.plan.pipelines.keys().all(|name| !known.contains(name.as_str()));
        for unit in self.take(gone) {
            tracing::info!(pipelines = names(&unit.plan), "The files are gone; the pipelines stop.");
            self.stop(unit, &BTreeSet::new()).await;
        }
        self.is_behind = false;
        for plan in Plan::divide(&compiled.graph, &compiled.files) {
            let same = self.units.iter().any(|unit| unit.plan.pipelines == plan.pipelines);
            // A unit that shares a file with a broken one is not touched: that would take the broken file's part away.
            let blocked = |unit: &Unit| unit.plan.pipelines.keys().any(|name| refused.contains(name.as_str()));
            if !same && !self.units.iter().any(|unit| unit.plan.shares_file(&plan.pipelines) && blocked(unit)) {
                self.is_behind |= !self.replace(plan).await;
            }
        }
        self.forget();
        self.report(compiled);
        self.look_for_orphans().await;
        self.successful.set(f64::from(u8::from(compiled.errors() == 0 && !self.is_behind)));
    }

    /// Starts the units anew that have these components, so that they find what is to be tried again.
    pub(crate) async fn restart(&mut self, components: &BTreeSet<ComponentId>) {
        let concerned = |unit: &&Unit| components.iter().any(|component| unit.plan.has(component));
        let plans: Vec<Plan> = self.units.iter().filter(concerned).map(|unit| unit.plan.clone()).collect();
        for plan in plans {
            self.is_behind |= !self.replace(plan).await;
        }
    }

    /// Whether a component runs here.
    pub(crate) fn has(&self, component: &ComponentId) -> bool {
        self.units.iter().any(|unit| unit.plan.has(component))
    }

    /// Stops what shares a file with the plan, and starts the plan; if that can't be done, what ran before runs again.
    async fn replace(&mut self, plan: Plan) -> bool {
        let kept = plan.components(&self.environment);
        let mut old = Vec::new();
        for unit in self.take(|unit| plan.shares_file(&unit.plan.pipelines)) {
            old.push(unit.plan.clone());
            self.stop(unit, &kept).await;
        }
        let names = names(&plan);
        let error = match plan.start(&self.environment).await {
            Ok(unit) => {
                tracing::info!(pipelines = names, "Pipelines reloaded.");
                self.units.push(unit);
                return true;
            }
            Err(error) => format!("{error:#}"),
        };
        tracing::error!(pipelines = names, error, "The new version can't be started; the last good one goes on.");
        for plan in old {
            match plan.clone().start(&self.environment).await {
                Ok(unit) => self.units.push(unit),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(pipelines = names, error, "The last good version can't be started; trying again.");
                    self.units.push(plan.keep_trying(&self.environment));
                }
            }
        }
        false
    }

    /// One line for each mistake, and for each file whether it is in use.
    fn report(&mut self, compiled: &Compiled) {
        self.files.retain(|id, _| compiled.files.iter().any(|file| file.id == *id));
        let units = &self.units;
        let in_use = |id: &str, fingerprint: Option<u64>| {
            let uses = |found: &u64| fingerprint.is_none_or(|wanted| *found == wanted);
            units.iter().any(|unit| unit.plan.pipelines.get(id).is_some_and(uses))
        };
        for file in &compiled.files {
            let gauge = || gauge!("logd_pipeline_config_ok", "pipeline" => file.id.clone());
            let ok = self.files.entry(file.id.clone()).or_insert_with(gauge);
            ok.set(f64::from(u8::from(file.accepted && in_use(&file.id, Some(file.fingerprint)))));
        }
        for found in &compiled.diagnostics {
            match found.severity {
                Severity::Error if in_use(&found.file.stem(), None) => {
                    tracing::error!("{found}; the last good version runs on.");
                }
                Severity::Error => tracing::error!("{found}."),
                Severity::Warning => tracing::warn!("{found}."),
            }
        }
    }

    /// Stops a unit. What its components have left is kept for those that go on, and for a while for the others.
    async fn stop(&mut self, unit: Unit, kept: &BTreeSet<ComponentId>) {
        let names = names(&unit.plan);
        let removed = unit.plan.components(&self.environment);
        self.removed.extend(removed.difference(kept).map(|id| (id.clone(), Instant::now())));
        let Stopped { drained, lost } = unit.stop(STOP_TIMEOUT).await;
        if !drained {
            tracing::warn!(
                pipelines = names,
                lost,
                "Pipelines could not drain; they go on from their last checkpoint."
            );
        }
    }

    /// Forgets what components have left that are gone for good.
    fn forget(&mut self) {
        let running: Vec<_> = self.units.iter().map(|unit| unit.plan.components(&self.environment)).collect();
        for component in running.into_iter().flatten() {
            self.removed.remove(&component);
        }
        // Without its state, what a buffer holds could not be told from what came twice.
        let held: BTreeSet<&ComponentId> = self.orphans.iter().flat_map(Holding::states).collect();
        let gone: Vec<ComponentId> = self
            .removed
            .extract_if(.., |component, since| since.elapsed() >= KEEP_STATE && !held.contains(component))
            .map(|(component, _)| component)
            .collect();
        if !gone.is_empty()
            && let Err(error) = self.environment.store.forget(&gone)
        {
            tracing::warn!(error = format!("{error:#}"), "What removed components have left could not be forgotten.");
        }
    }

    /// Takes the units for which `which` holds out of what runs.
    fn take(&mut self, which: impl Fn(&Unit) -> bool) -> Vec<Unit> {
        self.units.extract_if(.., |unit| which(unit)).collect()
    }
}

fn names(plan: &Plan) -> String {
    plan.pipelines.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

mod orphans;
#[cfg(test)]
mod tests;
