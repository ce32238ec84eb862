//! `build` spawns nothing, and in a dry run leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio::time::error::Elapsed;

use super::Bench;
use crate::component::{Component, Plan};
use crate::condition::Reads;
use crate::erased::{AnyKeyed, AnySink, AnySource};
use crate::event::Columns;
use crate::meters::Meters;
use crate::transform::Transform;
use crate::{Clock, ComponentId, Context, Epochs, Health};

/// How long a component may take to be built.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A component that could run.
pub(super) enum Built {
    Source(#[allow(dead_code, reason = "held, so that what it spawned would be seen")] Box<dyn AnySource>),
    Transform(Arc<dyn Transform>),
    Keyed(Arc<dyn AnyKeyed>),
    Sink(#[allow(dead_code, reason = "held, so that what it spawned would be seen")] Arc<dyn AnySink>),
}

/// Whether `build` spawns anything.
pub(super) fn check(component: &Component, plan: &Plan, bench: &Bench<'_>) -> Option<String> {
    let ended = runtime().and_then(|runtime| {
        let built = built(&runtime, component, plan, bench)?;
        let tasks = runtime.metrics().num_alive_tasks();
        drop(built);
        Ok(tasks)
    });
    match ended {
        Ok(0) => None,
        Ok(tasks) => Some(format!("`build` has spawned {tasks} tasks")),
        Err(error) if error.is::<Elapsed>() => Some(format!("`build` takes longer than {TIMEOUT:?}")),
        // What it needs is not there, and it may say so.
        Err(_) => None,
    }
}

/// Builds the component for a dry run.
pub(super) fn built(runtime: &Runtime, component: &Component, plan: &Plan, bench: &Bench<'_>) -> anyhow::Result<Built> {
    let context = context(component, plan, bench);
    let build = async {
        anyhow::Ok(match plan {
            Plan::Source(plan) => Built::Source(plan.build(&context).await?),
            Plan::Transform(plan) => Built::Transform(plan.build(&context)?),
            Plan::Keyed(plan) => Built::Keyed(plan.build(&context)?),
            Plan::Sink(plan) => Built::Sink(plan.build(&context).await?),
        })
    };
    runtime.block_on(async { tokio::time::timeout(TIMEOUT, build).await })?
}

/// A runtime of which nobody else knows, so that what is spawned in it can be counted.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("there is no runtime")
}

fn context(component: &Component, plan: &Plan, bench: &Bench<'_>) -> Context {
    let id = ComponentId::new("contract", "it");
    let columns = match plan.describe().reads(bench.conditions.as_ref()) {
        Reads::Fields(paths) => Columns::new(paths),
        Reads::Whole => Arc::default(),
    };
    Context {
        meters: Meters::new(&id, component.kind.name(), component.name),
        id,
        clock: Clock::system(),
        columns,
        conditions: Arc::clone(&bench.conditions),
        data_dir: bench.folder.join("components"),
        once: false,
        dry_run: true,
        lineage: "contract".into(),
        health: Health::default(),
        epochs: Epochs::default(),
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
