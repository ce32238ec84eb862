//! The conformance suite: what holds for every component, whichever it is.
//!
//! The daemon's tests hand it every component that is listed, and whoever writes one elsewhere does the same:
//! `examples/own_component.rs` shows how. Whatever is particular about a component comes from its own
//! [example](crate::Settings::EXAMPLE), so a new one is tested by being listed:
//!
//! - its example is read, and has nothing wrong; a setting that it does not know is refused by name,
//! - a secret is printed nowhere, wherever the schema has one,
//! - `build` spawns nothing, and in a dry run leaves nothing behind: no file, folder or address,
//! - a transform accounts for every event,
//! - it has no metrics but those that are declared.
//!
//! No events are given to sources and sinks here: an example may name a service that somebody runs. That a sink says one
//! thing of each event is what [`attempt`] is for, in tests of the sink.
//!
//! This is no feature of the crate, with which families would be built twice: what a binary does not call is not linked
//! into it.

mod accounts;
mod alone;
mod build;
mod events;
mod metrics;
mod secrets;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use schemars::SchemaGenerator;
use serde_json::Value;
use toml::Table;
use toml::de::DeTable;

use crate::component::{Check, Component, Plan};
use crate::condition::Conditions;
use crate::event::Batch;
use crate::report::{KeyPath, Problem, Report, Severity};
use crate::settings::TextFile;
use crate::sink::Attempt;

pub use alone::{NoConditions, context};
pub use secrets::{CANARY, Planted, with_secrets};

/// What the suite needs of its caller.
#[derive(Clone)]
pub struct Bench<'b> {
    /// Compiles conditions.
    pub conditions: Arc<dyn Conditions>,
    /// A folder for `data_dir`, with nothing in it.
    pub folder: &'b Path,
    /// The names of the metrics that components may have.
    pub metrics: &'b BTreeSet<String>,
}

/// All that the component breaks, a sentence each; empty if it keeps to the contract.
///
/// Runs a runtime of its own, so it must not be called from within one.
#[must_use]
pub fn check(component: &Component, bench: &Bench<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    let plan = match example(component, bench) {
        Ok(plan) => plan,
        Err(breach) => return vec![breach],
    };
    breaches.extend(unknown_setting(component));
    let before = build::files(bench.folder);
    let seen = metrics::Names::default();
    ::metrics::with_local_recorder(&seen, || {
        breaches.extend(secrets::check(component, bench));
        breaches.extend(build::check(component, &plan, bench));
        breaches.extend(accounts::check(component, &plan, bench));
    });
    let left =
        build::files(bench.folder).difference(&before).map(|path| path.display().to_string()).collect::<Vec<_>>();
    breaches.extend(left.iter().map(|path| format!("a dry run has made {path}")));
    let undeclared = seen.take().into_iter().filter(|name| !bench.metrics.contains(name));
    breaches.extend(undeclared.map(|name| format!("`{name}` is not declared")));
    breaches
}

/// What is wrong with what a sink says of a batch: that a row is there twice, or not in the batch. Each row must be in
/// `retry`, in `reject`, or in neither, which means that it was delivered; otherwise it would be settled twice.
#[must_use]
pub fn attempt(batch: &Batch, attempt: &Attempt) -> Vec<String> {
    let mut told = BTreeSet::new();
    let rows = attempt.retry.iter().chain(attempt.reject.iter().map(|(row, _)| row));
    let mut breaches: Vec<String> = rows
        .filter_map(|&row| match (row as usize) < batch.len() {
            false => Some(format!("row {row} is not in the batch")),
            true => (!told.insert(row)).then(|| format!("row {row} is settled twice")),
        })
        .collect();
    if !attempt.retry.is_empty() && attempt.error.is_none() {
        breaches.push("nobody is told why events are to be tried again".to_owned());
    }
    breaches
}

/// Reads the files that settings name, as the loader does, for tests that have none. One that can't be read stays
/// without a text.
pub fn read_files(files: Vec<(KeyPath, &mut TextFile)>) {
    for (_, file) in files {
        if let Ok(text) = fs::read_to_string(file.path()) {
            file.set_text(text);
        }
    }
}

/// The example's plan, which must have nothing wrong.
fn example(component: &Component, bench: &Bench<'_>) -> Result<Plan, String> {
    let plan = parse(component, component.example).map_err(|error| format!("its example can't be read: {error}"))?;
    match errors(&plan, bench).first() {
        Some(problem) => Err(format!("its example has a mistake: {}: {}", problem.key, problem.message)),
        None => Ok(plan),
    }
}

fn unknown_setting(component: &Component) -> Option<String> {
    const KEY: &str = "no_such_setting";
    let mut table: Table = component.example.parse().ok()?;
    table.insert(KEY.to_owned(), 1.into());
    match parse(component, &table.to_string()) {
        Ok(_) => Some("a setting that it does not know is accepted".to_owned()),
        Err(error) if !error.contains(KEY) => Some(format!("an unknown setting is not named: {error}")),
        Err(_) => None,
    }
}

fn parse(component: &Component, settings: &str) -> Result<Plan, String> {
    let table = DeTable::parse(settings).map_err(|error| error.to_string())?;
    (component.parse)(table).map_err(|error| error.message().to_owned())
}

/// All that `check` says.
fn problems(plan: &Plan, bench: &Bench<'_>) -> Vec<Problem> {
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: bench.conditions.as_ref() });
    report.problems().to_vec()
}

fn errors(plan: &Plan, bench: &Bench<'_>) -> Vec<Problem> {
    problems(plan, bench).into_iter().filter(|problem| problem.severity == Severity::Error).collect()
}

/// The JSON Schema of its settings, and the definitions that it refers to.
fn schema(component: &Component) -> (Value, Value) {
    let mut generator = SchemaGenerator::default();
    let schema = (component.schema)(&mut generator).to_value();
    (schema, Value::Object(generator.definitions().clone()))
}

#[cfg(test)]
mod tests;
