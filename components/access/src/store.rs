//! The users that `logd user` manages: `data_dir/users.json`.
//!
//! Its writers, the command and the daemon at its first start, take a lock beside it, read it, and put a new version
//! in its place. Readers need no lock: what they see is whole.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use logd_sdk::Time;
use logd_sdk::settings::Secret;
use serde::{Deserialize, Serialize};

use crate::access::FirstAdmin;
use crate::files::{self, Stamp};
use crate::hashing;
use crate::password::{check_name, check_password, random_password};
use crate::random;
use crate::role::{Role, Scope};

const FILE: &str = "users.json";
const LOCK: &str = "users.lock";
const VERSION: u32 = 1;
const MOST_BYTES: u64 = 8 * 1024 * 1024;
const MOST_USERS: usize = 10_000;
/// How long another writer is waited for: none takes longer than a hash.
const PATIENCE: Duration = Duration::from_secs(5);
const TURN: Duration = Duration::from_millis(20);
/// The user that is made at the first start.
const FIRST: &str = "admin";

/// The users in a `data_dir`. All of this blocks, some 30 ms where there is a password.
#[derive(Clone, Debug)]
pub struct UserStore {
    folder: PathBuf,
}

/// A user as `logd user list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredUser {
    /// The name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// What the user may see.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub changed_at: Time,
}

/// One user in the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) password_hash: Arc<str>,
    pub(crate) role: Role,
    #[serde(default, skip_serializing_if = "Scope::is_all")]
    pub(crate) scope: Scope,
    /// New with each change; it is in every token.
    pub(crate) generation: String,
    created_at: Time,
    changed_at: Time,
}

/// What is in the file.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    users: BTreeMap<String, Account>,
}

impl UserStore {
    /// The users of this `data_dir`, which need not be there.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.to_owned() }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// The file can't be read or understood.
    pub fn list(&self) -> anyhow::Result<Vec<StoredUser>> {
        let shown = |(name, account): (String, Account)| StoredUser {
            name,
            role: account.role,
            scope: account.scope,
            created_at: account.created_at,
            changed_at: account.changed_at,
        };
        Ok(self.accounts()?.unwrap_or_default().into_iter().map(shown).collect())
    }

    /// Adds a user.
    ///
    /// # Errors
    /// Name, password or scope are not allowed, there is such a user, or the file can't be changed.
    pub fn add(&self, name: &str, password: &Secret, role: Role, scope: Scope, now: Time) -> anyhow::Result<()> {
        for checked in [check_name(name), check_password(name, password.expose()), scope.check()] {
            checked.map_err(|fault| with_help(fault.message, fault.help))?;
        }
        let account = Account::new(password, role, scope, now)?;
        self.change(|users| {
            if users.contains_key(name) {
                bail!("there is a user `{name}`; `logd user passwd {name}` gives it another password");
            }
            if users.len() >= MOST_USERS {
                bail!("there are {MOST_USERS} users, and no more fit");
            }
            users.insert(name.to_owned(), account);
            Ok(())
        })
    }

    /// Gives a user another password, and ends all its sessions.
    ///
    /// # Errors
    /// The password is not allowed, there is no such user, or the file can't be changed.
    pub fn set_password(&self, name: &str, password: &Secret, now: Time) -> anyhow::Result<()> {
        check_password(name, password.expose()).map_err(|fault| with_help(fault.message, fault.help))?;
        let new = Account::new(password, Role::Viewer, Scope::all(), now)?;
        self.change(|users| {
            let Some(account) = users.get_mut(name) else { bail!("there is no user `{name}`") };
            account.password_hash = new.password_hash;
            account.generation = new.generation;
            account.changed_at = now;
            Ok(())
        })
    }

    /// Removes a user, and ends all its sessions.
    ///
    /// # Errors
    /// There is no such user, or the file can't be changed.
    pub fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.change(|users| users.remove(name).map(drop).with_context(|| format!("there is no user `{name}`")))
    }

    /// Makes the first user, unless there has ever been one.
    pub(crate) fn make_first(&self, now: Time) -> anyhow::Result<Option<FirstAdmin>> {
        if self.accounts()?.is_some() {
            return Ok(None);
        }
        let password = random_password()?;
        let account = Account::new(&password, Role::Admin, Scope::all(), now)?;
        let mut is_made = false;
        self.change(|users| {
            if users.is_empty() {
                users.insert(FIRST.to_owned(), account);
                is_made = true;
            }
            Ok(())
        })?;
        Ok(is_made.then(|| FirstAdmin { username: FIRST.to_owned(), password }))
    }

    /// Those in the file; `None` if there is no file.
    pub(crate) fn accounts(&self) -> anyhow::Result<Option<BTreeMap<String, Account>>> {
        let path = self.path();
        let Some(bytes) = files::read(&path, MOST_BYTES)? else { return Ok(None) };
        let content: Content = serde_json::from_slice(&bytes)
            .map_err(|error| anyhow!("{} can't be understood: {error}", path.display()))?;
        if content.version != VERSION {
            bail!("{} is of another version of logd ({})", path.display(), content.version);
        }
        Ok(Some(content.users))
    }

    /// Tells whether the file has changed.
    pub(crate) fn stamp(&self) -> std::io::Result<Option<Stamp>> {
        Stamp::of(&self.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Changes the file while nobody else does.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Account>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        files::make_folder(&self.folder)?;
        let _held = self.lock()?;
        let mut users = self.accounts()?.unwrap_or_default();
        change(&mut users)?;
        let mut json = serde_json::to_vec_pretty(&Content { version: VERSION, users })?;
        json.push(b'\n');
        files::write(&self.path(), &json)
    }

    /// The kernel lets the lock go with the process, however that ends.
    fn lock(&self) -> anyhow::Result<File> {
        let path = self.folder.join(LOCK);
        let open = || {
            let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            files::keep_owner(&lock, &path, &self.folder)?;
            Ok::<_, std::io::Error>(lock)
        };
        let lock = open().with_context(|| format!("{} can't be written", path.display()))?;
        for _ in 0..PATIENCE.as_millis() / TURN.as_millis() {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => std::thread::sleep(TURN),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("{} can't be locked", path.display()));
                }
            }
        }
        bail!("somebody else has been changing users for {} s", PATIENCE.as_secs())
    }
}

impl Account {
    fn new(password: &Secret, role: Role, scope: Scope, now: Time) -> anyhow::Result<Self> {
        let password_hash = hashing::hash(password)?.into();
        Ok(Self { password_hash, role, scope, generation: random::id()?, created_at: now, changed_at: now })
    }
}

fn with_help(message: String, help: Option<String>) -> anyhow::Error {
    match help {
        Some(help) => anyhow!("{message}: {help}"),
        None => anyhow!(message),
    }
}

#[cfg(test)]
mod tests;
