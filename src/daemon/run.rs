//! `logd run`: from settings to a daemon that has stopped.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::Clock;
use tokio::signal::unix::{SignalKind, signal};

use super::data_dir::DataDir;
use super::reload::{reload, report};
use super::unit::{Plan, Unit};
use super::watch::Watch;
use crate::checkpoint::Store;
use crate::config::compile::{Compiled, Job, compile};
use crate::config::daemon::DaemonSettings;
use crate::topology::{Environment, Status};

/// What is to be run, and how.
pub(crate) struct Options {
    /// `logd.toml`, with what the command line has changed.
    pub(crate) settings: DaemonSettings,
    /// Files and folders of pipelines.
    pub(crate) paths: Vec<PathBuf>,
    /// Whether the run ends with its input.
    pub(crate) once: bool,
    /// Whether metrics and health are served.
    pub(crate) serve: bool,
}

/// How the daemon has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All inputs have ended, or it was told to stop, and nothing is left behind.
    Done,
    /// A second signal cut the drain short.
    CutShort,
}

/// The parts that run now, for whoever wants to look.
pub(crate) type Parts = Arc<Mutex<Vec<Status>>>;

/// Runs until the input ends, or the daemon is told to stop.
///
/// # Errors
/// The data folder is in use, or something can't be opened or built.
pub(crate) async fn run(options: Options, compiled: Compiled) -> anyhow::Result<Ended> {
    let Options { settings, paths, once, serve } = options;
    let parts = Parts::default();
    let data_dir = DataDir::take(&data_path(&settings, &compiled, once))?;
    let environment = environment(&settings, &data_dir, once)?;
    let resumed = once && environment.store.last_epoch()? > crate::checkpoint::Epoch(0);
    if resumed {
        tracing::info!("An earlier run of this was interrupted; going on where it stopped.");
    }
    report(&compiled);
    let mut units = Vec::new();
    for plan in Plan::divide(&compiled.graph, &compiled.files) {
        units.push(plan.start(&environment).await?);
    }
    show(&parts, &units);

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    if once {
        tokio::select! {
            () = finished(&mut units) => {
                drop(units);
                let store = data_dir.path().join(CHECKPOINTS);
                drop(environment);
                // The same command starts from the beginning again.
                std::fs::remove_file(&store).with_context(|| format!("{} can't be removed", store.display()))?;
                return Ok(Ended::Done);
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    } else {
        follow(&mut units, &paths, &environment, &parts, &mut interrupt, &mut terminate).await?;
    }
    tracing::info!(within = %settings.limits.shutdown_timeout, "Stopping: sources first, then what is under way.");
    let stopping = stop(units, settings.limits.shutdown_timeout.into());
    tokio::select! {
        () = stopping => Ok(Ended::Done),
        _ = interrupt.recv() => Ok(Ended::CutShort),
        _ = terminate.recv() => Ok(Ended::CutShort),
    }
}

const CHECKPOINTS: &str = "checkpoints.redb";

/// A one-shot keeps its state apart, by its pipelines, so that it may stand beside a daemon.
fn data_path(settings: &DaemonSettings, compiled: &Compiled, once: bool) -> PathBuf {
    if !once {
        return settings.data_dir.clone();
    }
    let names: Vec<&str> = compiled.files.iter().map(|file| file.id.as_str()).collect();
    settings.data_dir.join("once").join(names.join("+"))
}

fn environment(settings: &DaemonSettings, data_dir: &DataDir, once: bool) -> anyhow::Result<Environment> {
    let threads = threads(settings);
    Ok(Environment {
        clock: Clock::system(),
        conditions: logd_parse::conditions(),
        data_dir: data_dir.path().to_owned(),
        store: Store::open(&data_dir.path().join(CHECKPOINTS))?,
        once,
        threads,
        edge_capacity: edge_capacity(settings),
        checkpoint_interval: settings.checkpoint.interval.into(),
    })
}

/// How many threads work on events.
pub(crate) fn threads(settings: &DaemonSettings) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    settings.limits.threads.map_or_else(available, usize::from)
}

/// What one edge holds: a small share of the memory that all may take, so that a pipeline of a dozen stays within it.
fn edge_capacity(settings: &DaemonSettings) -> u32 {
    const SHARE: usize = 16;
    u32::try_from(settings.limits.memory.in_memory() / SHARE).unwrap_or(u32::MAX)
}

/// Follows edits and signals until it is time to stop.
async fn follow(
    units: &mut Vec<Unit>,
    paths: &[PathBuf],
    environment: &Environment,
    parts: &Parts,
    interrupt: &mut tokio::signal::unix::Signal,
    terminate: &mut tokio::signal::unix::Signal,
) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut watch = Watch::new(paths);
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => {}
            () = watch.changed() => {}
        }
        let compiled = compile(Job {
            paths,
            environment: &|name| std::env::var(name).ok(),
            conditions: environment.conditions.as_ref(),
            once: false,
        });
        reload(units, compiled, environment).await;
        show(parts, units);
    }
}

fn show(parts: &Parts, units: &[Unit]) {
    let statuses = units.iter().flat_map(Unit::statuses).cloned().collect();
    *parts.lock().unwrap_or_else(PoisonError::into_inner) = statuses;
}

async fn finished(units: &mut [Unit]) {
    for unit in units {
        unit.finished().await;
    }
}

/// Stops all units at once.
async fn stop(units: Vec<Unit>, deadline: Duration) {
    let stopped = futures::future::join_all(units.into_iter().map(|unit| unit.stop(deadline))).await;
    if stopped.iter().all(|done| *done) {
        tracing::info!("Stopped; everything that was read is delivered and kept.");
    } else {
        tracing::warn!("Stopped at the deadline; what is not delivered is sent at the next start.");
    }
}
