//! `logd run`: from settings to a daemon that has stopped.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::Clock;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::data_dir::DataDir;
use super::reload::Fleet;
use super::unit::Unit;
use super::watch::Watch;
use crate::admin::{self, Reason, Watched};
use crate::checkpoint::{Epoch, Store};
use crate::config::compile::{Compiled, Job, compile};
use crate::config::daemon::DaemonSettings;
use crate::telemetry::{Metrics, Throttle, upkeep};
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
    /// Keeps the log from being flooded.
    pub(crate) throttle: Throttle,
}

/// How the daemon has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All inputs have ended, or it was told to stop, and nothing is left behind.
    Done,
    /// A second signal cut the drain short.
    CutShort,
}

/// Runs until the input ends, or the daemon is told to stop.
///
/// # Errors
/// The data folder is in use, or something can't be opened or built.
pub(crate) async fn run(options: Options, compiled: Compiled) -> anyhow::Result<Ended> {
    let Options { settings, paths, once, serve, throttle } = options;
    let data_dir = DataDir::take(&data_path(&settings, &compiled, once))?;
    let parts = Parts::default();
    if serve {
        // Without anybody to read them, metrics are not kept.
        let listener = admin::bind(settings.telemetry.address.socket())?;
        let metrics = Metrics::install()?;
        tokio::spawn(upkeep(metrics.clone(), throttle.clone(), data_dir.path().to_owned()));
        tokio::spawn(admin::serve(listener, metrics, parts.clone(), std::future::pending()));
    }
    let environment = environment(&settings, &data_dir, once)?;
    if once && environment.store.last_epoch()? > Epoch(0) {
        tracing::info!("An earlier run of this was interrupted; going on where it stopped.");
    }
    let mut fleet = Fleet::start(&compiled, environment.clone()).await?;
    parts.show(&fleet);

    let mut signals = Signals::new()?;
    if once {
        tokio::select! {
            finished = finished(fleet.units()) => {
                finished?;
                parts.check();
                drop((fleet, environment));
                let store = data_dir.path().join(CHECKPOINTS);
                // The same command starts from the beginning again.
                std::fs::remove_file(&store).with_context(|| format!("{} can't be removed", store.display()))?;
                return Ok(Ended::Done);
            }
            () = signals.stop() => {}
        }
    } else {
        follow(&mut fleet, &paths, &environment, &parts, &mut signals).await?;
    }
    tracing::info!(within = %settings.limits.shutdown_timeout, "Stopping: sources first, then what is under way.");
    let units = std::mem::take(fleet.units());
    let ended = tokio::select! {
        () = stop(units, settings.limits.shutdown_timeout.into()) => Ended::Done,
        () = signals.stop() => Ended::CutShort,
    };
    parts.check();
    throttle.report();
    Ok(ended)
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
    fleet: &mut Fleet,
    paths: &[PathBuf],
    environment: &Environment,
    parts: &Parts,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut watch = Watch::new(paths);
    loop {
        tokio::select! {
            () = signals.stop() => return Ok(()),
            _ = hangup.recv() => {}
            () = watch.changed() => {}
        }
        let (paths, conditions) = (paths.to_vec(), Arc::clone(&environment.conditions));
        let compiled = tokio::task::spawn_blocking(move || {
            let environment = |name: &str| std::env::var(name).ok();
            compile(Job { paths: &paths, environment: &environment, conditions: conditions.as_ref(), once: false })
        });
        fleet.reload(&compiled.await.context("the pipelines can't be read")?).await;
        parts.show(fleet);
    }
}

/// The signals by which a daemon is told to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The parts that run now, for whoever asks over HTTP.
#[derive(Clone, Default)]
struct Parts(Arc<Mutex<Vec<Status>>>);

impl Parts {
    fn show(&self, fleet: &Fleet) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fleet.statuses();
    }

    /// Says so if events have vanished without a word: never, unless logd has a bug.
    fn check(&self) {
        for account in self.now().iter().flat_map(Status::accounts) {
            let (component, unaccounted) = (account.component(), account.tally().unaccounted());
            if unaccounted != 0 {
                tracing::error!(%component, unaccounted, "Events are unaccounted for; please report this.");
            }
        }
    }

    fn now(&self) -> Vec<Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watched for Parts {
    fn refresh(&self) {
        for account in self.now().iter().flat_map(Status::accounts) {
            account.tally();
        }
    }

    fn unready(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for status in self.now() {
            let whole = status.failure().map(|reason| Reason {
                pipeline: status.pipelines().to_owned(),
                component: None,
                reason,
            });
            let accounts = status.accounts();
            let of_components = accounts.iter().filter_map(|account| {
                let component = account.component();
                Some(Reason {
                    pipeline: component.pipeline().to_owned(),
                    component: Some(component.id().to_owned()),
                    reason: account.health().reason()?,
                })
            });
            reasons.extend(whole.into_iter().chain(of_components));
        }
        reasons
    }
}

async fn finished(units: &mut [Unit]) -> anyhow::Result<()> {
    for unit in units {
        unit.finished().await?;
    }
    Ok(())
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
