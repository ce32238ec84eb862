//! The API of one daemon: what its sinks share, and the server that shows it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::BoxFuture;
use logd_access::{Access, FetchJwks, FirstAdmin};
use logd_archive::Archive;
use logd_sdk::Clock;
use logd_sdk::control::Control;
use logd_sdk::http::{self, Limits, Listener, Tls};
use logd_sdk::sender::Sender;
use logd_sdk::settings::Network;
use tokio::sync::{OnceCell, Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::audit::Audit;
use crate::meters;
use crate::routes::{Rates, router};
use crate::server::Adapter;
use crate::settings::ApiSettings;
use crate::state::{Api, Pace};
use crate::stores::{Figures, Logs};
use crate::webhooks::{Alerts, Courier, Registry, Setup};

/// Where it keeps what it remembers, in `data_dir`.
const FOLDER: &str = "api";

/// How often it is looked after what it remembers.
const TEND: Duration = Duration::from_secs(60);

/// How often components are counted, for their rates.
const COUNT: Duration = Duration::from_secs(2);

/// Makes what calls webhooks, for these networks beside the internet.
pub type MakeSender = Box<dyn Fn(Vec<Network>) -> BoxFuture<'static, anyhow::Result<Arc<dyn Sender>>> + Send + Sync>;

/// What the daemon has for its API.
pub struct Surroundings {
    /// Where the daemon keeps what it keeps.
    pub data_dir: PathBuf,
    /// The time of day.
    pub clock: Clock,
    /// The daemon itself.
    pub control: Arc<dyn Control>,
    /// Makes what calls webhooks.
    pub make_sender: MakeSender,
    /// Fetches the keys of an outside issuer.
    pub fetch_jwks: Arc<dyn FetchJwks>,
}

/// The API of one daemon. Clones are the same.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    surroundings: Surroundings,
    settings: Mutex<ApiSettings>,
    archive: OnceCell<Archive>,
    webhooks: OnceCell<Registry>,
    running: tokio::sync::Mutex<Option<Running>>,
    /// The generation of the pipelines that is in use; 0 before the first.
    generation: AtomicU64,
}

/// What runs while it is served.
struct Running {
    server: Server,
    /// Ends the calls of webhooks when it is dropped.
    stop_calls: oneshot::Sender<()>,
    calls: JoinHandle<()>,
}

/// The server.
struct Server {
    /// With these settings.
    settings: ApiSettings,
    listener: Listener,
    address: SocketAddr,
    tls: Option<Tls>,
    kept: Kept,
    stopping: watch::Sender<bool>,
    /// Ends it when it is dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What goes on when the server is started anew.
#[derive(Clone)]
struct Kept {
    access: Access,
    audit: Audit,
    rates: Arc<Rates>,
}

/// The server has begun.
#[derive(Debug)]
pub struct Served {
    /// Where people reach it.
    pub url: String,
    /// The user that was made, because there was none: to be shown once.
    pub first_admin: Option<FirstAdmin>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

impl Host {
    /// Takes note of which generation of the pipelines is in use, for the anomalies that are told from now on.
    pub fn set_generation(&self, number: u64) {
        self.0.generation.store(number, Ordering::Relaxed);
    }

    /// The generation of the pipelines that is in use, once that is known.
    pub(crate) fn generation(&self) -> Option<u64> {
        Some(self.0.generation.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// An API that is not served yet, and has opened nothing.
    #[must_use]
    pub fn new(settings: ApiSettings, surroundings: Surroundings) -> Self {
        Self(Arc::new(Inner {
            surroundings,
            settings: Mutex::new(settings),
            archive: OnceCell::new(),
            webhooks: OnceCell::new(),
            running: tokio::sync::Mutex::new(None),
            generation: AtomicU64::new(0),
        }))
    }

    fn settings(&self) -> ApiSettings {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is read in the place of the archive.
    #[must_use]
    pub fn stores(&self) -> (Logs, Figures) {
        let ApiSettings { logs, metrics, .. } = self.settings();
        (logs, metrics)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.surroundings.data_dir.join(FOLDER)
    }

    /// What it remembers; opened when it is first asked for.
    pub(crate) async fn archive(&self) -> anyhow::Result<Archive> {
        let open = || async {
            let (options, clock) = (self.settings().options(), self.0.surroundings.clock.clone());
            Archive::open(&self.folder(), options, clock).await.context("the API's archive can't be opened")
        };
        self.0.archive.get_or_try_init(open).await.cloned()
    }

    /// The webhooks; opened when they are first asked for.
    async fn webhooks(&self) -> anyhow::Result<Registry> {
        let open = || async {
            // The folder is made with the archive.
            self.archive().await?;
            let setup = self.setup(&self.settings()).await?;
            let registry = Registry::open(&self.folder(), setup, self.0.surroundings.clock.clone()).await;
            registry.context("the webhooks can't be opened")
        };
        self.0.webhooks.get_or_try_init(open).await.cloned()
    }

    /// What webhooks are told, and how.
    async fn setup(&self, settings: &ApiSettings) -> anyhow::Result<Setup> {
        Ok(Setup {
            sender: (self.0.surroundings.make_sender)(settings.webhooks.allow.clone()).await?,
            base: settings.base(settings.address.socket()),
            high_error_rate: settings.webhooks.high_error_rate,
        })
    }

    /// Tells webhooks what happens.
    pub(crate) async fn alerts(&self) -> anyhow::Result<Arc<Alerts>> {
        Ok(Arc::new(Alerts::new(self.webhooks().await?)))
    }

    /// Serves it, if it is not served yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address can't be had, or something can't be opened: says what to change.
    pub async fn serve(&self) -> anyhow::Result<Option<Served>> {
        let mut running = self.0.running.lock().await;
        if running.is_some() {
            return Ok(None);
        }
        let (server, served) = self.start(self.settings(), None).await?;
        let (stop_calls, stop) = oneshot::channel::<()>();
        let courier = Courier::new(self.webhooks().await?);
        let calls = tokio::spawn(courier.run(async { stop.await.unwrap_or_default() }));
        *running = Some(Running { server, stop_calls, calls });
        Ok(Some(served))
    }

    /// Starts a server; what can stay is that of the one before.
    async fn start(&self, settings: ApiSettings, before: Option<&Server>) -> anyhow::Result<(Server, Served)> {
        let surroundings = &self.0.surroundings;
        let asked = settings.address.socket();
        // Whoever connects while one server follows the other is refused by neither.
        let same = before.filter(|before| before.settings.address == settings.address);
        let listener = same.map(|before| before.listener.clone()).map_or_else(|| bind(asked), Ok)?;
        let address = listener.local_addr()?;
        let tls = settings.tls.as_ref().map(read_tls).transpose()?;
        let (kept, first_admin) = match before.filter(|before| before.settings.has_same_access(&settings)) {
            Some(before) => (before.kept.clone(), None),
            None => {
                let (folder, clock) = (&surroundings.data_dir, surroundings.clock.clone());
                let fetch = Some(Arc::clone(&surroundings.fetch_jwks));
                let opened = Access::open(folder, &settings.access(), fetch, clock.clone()).await;
                let (access, first_admin) = opened.context("access to the API can't be set up")?;
                let before = before.map(|before| before.kept.clone());
                let (audit, rates) = match before {
                    Some(Kept { audit, rates, .. }) => (audit, rates),
                    None => {
                        self.archive().await?; // which makes the folder
                        (Audit::open(&self.folder(), clock)?, Arc::default())
                    }
                };
                (Kept { access, audit, rates }, first_admin)
            }
        };
        let (stopping, stopped) = watch::channel(false);
        let Kept { access, audit, rates } = kept.clone();
        let api = Arc::new(Api {
            archive: self.archive().await?,
            logs: settings.logs.clone(),
            figures: settings.metrics.clone(),
            access,
            control: Arc::clone(&surroundings.control),
            webhooks: self.webhooks().await?,
            alerts: self.alerts().await?,
            audit,
            clock: surroundings.clock.clone(),
            pace: Pace::new(settings.rate_limit),
            streams: Arc::new(Semaphore::new(settings.max_streams.get())),
            max_streams: settings.max_streams.get(),
            rates,
            is_https: settings.base(address).starts_with("https://"),
            stopping: stopped,
        });
        let adapter = Adapter(router(Arc::clone(&api), &settings.cors_origins));
        let (stop, shutdown) = oneshot::channel::<()>();
        let (limits, accepts, certificate) = (limits(settings.max_streams.get()), listener.clone(), tls.clone());
        let task = tokio::spawn(async move {
            let served =
                http::serve(accepts, adapter, limits, certificate, async { shutdown.await.unwrap_or_default() });
            tokio::select! {
                () = served => {}
                () = tend(&api) => {}
            }
        });
        let url = settings.base(address);
        let server = Server { settings, listener, address, tls, kept, stopping, stop, task };
        Ok((server, Served { url, first_admin }))
    }

    /// Where it is served, if it is.
    pub async fn address(&self) -> Option<SocketAddr> {
        self.0.running.lock().await.as_ref().map(|running| running.server.address)
    }

    /// Takes other settings. A server that runs is started anew where it has to be.
    ///
    /// # Errors
    /// They can't be had; all stays as it is.
    pub async fn change(&self, settings: ApiSettings) -> anyhow::Result<Option<Served>> {
        let mut running = self.0.running.lock().await;
        let setup = self.setup(&settings).await?;
        let mut begun = None;
        if let Some(Running { server, .. }) = &mut *running
            && !(server.settings.is_same(&settings) && server.settings.has_same_stores(&settings))
        {
            let (next, served) = self.start(settings.clone(), Some(server)).await?;
            std::mem::replace(server, next).retire();
            begun = Some(served);
        }
        if let Some(archive) = self.0.archive.get() {
            archive.set_options(settings.options());
        }
        if let Some(webhooks) = self.0.webhooks.get() {
            webhooks.set(setup);
        }
        *self.0.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(begun)
    }

    /// Reads the certificate again.
    ///
    /// # Errors
    /// It can't be read; the old one stays.
    pub async fn renew(&self) -> anyhow::Result<()> {
        let running = self.0.running.lock().await;
        match running.as_ref().map(|running| &running.server) {
            Some(Server { tls: Some(tls), settings: ApiSettings { tls: Some(files), .. }, .. }) => {
                let [certificate, key] = read_pem(files)?;
                tls.replace(&certificate, &key)
            }
            _ => Ok(()),
        }
    }

    /// Serves it no longer, without waiting for requests under way: one of them may be what has asked for this.
    pub async fn retire(&self) {
        if let Some(Running { server, .. }) = self.0.running.lock().await.take() {
            server.retire();
        }
    }

    /// Stops the server: live streams end, and requests and calls under way may end.
    pub async fn stop(&self) {
        let Some(Running { server, stop_calls, calls }) = self.0.running.lock().await.take() else { return };
        drop(stop_calls);
        // They may have failed by themselves.
        let _ = tokio::join!(server.retire(), calls);
    }
}

impl Server {
    /// Ends streams at once, and the rest when what is under way has ended.
    fn retire(self) -> JoinHandle<()> {
        let Self { stopping, stop, task, .. } = self;
        // Nobody may listen.
        let _ = stopping.send(true);
        drop(stop);
        task
    }
}

/// Binds an address.
fn bind(address: SocketAddr) -> anyhow::Result<Listener> {
    Listener::bind(address).map_err(|error| {
        anyhow::anyhow!(
            "the API can't be served on {address}: {error}; set another address with `address` under `[api]` in \
             logd.toml, or with --api-address"
        )
    })
}

/// Looks after what is remembered, for as long as it is served.
async fn tend(api: &Api) {
    let (mut minutes, mut counts) = (interval(TEND), interval(COUNT));
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = minutes.tick() => {
                api.archive.tend().await;
                api.access.tend().await;
                api.pace.tend();
            }
            _ = counts.tick() => {
                if let Ok(overview) = api.control.overview().await {
                    api.rates.take(&overview);
                }
                meters::archive(&api.archive.stats(), api.max_streams - api.streams.available_permits());
            }
        }
    }
}

/// Bodies are small; a page opens some connections at once, and a stream holds one.
fn limits(streams: usize) -> Limits {
    const BODY: usize = 256 << 10;
    let connections = 256 + streams;
    Limits {
        max_body: BODY,
        max_decoded: BODY,
        max_connections: connections,
        max_connections_per_peer: connections,
        ..Limits::default()
    }
}

fn read_pem(files: &crate::settings::TlsFiles) -> anyhow::Result<[Vec<u8>; 2]> {
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("{} can't be read", path.display()));
    Ok([read(&files.crt_file)?, read(&files.key_file)?])
}

fn read_tls(files: &crate::settings::TlsFiles) -> anyhow::Result<Tls> {
    let [certificate, key] = read_pem(files)?;
    Tls::from_pem(&certificate, &key).context("`[api] tls`")
}
