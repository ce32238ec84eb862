//! Follows edits of the pipeline files: what changed stops at a barrier, is built anew, and goes on from its snapshot.
//!
//! A file with mistakes changes nothing: its last good version runs on.

use std::collections::BTreeSet;
use std::time::Duration;

use logd_sdk::report::Severity;
use metrics::gauge;

use super::unit::{Plan, Unit};
use crate::config::compile::Compiled;
use crate::topology::Environment;

/// How long a unit may take to stop before it is cut off.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Brings what runs in line with what was compiled. `units` is changed one by one, so that at any time it holds what
/// runs.
pub(crate) async fn reload(units: &mut Vec<Unit>, compiled: Compiled, environment: &Environment) {
    let successful = compiled.errors() == 0;
    report(&compiled);
    let refused: BTreeSet<&str> =
        compiled.files.iter().filter(|file| !file.accepted).map(|file| file.id.as_str()).collect();
    let plans = Plan::divide(&compiled.graph, &compiled.files);
    let mut failed = false;

    // What has no file any more stops; what has a broken one stays.
    let known: BTreeSet<&str> = compiled.files.iter().map(|file| file.id.as_str()).collect();
    let gone = |unit: &Unit| unit.plan.pipelines.keys().all(|name| !known.contains(name.as_str()));
    for unit in take(units, gone) {
        stop(unit, environment, &BTreeSet::new()).await;
    }
    for plan in plans {
        if units.iter().any(|unit| unit.plan.pipelines == plan.pipelines) {
            continue;
        }
        // A unit that shares a file with a broken one is not touched: it would take the broken file's components away.
        let blocked = |unit: &Unit| unit.plan.pipelines.keys().any(|name| refused.contains(name.as_str()));
        if units.iter().any(|unit| unit.plan.shares_file(&plan.pipelines) && blocked(unit)) {
            continue;
        }
        let kept = plan.components();
        let mut old = Vec::new();
        for unit in take(units, |unit| plan.shares_file(&unit.plan.pipelines)) {
            old.push(unit.plan.clone());
            stop(unit, environment, &kept).await;
        }
        let names = names(&plan);
        match plan.start(environment).await {
            Ok(unit) => {
                tracing::info!(pipelines = names, "Pipelines reloaded.");
                units.push(unit);
            }
            Err(error) => {
                failed = true;
                tracing::error!(pipelines = names, error = format!("{error:#}"),
                    "The new version can't be started; the last good one goes on.");
                for plan in old {
                    match plan.start(environment).await {
                        Ok(unit) => units.push(unit),
                        Err(error) => tracing::error!(error = format!("{error:#}"),
                            "The last good version can't be started again."),
                    }
                }
            }
        }
    }
    gauge!("logd_config_last_reload_successful").set(f64::from(u8::from(successful && !failed)));
}

/// One line for each mistake, and for each file whether it is as it should be.
pub(crate) fn report(compiled: &Compiled) {
    for file in &compiled.files {
        let labels = [("pipeline", file.id.clone())];
        gauge!("logd_pipeline_config_ok", &labels).set(f64::from(u8::from(file.accepted)));
    }
    for found in &compiled.diagnostics {
        match found.severity {
            Severity::Error => tracing::error!("{found}; the last good version runs on."),
            Severity::Warning => tracing::warn!("{found}."),
        }
    }
}

fn names(plan: &Plan) -> String {
    plan.pipelines.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Takes the units for which `which` holds out of the list.
fn take(units: &mut Vec<Unit>, which: impl Fn(&Unit) -> bool) -> Vec<Unit> {
    units.extract_if(.., |unit| which(unit)).collect()
}

/// Stops a unit, and forgets what its components have left, but for those that go on.
async fn stop(unit: Unit, environment: &Environment, kept: &BTreeSet<logd_sdk::ComponentId>) {
    let names = names(&unit.plan);
    let removed: Vec<_> = unit.plan.components().difference(kept).cloned().collect();
    if !unit.stop(STOP_TIMEOUT).await {
        tracing::warn!(pipelines = names, "A pipeline could not drain in time; it goes on from its last checkpoint.");
    }
    if let Err(error) = environment.store.forget(&removed) {
        tracing::warn!(error = format!("{error:#}"), "What removed components have left could not be forgotten.");
    }
}
