//! `logd run`: from settings to a daemon that has stopped.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use logd_http::Receptions;
use logd_sdk::Clock;
use logd_sdk::http::{Extensions, Listeners};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;

use xxhash_rust::xxh3::xxh3_64;

use super::api;
use super::data_dir::DataDir;
use super::files::Files;
use super::generations::Generations;
use super::obey::obey;
use super::own::Own;
use super::parts::Parts;
use super::reload::Fleet;
use super::reload::verdict::Verdict;
use super::status_line::StatusLine;
use super::unit::Unit;
use super::watch::Watch;
use crate::admin::control;
use crate::buffer::Buffers;
use crate::checkpoint::{Epoch, Store};
use crate::config::compile::Compiled;
use crate::config::daemon::DaemonSettings;
use crate::dead_letters::DeadLetters;
use crate::delivery::Handoffs;
use crate::telemetry::{Metrics, upkeep};
use crate::topology::{AllSuspects, Environment, Graph, Taps, Workers};

/// What is to be run, and how.
pub(crate) struct Options {
    /// The daemon's own settings.
    pub(crate) own: Own,
    /// Files and folders of pipelines.
    pub(crate) paths: Vec<PathBuf>,
    /// Notices their changes, also those since they were read.
    pub(crate) watch: Watch,
    /// Whether the run ends with its input.
    pub(crate) once: bool,
    /// Work on events.
    pub(crate) workers: Workers,
    /// Whether metrics and health are served.
    pub(crate) serve: bool,
    /// Says something to people that does not belong in the log.
    pub(crate) say: fn(&str),
}

/// How the daemon has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All inputs have ended, or it was told to stop; what is not delivered is sent at the next start.
    Done,
    /// So many events were read, perhaps not delivered, and can't be brought again.
    Lost(u64),
    /// A second signal cut the drain short.
    CutShort,
}

/// Runs until the input ends, or the daemon is told to stop.
///
/// # Errors
/// The data folder is in use, or something can't be opened or built.
pub(crate) async fn run(options: Options, compiled: Compiled) -> anyhow::Result<Ended> {
    // First of all: a signal that comes while things are opened must not end the process halfway.
    let mut signals = Signals::new()?;
    let Options { mut own, paths, mut watch, once, workers, serve, say } = options;
    let (settings, throttle) = (own.settings().clone(), own.log().throttle.clone());
    let data_dir = DataDir::take(&data_path(&settings, &compiled, once))?;
    let parts = Parts::default();
    let status = StatusLine::on_terminal(parts.clone());
    if serve || status.is_some() {
        // Without anybody to read them, metrics are not kept.
        let metrics = Metrics::install()?;
        tokio::spawn(upkeep(metrics.clone(), throttle.clone(), data_dir.path().to_owned()));
        if serve {
            own.serve(metrics.clone(), parts.clone())?;
        }
        if let Some(status) = status {
            tokio::spawn(status.show(metrics));
        }
    }
    let mut environment = environment(&settings, &data_dir, &compiled.graph, once, workers)?;
    let (sender, commands) = control::channel();
    let opened = api::opened(&settings.api, None)?;
    let host = api::host(opened, data_dir.path(), &environment.clock, sender.clone(), parts.clone());
    environment.shared.insert(host.clone());
    environment.shared.insert(Receptions::default());
    if once && environment.store.last_epoch()? > Epoch(0) {
        tracing::info!("An earlier run of this was interrupted; going on where it stopped.");
    }
    let generations = Generations::open(data_dir.path())?;
    // Known before the first anomaly is told.
    host.set_generation(generations.number_of(&compiled));
    let mut fleet = Fleet::start(&compiled, environment.clone()).await?;
    parts.show(&fleet);

    if once {
        announce(&data_dir, &compiled, own.address());
        tokio::select! {
            finished = finished(fleet.units()) => {
                finished?;
                parts.report();
                drop((fleet, environment));
                let store = data_dir.path().join(CHECKPOINTS);
                // The same command starts from the beginning again.
                std::fs::remove_file(&store).with_context(|| format!("{} can't be removed", store.display()))?;
                return Ok(Ended::Done);
            }
            () = signals.stop() => {}
        }
    } else {
        watch.also(&compiled.used_files);
        let conditions = Arc::clone(&environment.conditions);
        own.show_by(host.clone(), say);
        own.follow_api(&fleet).await?;
        let mut files = Files { paths, conditions, watch, generations, own };
        files.keep(&compiled, environment.clock.now().to_string());
        if let Err(error) = control::listen(data_dir.path(), sender) {
            tracing::warn!(error = format!("{error:#}"), "Commands can't reach this daemon.");
        }
        announce(&data_dir, &compiled, files.own.address());
        follow(&mut fleet, &mut files, commands, &parts, &mut signals).await?;
        own = files.own;
    }
    let within = own.settings().limits.shutdown_timeout;
    tracing::info!(%within, "Stopping: sources first, then what is under way.");
    host.stop().await;
    let units = std::mem::take(fleet.units());
    let ended = tokio::select! {
        ended = stop(units, within.into()) => ended,
        () = signals.stop() => Ended::CutShort,
    };
    parts.report();
    throttle.report();
    Ok(ended)
}

/// Says what runs, and where it can be looked at.
fn announce(data_dir: &DataDir, compiled: &Compiled, address: Option<SocketAddr>) {
    let running: Vec<&str> = compiled.files.iter().filter(|file| file.accepted).map(|file| file.id.as_str()).collect();
    let metrics = address.map_or_else(|| "off".to_owned(), |address| format!("http://{address}/metrics"));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pipelines = running.join(", "),
        components = compiled.graph.nodes.len(),
        data = %data_dir.path().display(),
        metrics,
        "Started."
    );
}

/// The file of the checkpoints, in `data_dir`.
pub(crate) const CHECKPOINTS: &str = "checkpoints.redb";

/// A one-shot keeps its state apart, by its pipelines' files, so that it may stand beside a daemon and other one-shots.
fn data_path(settings: &DaemonSettings, compiled: &Compiled, once: bool) -> PathBuf {
    if !once {
        return settings.data_dir.clone();
    }
    let first = compiled.files.first().map_or("none", |file| file.id.as_str());
    let paths = compiled.files.iter().map(|file| file.path.canonicalize().unwrap_or_else(|_| file.path.clone()));
    let all: Vec<u8> = paths.flat_map(|path| [path.as_os_str().as_encoded_bytes(), &[0]].concat()).collect();
    settings.data_dir.join("once").join(format!("{first}-{:016x}", xxh3_64(&all)))
}

fn environment(
    settings: &DaemonSettings,
    data_dir: &DataDir,
    graph: &Graph,
    once: bool,
    workers: Workers,
) -> anyhow::Result<Environment> {
    Ok(Environment {
        clock: Clock::system(),
        conditions: logd_parse::conditions(),
        data_dir: data_dir.path().to_owned(),
        store: Store::open(&data_dir.path().join(CHECKPOINTS))?,
        suspects: AllSuspects::default(),
        dead_letters: DeadLetters::new(data_dir.path(), settings.limits.dead_letters.bytes()),
        taps: Taps::default(),
        buffers: Buffers::default(),
        handoffs: Handoffs::default(),
        listeners: Listeners::default(),
        shared: Extensions::new(),
        once,
        by_events: false,
        goes_on: false,
        workers,
        edge_capacity: edge_capacity(settings, graph),
        checkpoint_interval: settings.checkpoint.interval.into(),
        require_healthy: settings.healthchecks.require_healthy,
        reload_timeout: settings.limits.reload_timeout.into(),
    })
}

/// How many threads work on events.
pub(crate) fn threads(settings: &DaemonSettings) -> NonZeroUsize {
    let available = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    settings.limits.threads.unwrap_or_else(available)
}

/// What a share of an edge is: of the memory that all edges may take, and no more than a sixteenth. A reload that adds
/// edges does not change it.
pub(crate) fn edge_capacity(settings: &DaemonSettings, graph: &Graph) -> u32 {
    const FEWEST: usize = 16;
    const SMALLEST: u32 = 64 << 10;
    let shares = graph.nodes.iter().map(|node| node.inputs.len() * node.edge_share()).sum::<usize>().max(FEWEST);
    u32::try_from(settings.limits.memory.in_memory() / shares).unwrap_or(u32::MAX).max(SMALLEST)
}

/// What could not be started is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// How often it is looked how far removed components are.
const TEND: Duration = Duration::from_secs(1);

/// Follows edits, signals and commands until it is time to stop.
async fn follow(
    fleet: &mut Fleet,
    files: &mut Files,
    mut commands: Receiver<control::Asked>,
    parts: &Parts,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            wanted = signals.next() => if wanted == Wanted::Stop {
                return Ok(());
            },
            () = files.watch.changed() => {}
            Some((command, reply)) = commands.recv() => {
                let answer = obey(command, fleet, files).await;
                parts.show(fleet);
                // Whoever asked may have gone.
                let _ = reply.send(answer);
                continue;
            }
            () = tokio::time::sleep(TRY_AGAIN), if fleet.is_behind() => {}
            () = tokio::time::sleep(TEND), if fleet.has_retired() => {
                fleet.tend_retired().await;
                continue;
            }
        }
        read_again(fleet, files).await?;
        parts.show(fleet);
    }
}

/// Reads all files again, those of the pipelines and `logd.toml`, and follows them.
///
/// # Errors
/// Reading them panicked.
pub(super) async fn read_again(fleet: &mut Fleet, files: &mut Files) -> anyhow::Result<Verdict> {
    let of_settings = files.own.reload(fleet).await;
    let (compiled, broken) = (files.compile().await?, fleet.broken());
    let mended = broken.into_iter().map(|broken| broken.pipeline);
    let mended: Vec<String> =
        mended.filter(|id| compiled.files.iter().any(|file| file.id == *id && file.accepted)).collect();
    if !mended.is_empty() {
        tracing::info!(pipelines = mended.join(", "), "Files have no mistakes any more.");
    }
    let mut verdict = take_over(fleet, &compiled, files).await;
    verdict.add(of_settings);
    if let Err(error) = files.own.follow_api(fleet).await {
        tracing::error!(error = format!("{error:#}"), "The API is not served.");
        verdict.failed.push(format!("{error:#}"));
    }
    Ok(verdict)
}

/// Brings what runs in line with what was compiled, and keeps that if all of it could be started.
pub(super) async fn take_over(fleet: &mut Fleet, compiled: &Compiled, files: &mut Files) -> Verdict {
    let verdict = fleet.reload(compiled).await;
    if verdict.failed.is_empty() {
        files.keep(compiled, fleet.environment().clock.now().to_string());
    }
    verdict
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Stop,
    Reload,
}

/// The signals by which a daemon is told what to do.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// What is wanted next.
    async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.interrupt.recv() => Wanted::Stop,
            _ = self.terminate.recv() => Wanted::Stop,
            _ = self.hangup.recv() => Wanted::Reload,
        }
    }

    /// Waits until a stop is wanted; what else is wanted until then comes to nothing.
    async fn stop(&mut self) {
        while self.next().await != Wanted::Stop {}
    }
}

async fn finished(units: &mut [Unit]) -> anyhow::Result<()> {
    for unit in units {
        unit.finished().await?;
    }
    Ok(())
}

/// Stops all units at once, and says what is left behind.
async fn stop(units: Vec<Unit>, deadline: Duration) -> Ended {
    let stopped = futures::future::join_all(units.into_iter().map(|unit| unit.stop(deadline))).await;
    let lost = stopped.iter().map(|unit| unit.lost).sum();
    if stopped.iter().all(|unit| unit.drained) {
        tracing::info!("Stopped; everything that was read is delivered and kept.");
    } else if lost == 0 {
        tracing::warn!("Stopped before everything was delivered; the rest is sent at the next start.");
    } else {
        tracing::error!(events = lost, "Stopped before everything was delivered; these events can't be brought again.");
        return Ended::Lost(lost);
    }
    Ended::Done
}
