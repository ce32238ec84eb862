//! `build` spawns nothing, and in a dry run leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Builder;
use tokio::time::error::Elapsed;

use super::{Bench, alone};
use crate::Context;
use crate::component::{Component, Plan};
use crate::condition::Reads;
use crate::event::Columns;

/// How long a component may take to be built.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Whether `build` spawns anything.
pub(super) fn check(component: &Component, plan: &Plan, bench: &Bench<'_>) -> Option<String> {
    match tasks(component, plan, bench) {
        Ok(0) => None,
        Ok(tasks) => Some(format!("`build` has spawned {tasks} tasks")),
        Err(error) if error.is::<Elapsed>() => Some(format!("`build` takes longer than {TIMEOUT:?}")),
        // What it needs is not there, and it may say so.
        Err(_) => None,
    }
}

/// Builds the component for a dry run, in a runtime of which nobody else knows. Returns how many tasks there are then.
pub(super) fn tasks(component: &Component, plan: &Plan, bench: &Bench<'_>) -> anyhow::Result<usize> {
    let runtime = Builder::new_current_thread().enable_all().build().context("there is no runtime")?;
    let context = context(component, plan, bench);
    let tasks = || runtime.metrics().num_alive_tasks();
    let build = async {
        // Each lives until the tasks have been counted.
        anyhow::Ok(match plan {
            Plan::Source(plan) => plan.build(&context).await.map(|_source| tasks())?,
            Plan::Transform(plan) => plan.build(&context).map(|_transform| tasks())?,
            Plan::Keyed(plan) => plan.build(&context).map(|_keyed| tasks())?,
            Plan::Sink(plan) => plan.build(&context).await.map(|_sink| tasks())?,
        })
    };
    runtime.block_on(async { tokio::time::timeout(TIMEOUT, build).await })?
}

/// What the component is built with.
pub(super) fn context(component: &Component, plan: &Plan, bench: &Bench<'_>) -> Context {
    let columns = match plan.describe().reads(bench.conditions.as_ref()) {
        Reads::Fields(paths) => Columns::new(paths),
        Reads::Whole => Arc::default(),
    };
    Context {
        columns,
        conditions: Arc::clone(&bench.conditions),
        data_dir: bench.folder.join("components"),
        dry_run: true,
        ..alone::context("contract", "it", component.kind.name(), component.name)
    }
}

/// What there is below the folder, and in the folder where this runs: relative paths of an example begin there.
pub(super) fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> = entries(Path::new(".")).collect();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path);
        }
    }
    found
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}
