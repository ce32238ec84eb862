//! The registered webhooks, silences and calls: one store, and all that is known of it in memory.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use anyhow::Context as _;
use bytes::Bytes;
use logd_archive::Scope;
use logd_sdk::sender::Sender;
use logd_sdk::{Clock, Time};
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_blocking;

use super::error::Error;
use super::pace::Pace;
use super::rates::Rates;
use super::state::{Draft, State};
use super::store::{Store, Unusable, set_aside};

/// So many calls are made at once, of all webhooks together.
const CALLS: usize = 8;

/// A webhook may be called so often in a minute.
pub(super) const PER_MINUTE: usize = 60;

/// What is decided by the settings, and may change while the daemon runs.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Makes the calls.
    pub(crate) sender: Arc<dyn Sender>,
    /// Where people reach the dashboard, for links in messages: `https://logd.example.com`.
    pub(crate) base: String,
    /// The share of errors above which `high_error_rate` is called.
    pub(crate) high_error_rate: f64,
}

/// Who asks. They see what was made by somebody who sees no more than they do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    /// By name.
    pub(crate) user: &'a str,
    /// What they may see.
    pub(crate) scope: &'a Scope,
}

/// The webhooks, silences and calls. Its clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    clock: Clock,
    setup: RwLock<Setup>,
    /// `None` after it has failed, until it can be opened again.
    store: RwLock<Option<Store>>,
    state: RwLock<State>,
    /// Whoever changes something holds it.
    writer: Arc<tokio::sync::Mutex<()>>,
    /// How each receiver is doing.
    paces: Mutex<HashMap<String, Pace>>,
    /// The webhooks that are being called.
    busy: Mutex<BTreeSet<String>>,
    rates: Mutex<Rates>,
    calls: Arc<Semaphore>,
    /// There may be something to do.
    wake: Notify,
}

impl Registry {
    /// Opens what `folder` keeps. What is damaged is put aside, reported, and begun anew.
    ///
    /// # Errors
    /// The file can't be opened or made, for a reason that another file would not mend.
    pub(crate) async fn open(folder: &Path, setup: Setup, clock: Clock) -> anyhow::Result<Self> {
        let path = folder.join("webhooks.redb");
        let (store, state) = spawn_blocking({
            let path = path.clone();
            move || open(&path)
        })
        .await??;
        Ok(Self(Arc::new(Inner {
            path,
            clock,
            setup: RwLock::new(setup),
            store: RwLock::new(Some(store)),
            state: RwLock::new(state),
            writer: Arc::default(),
            paces: Mutex::default(),
            busy: Mutex::default(),
            rates: Mutex::default(),
            calls: Arc::new(Semaphore::new(CALLS)),
            wake: Notify::new(),
        })))
    }

    /// Goes on by other settings.
    pub(crate) fn set(&self, setup: Setup) {
        *self.0.setup.write().unwrap_or_else(PoisonError::into_inner) = setup;
    }

    /// Changes what is kept: in memory and in the store, before this returns. Once begun it is done, even if nobody waits
    /// for it any longer. If the store fails, it is opened again, and what it has is what holds.
    ///
    /// # Errors
    /// Those of `plan`, which has to find them before it changes anything; or the store failed.
    pub(super) async fn edit<T, F>(&self, plan: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Draft<'_>) -> Result<T, Error> + Send + 'static,
    {
        let writer = Arc::clone(&self.0.writer).lock_owned().await;
        let inner = Arc::clone(&self.0);
        let edited = spawn_blocking(move || {
            let _writer = writer;
            inner.edit(plan)
        });
        edited.await.context("a change of the webhooks broke off")?
    }

    /// What is kept, to look at for a moment.
    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn setup(&self) -> Setup {
        self.0.setup.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn now(&self) -> Time {
        self.0.clock.now()
    }

    pub(super) fn paces(&self) -> MutexGuard<'_, HashMap<String, Pace>> {
        self.0.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The webhooks that are being called.
    pub(super) fn busy(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rates(&self) -> MutexGuard<'_, Rates> {
        self.0.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for a call.
    pub(super) fn calls(&self) -> &Arc<Semaphore> {
        &self.0.calls
    }

    pub(super) fn wake(&self) -> &Notify {
        &self.0.wake
    }

    /// What a disk that fails does.
    #[cfg(test)]
    pub(super) fn lose_store(&self) {
        *self.0.store.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The body of a call.
    pub(super) async fn body(&self, webhook: &str, number: u64) -> anyhow::Result<Option<Bytes>> {
        let (inner, webhook) = (Arc::clone(&self.0), webhook.to_owned());
        spawn_blocking(move || {
            let store = inner.store.read().unwrap_or_else(PoisonError::into_inner);
            store.as_ref().context("the store has failed")?.body(&webhook, number)
        })
        .await?
    }
}

impl Inner {
    fn edit<T>(&self, plan: impl FnOnce(&mut Draft<'_>) -> Result<T, Error>) -> Result<T, Error> {
        if self.store.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.reopen()?;
        }
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        let open = store.as_ref().context("the store has failed")?;
        let (result, writes) = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let mut draft = Draft::new(&mut state, open, self.clock.now());
            let result = plan(&mut draft);
            (result, draft.into_writes())
        };
        if writes.is_empty() {
            return result;
        }
        if let Err(error) = open.commit(&writes) {
            drop(store);
            // A database that has failed once takes nothing any more, and memory is ahead of it.
            let reopened = self.reopen();
            let again = if reopened.is_ok() { "opened again" } else { "not to be opened again yet" };
            return Err(error.context(format!("the webhooks can't be written; their file is {again}")).into());
        }
        self.wake.notify_one();
        result
    }

    fn reopen(&self) -> anyhow::Result<()> {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        // A file is opened once at a time.
        *store = None;
        let (opened, state) = open(&self.path)?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        *store = Some(opened);
        Ok(())
    }
}

/// Opens a store; where that is damaged, another. Blocks.
fn open(path: &Path) -> anyhow::Result<(Store, State)> {
    let shown = path.display();
    let opened = std::panic::catch_unwind(|| Store::open(path))
        .unwrap_or_else(|_| Err(Unusable::Damaged("it makes its reader panic".to_owned())));
    let (store, rows) = match opened {
        Err(Unusable::Damaged(reason)) => {
            let aside = set_aside(path)?;
            tracing::error!(
                path = %shown, reason, aside = %aside.display(),
                "The webhooks are damaged: their file is put aside, and there are none until they are registered anew."
            );
            Store::open(path)
        }
        other => other,
    }
    .with_context(|| format!("the webhooks in {shown} can't be opened"))?;
    Ok((store, State::of(&rows)))
}
