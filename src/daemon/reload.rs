//! Follows edits of the pipeline files: what is new is built, then what runs stands still for a moment, and what changed is
//! put in its place.
//!
//! A file with mistakes changes nothing: its last good version runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logd_sdk::ComponentId;
use logd_sdk::component::Kind;
use logd_sdk::control::{Broken, LastReload};
use logd_sdk::report::Severity;
use metrics::{Gauge, gauge};
use tokio::time::Instant;

use self::verdict::Verdict;

use super::preview::{Preview, Running};
use super::run::edge_capacity;
use super::unit::{Plan, Stopped, Unit};
use crate::buffer::Holding;
use crate::config::compile::Compiled;
use crate::config::daemon::DaemonSettings;
use crate::topology::{Diff, Environment, Fresh, Graph, Input, Salvage, Status, list};

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
    /// Until when removed components may hand on what they have received.
    retired_until: Option<Instant>,
    last_reload: Option<LastReload>,
    /// By pipeline.
    broken: BTreeMap<String, Broken>,
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
            retired_until: None,
            last_reload: None,
            broken: BTreeMap::new(),
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

    /// Whether removed components may still hand on what they have received.
    pub(crate) fn has_retired(&self) -> bool {
        self.retired_until.is_some()
    }

    /// Looks how far removed components are.
    pub(crate) async fn tend_retired(&mut self) {
        self.look_for_orphans().await;
        self.retired_until = self.retired_until.filter(|until| *until > Instant::now());
    }

    /// The last reload.
    pub(crate) fn last_reload(&self) -> Option<&LastReload> {
        self.last_reload.as_ref()
    }

    /// The files that are not in use as they are.
    pub(crate) fn broken(&self) -> Vec<Broken> {
        self.broken.values().cloned().collect()
    }

    /// The units that what was compiled puts in the place of others.
    fn wanted(&self, compiled: &Compiled) -> Vec<Plan> {
        let refused: BTreeSet<&str> =
            compiled.files.iter().filter(|file| !file.accepted).map(|file| file.id.as_str()).collect();
        let mut plans = Plan::divide(&compiled.graph, &compiled.files);
        plans.retain(|plan| {
            let same = self.units.iter().any(|unit| unit.plan.pipelines == plan.pipelines);
            // A unit that shares a file with a broken one is not touched: that would take the broken file's part away.
            let blocked = |unit: &Unit| unit.plan.pipelines.keys().any(|name| refused.contains(name.as_str()));
            !same && !self.units.iter().any(|unit| unit.plan.shares_file(&plan.pipelines) && blocked(unit))
        });
        plans
    }

    /// What an edit would change.
    pub(crate) fn preview(&self, compiled: &Compiled) -> Preview {
        let mut preview = Preview::default();
        preview.mistakes.extend(compiled.mistakes());
        let (plans, environment) = (self.wanted(compiled), &self.environment);
        let conditions = environment.conditions.as_ref();
        let mut add = |old: &Graph, new: &Graph, stops: bool| {
            preview.add(Diff::between(old, new, conditions), old, new, Some(Running { environment, stops }));
        };
        let mut kept = 0;
        for unit in &self.units {
            if is_gone(unit, compiled) {
                add(unit.plan.graph(), &Graph::default(), false);
            } else if !plans.iter().any(|plan| plan.shares_file(&unit.plan.pipelines)) {
                kept += unit.plan.graph().nodes.len();
            }
        }
        for plan in plans {
            let units = || self.units.iter().filter(|unit| plan.shares_file(&unit.plan.pipelines));
            let mut old = Graph::default();
            units().for_each(|unit| old.join(unit.plan.graph().clone()));
            let stops = !plan.instead_of(units(), environment).continues(environment).unwrap_or(false);
            add(&old, plan.graph(), stops);
        }
        preview.kept += kept;
        preview
    }

    /// Brings what runs in line with what was compiled, and says what came of it.
    pub(crate) async fn reload(&mut self, compiled: &Compiled) -> Verdict {
        let _held = self.environment.listeners.hold();
        let mut verdict = Verdict::default();
        // What has no file any more stops; what has a broken one stays.
        for unit in self.take(|unit| is_gone(unit, compiled)) {
            let names = names(&unit.plan);
            tracing::info!(pipelines = names, "The files are gone; the pipelines stop.");
            verdict.changed.push(format!("{names}: removed"));
            self.stop(unit, &BTreeSet::new()).await;
        }
        for plan in self.wanted(compiled) {
            match self.replace(plan, false).await {
                Ok(done) => verdict.changed.push(done),
                Err(error) => verdict.failed.push(error),
            }
        }
        self.is_behind = !verdict.failed.is_empty();
        self.forget();
        verdict.mistakes = self.report(compiled);
        self.look_for_orphans().await;
        self.successful.set(f64::from(u8::from(verdict.is_good())));
        let at = self.environment.clock.now().to_string();
        self.last_reload = Some(LastReload { at, ok: verdict.is_good(), said: verdict.text() });
        verdict
    }

    /// Follows the daemon's settings. What runs stands still for a moment where that is needed.
    ///
    /// # Errors
    /// Dead letters can't be kept by them.
    pub(crate) async fn follow(&mut self, settings: &DaemonSettings) -> anyhow::Result<()> {
        let _held = self.environment.listeners.hold();
        self.environment.dead_letters.resize(settings.limits.dead_letters.bytes()).await?;
        let mut whole = Graph::default();
        self.units.iter().for_each(|unit| whole.join(unit.plan.graph().clone()));
        let environment = &mut self.environment;
        environment.require_healthy = settings.healthchecks.require_healthy;
        environment.reload_timeout = settings.limits.reload_timeout.into();
        let before = (environment.checkpoint_interval, environment.edge_capacity);
        environment.checkpoint_interval = settings.checkpoint.interval.into();
        environment.edge_capacity = edge_capacity(settings, &whole);
        if before != (environment.checkpoint_interval, environment.edge_capacity) {
            let plans: Vec<Plan> = self.units.iter().map(|unit| unit.plan.clone()).collect();
            for plan in plans {
                self.is_behind |= self.replace(plan, false).await.is_err();
            }
        }
        Ok(())
    }

    /// Starts the units anew that have these components, so that they find what is to be tried again.
    pub(crate) async fn restart(&mut self, components: &BTreeSet<ComponentId>) {
        let concerned = |unit: &&Unit| components.iter().any(|component| unit.plan.has(component));
        let plans: Vec<Plan> = self.units.iter().filter(concerned).map(|unit| unit.plan.clone()).collect();
        for plan in plans {
            self.is_behind |= self.replace(plan, true).await.is_err();
        }
    }

    /// The names of the components that run, those that the daemon adds among them.
    pub(crate) fn components(&self) -> BTreeSet<ComponentId> {
        self.units.iter().flat_map(|unit| unit.plan.components(&self.environment)).collect()
    }

    /// The outputs that a name means: that of a component or a port, with or without its pipeline's name; of a sink, all
    /// that it reads from.
    pub(crate) fn outputs(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for unit in &self.units {
            let graph = unit.plan.graph();
            for (place, node) in graph.nodes.iter().enumerate() {
                let means = |full: &str| full == name || full.split_once('/').is_some_and(|(_, short)| short == name);
                if node.kind() == Kind::Sink && means(&node.id.to_string()) {
                    found.extend(node.inputs.iter().map(|input| graph.output(input)));
                    continue;
                }
                let outputs = (0..node.ports().len()).map(|port| graph.output(&Input::new(place, port)));
                found.extend(outputs.filter(|output| means(output)));
            }
        }
        found
    }

    /// What runs, a graph for each unit.
    pub(crate) fn graphs(&self) -> impl Iterator<Item = &Graph> {
        self.units.iter().map(|unit| unit.plan.graph())
    }

    /// Whether a component runs here.
    pub(crate) fn has(&self, component: &ComponentId) -> bool {
        self.units.iter().any(|unit| unit.plan.has(component))
    }

    /// Puts the plan in the place of what shares a file with it. Where that can be done, what did not change goes on as
    /// it is; else all of it stops first. If the plan can't be started, what ran before goes on. Returns what came of it in
    /// one line.
    async fn replace(&mut self, plan: Plan, anew: bool) -> Result<String, String> {
        let start = Instant::now();
        let units = self.take(|unit| plan.shares_file(&unit.plan.pipelines));
        let (names, swap) = (names(&plan), plan.instead_of(units.iter(), &self.environment));
        let old: Vec<Plan> = units.iter().map(|unit| unit.plan.clone()).collect();
        // What can't be read can't be gone on with.
        let continues = !anew && swap.continues(&self.environment).unwrap_or(false);
        let mut fresh = Fresh::default();
        if continues {
            fresh = match swap.prepare(&self.environment).await {
                Ok(fresh) => fresh,
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(pipelines = names, error, "The new version can't be started; what runs goes on.");
                    self.units.extend(units);
                    return Err(format!("{names}: {error}; what ran before goes on"));
                }
            };
        }
        // To the end: what waits to be tried again begins nothing before it is taken over.
        let _handoff = if continues { Some(swap.begin(&self.environment).await) } else { None };
        let (diff, salvage) = (swap.diff, self.leave(units, &plan, continues).await);
        let error = match plan.resume(fresh, salvage, &self.environment).await {
            Ok(unit) => {
                tracing::info!(
                    pipelines = names,
                    kept = diff.kept.len(),
                    replaced = list(&diff.replaced),
                    added = list(&diff.added),
                    removed = list(&diff.removed),
                    anew = list(&unit.anew),
                    took = ?start.elapsed(),
                    "Pipelines reloaded."
                );
                let anew = list(&unit.anew);
                let states = if anew.is_empty() { String::new() } else { format!(", states anew {anew}") };
                self.units.push(unit);
                return Ok(format!("{names}: {diff}{states}, within {:.0?}", start.elapsed()));
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
        Err(format!("{names}: {error}; what ran before goes on"))
    }

    /// Lets units stand still, or stop, and returns what is left of them for the plan.
    async fn leave(&mut self, units: Vec<Unit>, plan: &Plan, continues: bool) -> Salvage {
        let kept = plan.components(&self.environment);
        let mut salvage = Salvage::default();
        if !continues {
            for unit in units {
                self.stop(unit, &kept).await;
            }
            return salvage;
        }
        for unit in units {
            self.note_removed(&unit.plan, &kept);
            unit.pause(self.environment.reload_timeout, &mut salvage).await;
        }
        salvage
    }

    /// What a removed component has left is kept for a while.
    fn note_removed(&mut self, plan: &Plan, kept: &BTreeSet<ComponentId>) {
        let removed = plan.components(&self.environment);
        let removed: Vec<&ComponentId> = removed.difference(kept).collect();
        if !removed.is_empty() {
            self.retired_until = Some(Instant::now() + self.environment.reload_timeout * 2);
        }
        self.removed.extend(removed.into_iter().map(|id| (id.clone(), Instant::now())));
    }

    /// One line for each mistake, and for each file whether it is in use. Returns the lines of errors.
    fn report(&mut self, compiled: &Compiled) -> Vec<String> {
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
        let mut mistakes = Vec::new();
        for found in &compiled.diagnostics {
            match found.severity {
                Severity::Error if in_use(&found.file.stem(), None) => {
                    mistakes.push(format!("{found}; the last good version runs on"));
                }
                Severity::Error => mistakes.push(found.to_string()),
                Severity::Warning => tracing::warn!("{found}."),
            }
        }
        mistakes.iter().for_each(|mistake| tracing::error!("{mistake}."));
        self.note_broken(compiled);
        mistakes
    }

    /// Takes note of which files are broken, and since when.
    fn note_broken(&mut self, compiled: &Compiled) {
        let broken = compiled.files.iter().filter(|file| !file.accepted).map(|file| {
            let since = self.broken.get(&file.id).map(|known| known.since.clone());
            let since = since.unwrap_or_else(|| self.environment.clock.now().to_string());
            let errors = compiled.diagnostics.iter().filter(|found| found.severity == Severity::Error);
            let mistakes = errors.filter(|found| found.file.stem() == file.id).map(ToString::to_string).collect();
            (file.id.clone(), Broken { pipeline: file.id.clone(), since, mistakes })
        });
        self.broken = broken.collect();
    }

    /// Stops a unit. What its components have left is kept for those that go on, and for a while for the others.
    async fn stop(&mut self, unit: Unit, kept: &BTreeSet<ComponentId>) {
        let names = names(&unit.plan);
        self.note_removed(&unit.plan, kept);
        let Stopped { drained, lost } = unit.stop(self.environment.reload_timeout).await;
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

/// Whether a unit has no file any more.
fn is_gone(unit: &Unit, compiled: &Compiled) -> bool {
    unit.plan.pipelines.keys().all(|name| !compiled.files.iter().any(|file| file.id == *name))
}

fn names(plan: &Plan) -> String {
    plan.pipelines.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

mod orphans;
#[cfg(test)]
mod tests;
pub(crate) mod verdict;
