//! The archive as a whole: opening, tending, and the questions it answers.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use logd_sdk::{Clock, ComponentId};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::board::{Board, Kept, Service, Totals};
use crate::error::Error;
use crate::feed::Feed;
use crate::live::{Live, Lives};
use crate::logs::{Logs, Wanted};
use crate::options::Options;
use crate::scope::Scope;
use crate::sealed::Sealed;
use crate::store::{Broken, Stats, Store};

/// So many searches at once, each on a thread; others wait for their turn.
const SEARCHES: usize = 4;
/// A search that takes longer is given up.
const LONGEST: Duration = Duration::from_secs(10);

/// What the API remembers. Its clones are the same archive; the last one that is dropped, feeds included, writes what it
/// has, and blocks for that: see [`close`](Self::close).
#[derive(Clone, Debug)]
pub struct Archive {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    options: RwLock<Options>,
    /// Never locked by who goes on to ask the store: the store tells the board, while nobody can read it.
    board: Mutex<Board>,
    pub(crate) store: Store,
    pub(crate) logs: Logs,
    pub(crate) lives: Lives,
    searches: Arc<Semaphore>,
}

impl Archive {
    /// Opens the archive in `folder`, and makes it if it is not there. What is damaged is set aside under another name,
    /// and told to the log. One process at a time may have it open; the daemon's `data_dir` is locked already.
    ///
    /// # Errors
    /// The folder can't be read or written.
    pub async fn open(folder: &Path, options: Options, clock: Clock) -> anyhow::Result<Self> {
        let folder = folder.to_owned();
        spawn_blocking(move || Self::open_now(&folder, options, clock)).await.context("the archive can't be opened")?
    }

    fn open_now(folder: &Path, options: Options, clock: Clock) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
        let logs = Logs::open(&folder.join("logs"), options.max_bytes, clock.clone())?;
        let (store, loaded, is_new) = Store::open(&folder.join("archive.redb"))?;
        let mut feeds = loaded.feeds;
        if is_new {
            // If there are logs, there was another: what feeds have indexed counts as applied, or they would take it all
            // back.
            feeds = logs.epochs().into_iter().map(|(feed, epoch)| (feed.into(), epoch)).collect();
            store.keep(&Kept { feeds: feeds.clone(), ..Kept::default() })?;
        }
        let now = clock.now();
        let mut board = Board::new(&options, now);
        for (pipeline, service, stored) in loaded.services {
            board.load(&pipeline, &service, stored);
        }
        for (name, last) in loaded.series {
            board.know(&name, last);
        }
        for (feed, epoch) in &feeds {
            board.reached(feed, *epoch);
        }
        board.set_watched(loaded.watched);
        let inner = Inner {
            clock,
            options: RwLock::new(options),
            board: Mutex::new(board),
            store,
            logs,
            lives: Lives::new(now),
            searches: Arc::new(Semaphore::new(SEARCHES)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Changes the limits. They hold from now on; what is too much goes with the next [`tend`](Self::tend).
    pub fn set_options(&self, options: Options) {
        *self.inner.options.write().unwrap_or_else(PoisonError::into_inner) = options;
        self.inner.board().set_rate(&options);
    }

    /// A feed for a sink. Touches nothing until it [begins](Feed), so that it can be made while an earlier one is in use.
    #[must_use]
    pub fn feed(&self, sink: &ComponentId) -> Feed {
        Feed::new(Arc::clone(&self.inner), sink)
    }

    /// Deletes what is too old or too much, rolls up what is old, and looks for damage. To be called once a minute or so.
    /// What goes wrong is told to the log, and tried again the next time.
    pub async fn tend(&self) {
        if let Err(error) = self.inner.tend().await {
            tracing::error!(error = format!("{error:#}"), "The archive could not be tended.");
        }
    }

    /// Writes what it has, before the end: what is dropped then has nothing to wait for. Whatever comes later is taken as
    /// before.
    ///
    /// # Errors
    /// It can't be written. What was in a complete epoch is safe anyway.
    pub async fn close(&self) -> anyhow::Result<()> {
        self.inner.logs.close().await
    }

    /// What has just come, from now on. Who is too slow misses some: [`recent`](Self::recent) has the last 4096.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<Arc<Live>> {
        self.inner.lives.listen()
    }

    /// What has come after the one with this number, as far as it is kept: the last 4096, of all kinds. Who calls
    /// [`live`](Self::live) before misses nothing, and may find some in both.
    #[must_use]
    pub fn recent(&self, after: u64) -> Vec<Arc<Live>> {
        self.inner.lives.after(after)
    }

    /// The sums over all services. From memory; what feeds brought a moment ago is in it.
    #[must_use]
    pub fn totals(&self, scope: &Scope) -> Totals {
        self.inner.board().totals(scope, self.inner.clock.now())
    }

    /// The services, by name. From memory.
    #[must_use]
    pub fn services(&self, scope: &Scope) -> Vec<Service> {
        self.inner.board().services(scope, None, self.inner.clock.now())
    }

    /// A service. From memory.
    #[must_use]
    pub fn service(&self, scope: &Scope, name: &str) -> Option<Service> {
        self.inner.board().services(scope, Some(name), self.inner.clock.now()).pop()
    }

    /// What the archive has on disk, and what it has left out: of all, whoever asks. Blocks for a look at files' sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (logs, parts, log_bytes) = self.inner.logs.size();
        let board = self.inner.board();
        let (series, left_out) = (board.series.points, board.left_out());
        drop(board);
        Stats { bytes: log_bytes + self.inner.store.bytes(), log_bytes, logs, parts, series, left_out }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("options", &self.options()).finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn options(&self) -> Options {
        *self.options.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the store on a thread of its own. A store that turns out to be damaged is set aside.
    pub(crate) async fn on_store<T: Send + 'static>(
        self: &Arc<Self>,
        what: impl FnOnce(&Self) -> Result<T, Broken> + Send + 'static,
    ) -> anyhow::Result<T> {
        let inner = Arc::clone(self);
        let done = spawn_blocking(move || what(&inner)).await;
        let error = match done {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(broken)) if !broken.is_damage() => return Err(broken.into()),
            Ok(Err(broken)) => broken.into(),
            Err(panic) => anyhow!(panic),
        };
        let (inner, reason) = (Arc::clone(self), format!("{error:#}"));
        spawn_blocking(move || inner.store.replace(&reason, || inner.board().kept())).await??;
        self.board().is_stale = true;
        Err(error)
    }

    /// Makes durable what a feed has sealed. If the store is damaged, in the one that takes its place.
    pub(crate) async fn apply(self: &Arc<Self>, feed: &Arc<str>, token: u64, sealed: Sealed) -> anyhow::Result<()> {
        let sealed = Arc::new(sealed);
        let attempt = || {
            let (feed, sealed) = (Arc::clone(feed), Arc::clone(&sealed));
            self.on_store(move |inner| {
                inner.store.apply(&feed, &sealed, inner.clock.now(), |applied| {
                    let mut board = inner.board();
                    applied.iter().for_each(|applied| board.applied(token, applied));
                    board.reached(&feed, sealed.epoch);
                })
            })
        };
        match attempt().await {
            Err(error) if error.downcast_ref::<Broken>().is_none_or(Broken::is_damage) => attempt().await,
            done => done,
        }
    }

    /// Reads again which incidents are open.
    pub(crate) async fn watch_again(self: &Arc<Self>) -> anyhow::Result<()> {
        self.on_store(|inner| inner.store.watched(|watched| inner.board().set_watched(watched))).await
    }

    /// Searches on a thread of its own, when it is its turn.
    pub(crate) async fn search<T: Send + 'static>(
        self: &Arc<Self>,
        wanted: Wanted,
        what: impl FnOnce(&Logs, &Wanted, &mut dyn FnMut() -> Result<(), Error>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.searches).acquire_owned().await.context("the archive is closed")?;
        let inner = Arc::clone(self);
        let end = Instant::now() + LONGEST;
        let mut go_on = move || if Instant::now() < end { Ok(()) } else { Err(Error::TooSlow(LONGEST.as_secs())) };
        let search = spawn_blocking(move || {
            let answer = what(&inner.logs, &wanted, &mut go_on);
            drop(turn);
            answer
        });
        search.await.context("a search failed")?
    }

    async fn tend(self: &Arc<Self>) -> anyhow::Result<()> {
        let (options, now) = (self.options(), self.clock.now());
        let oldest = now.before(options.max_age);
        let in_store = self.on_store(|inner| Ok(inner.store.bytes())).await?;
        self.logs.keep(oldest, options.max_bytes.saturating_sub(in_store)).await?;
        while self.on_store(move |inner| inner.store.roll_up(crate::board::second(now))).await? {}
        let gone = self.on_store(move |inner| inner.store.delete_old(oldest)).await?;
        self.make_room(options.max_bytes / 2).await?;
        let is_stale = self.board().is_stale;
        if gone > 0 || is_stale {
            self.watch_again().await?;
        }
        let (forgotten, known) = {
            let mut board = self.board();
            board.set_time(&options, now);
            (board.forget_old(), board.take_progress())
        };
        self.on_store(move |inner| inner.store.forget(&forgotten, &known)).await
    }

    /// Keeps the store to half of what there may be.
    async fn make_room(self: &Arc<Self>, most: u64) -> anyhow::Result<()> {
        let is_too_large =
            self.on_store(move |inner| Ok(inner.store.bytes() > most && inner.store.used_bytes()? > most)).await?;
        if is_too_large {
            tracing::warn!(most, "The series take more than half of the archive; the older half of them is deleted.");
            self.on_store(|inner| inner.store.halve_series()).await?;
        }
        Ok(())
    }
}

/// The end of a page: the cursor behind the last of its items, if there are more than it has.
pub(crate) fn cut<T>(
    mut items: Vec<T>,
    limit: usize,
    cursor: impl FnOnce(&T) -> Result<String, Error>,
) -> Result<crate::page::Page<T>, Error> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(cursor).transpose()?;
    Ok(crate::page::Page { items, next })
}

#[cfg(test)]
impl Archive {
    /// Ends as a kill does: what was not committed is lost.
    pub(crate) async fn kill(self) {
        self.inner.logs.lose().await;
    }
}
