//! All users: those of `logd.toml` and those of the file, which may change at any time.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::settings::Secret;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::files::Stamp;
use crate::hashing;
use crate::identity::Login;
use crate::role::{Role, Scope};
use crate::secret;
use crate::settings::UserSettings;
use crate::store::{Account, UserStore};

/// How often the file is looked at for the sake of a token.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A disk that takes longer than this is not waited for.
const DEADLINE: Duration = Duration::from_secs(5);

/// The users.
pub(crate) struct Users {
    configured: BTreeMap<String, User>,
    store: UserStore,
    stored: RwLock<BTreeMap<String, Account>>,
    looked: Mutex<Looked>,
}

/// What was seen of the file.
struct Looked {
    at: Instant,
    stamp: Option<Stamp>,
}

/// A user, wherever it stands.
#[derive(Clone)]
struct User {
    password_hash: Arc<str>,
    role: Role,
    scope: Scope,
    generation: String,
}

impl Users {
    /// Takes those of `logd.toml`, and reads the file. Blocks, some 30 ms for each password in `logd.toml`.
    ///
    /// # Errors
    /// The settings have not been checked, or the file can't be read or understood.
    pub(crate) fn load(
        configured: &BTreeMap<String, UserSettings>,
        key: &Secret,
        store: UserStore,
    ) -> anyhow::Result<Self> {
        let user = |(name, settings): (&String, &UserSettings)| {
            User::configured(name, settings, key).map(|user| (name.clone(), user))
        };
        let configured = configured.iter().map(user).collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        // In this order: what changes in between is read once more, never missed.
        let stamp = store.stamp().context("the users' file can't be looked at")?;
        let stored = store.accounts()?.unwrap_or_default();
        for name in stored.keys().filter(|name| configured.contains_key(*name)) {
            tracing::warn!(username = name, "A user stands in logd.toml and in data_dir; the one in logd.toml holds.");
        }
        let looked = Looked { at: Instant::now(), stamp };
        Ok(Self { configured, store, stored: RwLock::new(stored), looked: Mutex::new(looked) })
    }

    /// Reads the file again if it has changed, looking at it now.
    pub(crate) async fn look(&self) {
        let mut looked = self.looked.lock().await;
        self.read(&mut looked).await;
    }

    /// Reads the file again if it has changed, looking at it once a second at most.
    pub(crate) async fn look_sometimes(&self) {
        // Whoever finds somebody else at it goes on with what is known.
        if let Ok(mut looked) = self.looked.try_lock()
            && looked.at.elapsed() >= LOOK_EVERY
        {
            self.read(&mut looked).await;
        }
    }

    /// The hash of a user's password, and who logs in with it.
    pub(crate) fn find(&self, name: &str) -> Option<(Arc<str>, Login)> {
        let user = self.configured.get(name).cloned().or_else(|| {
            let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
            stored.get(name).map(User::from)
        })?;
        let User { password_hash, role, scope, generation } = user;
        Some((password_hash, Login { username: name.to_owned(), role, scope, generation }))
    }

    /// Whether the user is still what it was.
    pub(crate) fn is_current(&self, name: &str, generation: &str) -> bool {
        match self.configured.get(name) {
            Some(user) => user.generation == generation,
            None => {
                let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
                stored.get(name).is_some_and(|account| account.generation == generation)
            }
        }
    }

    /// A file that can't be read leaves the users as they were: a slip of an editor must not lock everybody out.
    async fn read(&self, looked: &mut Looked) {
        looked.at = Instant::now();
        let (store, before) = (self.store.clone(), looked.stamp);
        let work = tokio::task::spawn_blocking(move || {
            let stamp = store.stamp()?;
            let changed = (stamp != before).then(|| store.accounts()).transpose();
            anyhow::Ok((stamp, changed))
        });
        let found = match timeout(DEADLINE, work).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(anyhow::anyhow!("the disk takes too long")),
        };
        match found {
            Ok((stamp, Ok(accounts))) => {
                looked.stamp = stamp;
                if let Some(accounts) = accounts {
                    let accounts = accounts.unwrap_or_default();
                    tracing::info!(users = accounts.len(), "The users have changed.");
                    *self.stored.write().unwrap_or_else(PoisonError::into_inner) = accounts;
                }
            }
            // Said once for each version of the file.
            Ok((stamp, Err(error))) => {
                looked.stamp = stamp;
                tracing::error!(
                    error = format!("{error:#}"),
                    "The changed users can't be read; they stay as they were."
                );
            }
            Err(error) => tracing::error!(error = format!("{error:#}"), "The users can't be looked at."),
        }
    }
}

impl User {
    /// Their generation has to be the same after a restart, and another one after any change. It is in tokens, so that
    /// it must not help to guess the password: it is keyed.
    fn configured(name: &str, settings: &UserSettings, key: &Secret) -> anyhow::Result<Self> {
        let (written, password_hash) = match (&settings.password, &settings.password_hash) {
            (Some(password), None) => (password, hashing::hash(password)?.into()),
            (None, Some(hash)) => (hash, hash.expose().into()),
            _ => anyhow::bail!("the user `{name}` needs a `password` or a `password_hash`"),
        };
        let (role, scope) = (settings.role, settings.scope());
        let all = serde_json::to_vec(&("generation", name, written.expose(), role, &scope))?;
        let generation = secret::keyed(key, &all)?;
        Ok(Self { password_hash, role, scope, generation })
    }
}

impl From<&Account> for User {
    fn from(account: &Account) -> Self {
        Self {
            password_hash: Arc::clone(&account.password_hash),
            role: account.role,
            scope: account.scope.clone(),
            generation: account.generation.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
