//! Follows edits of the pipeline files: what changed stops at a barrier, is built anew, and goes on from its snapshot.
//!
//! A file with mistakes changes nothing: its last good version runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logd_sdk::ComponentId;
use logd_sdk::report::Severity;
use metrics::{Gauge, gauge};

use super::unit::{Plan, Unit};
use crate::config::compile::Compiled;
use crate::topology::{Environment, Status};

/// How long a unit may take to stop before it is cut off.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What runs, and what is known of its files.
pub(crate) struct Fleet {
    environment: Environment,
    units: Vec<Unit>,
    /// By pipeline; held for as long as the file is there, so that the figure is.
    files: BTreeMap<String, Gauge>,
    successful: Gauge,
}

impl Fleet {
    /// Starts all units of what was compiled.
    ///
    /// # Errors
    /// A component can't be built.
    pub(crate) async fn start(compiled: &Compiled, environment: Environment) -> anyhow::Result<Self> {
        let successful = gauge!("logd_config_last_reload_successful");
        let mut fleet = Self { environment, units: Vec::new(), files: BTreeMap::new(), successful };
        fleet.report(compiled);
        for plan in Plan::divide(&compiled.graph, &compiled.files) {
            fleet.units.push(plan.start(&fleet.environment).await?);
        }
        fleet.successful.set(1.0);
        Ok(fleet)
    }

    /// What runs.
    pub(crate) fn units(&mut self) -> &mut Vec<Unit> {
        &mut self.units
    }

    /// What is known of all parts.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        self.units.iter().flat_map(Unit::statuses).cloned().collect()
    }

    /// Brings what runs in line with what was compiled.
    pub(crate) async fn reload(&mut self, compiled: &Compiled) {
        self.report(compiled);
        let refused: BTreeSet<&str> =
            compiled.files.iter().filter(|file| !file.accepted).map(|file| file.id.as_str()).collect();
        let known: BTreeSet<&str> = compiled.files.iter().map(|file| file.id.as_str()).collect();
        // What has no file any more stops; what has a broken one stays.
        let gone = |unit: &Unit| unit.plan.pipelines.keys().all(|name| !known.contains(name.as_str()));
        for unit in self.take(gone) {
            stop(unit, &self.environment, &BTreeSet::new()).await;
        }
        let mut failed = false;
        for plan in Plan::divide(&compiled.graph, &compiled.files) {
            let same = self.units.iter().any(|unit| unit.plan.pipelines == plan.pipelines);
            // A unit that shares a file with a broken one is not touched: that would take the broken file's part away.
            let blocked = |unit: &Unit| unit.plan.pipelines.keys().any(|name| refused.contains(name.as_str()));
            if !same && !self.units.iter().any(|unit| unit.plan.shares_file(&plan.pipelines) && blocked(unit)) {
                failed |= !self.replace(plan).await;
            }
        }
        self.successful.set(f64::from(u8::from(compiled.errors() == 0 && !failed)));
    }

    /// Stops what shares a file with the plan, and starts the plan; if that can't be done, what ran before runs again.
    async fn replace(&mut self, plan: Plan) -> bool {
        let kept = plan.components();
        let mut old = Vec::new();
        for unit in self.take(|unit| plan.shares_file(&unit.plan.pipelines)) {
            old.push(unit.plan.clone());
            stop(unit, &self.environment, &kept).await;
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
            match plan.start(&self.environment).await {
                Ok(unit) => self.units.push(unit),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(pipelines = names, error, "The last good version can't be started again.");
                }
            }
        }
        false
    }

    /// One line for each mistake, and for each file whether it is as it should be.
    fn report(&mut self, compiled: &Compiled) {
        self.files.retain(|id, _| compiled.files.iter().any(|file| file.id == *id));
        for file in &compiled.files {
            let gauge = || gauge!("logd_pipeline_config_ok", "pipeline" => file.id.clone());
            let ok = self.files.entry(file.id.clone()).or_insert_with(gauge);
            ok.set(f64::from(u8::from(file.accepted)));
        }
        for found in &compiled.diagnostics {
            match found.severity {
                Severity::Error => tracing::error!("{found}; the last good version runs on."),
                Severity::Warning => tracing::warn!("{found}."),
            }
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

/// Stops a unit, and forgets what its components have left, but for those that go on.
async fn stop(unit: Unit, environment: &Environment, kept: &BTreeSet<ComponentId>) {
    let names = names(&unit.plan);
    let removed: Vec<_> = unit.plan.components().difference(kept).cloned().collect();
    if !unit.stop(STOP_TIMEOUT).await {
        tracing::warn!(pipelines = names, "A pipeline could not drain in time; it goes on from its last checkpoint.");
    }
    if let Err(error) = environment.store.forget(&removed) {
        tracing::warn!(error = format!("{error:#}"), "What removed components have left could not be forgotten.");
    }
}

#[cfg(test)]
mod tests;
