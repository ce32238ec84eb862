//! What outlives an access token: refresh tokens, and which logins have been ended.
//!
//! A refresh token is 384 random bits: 128 that name the login it came from, 256 that are the secret. Of the secret
//! only its SHA-256 is kept, and only that of the newest: whoever comes with another one for a login that there is,
//! has one that was used before, or stole, and ends the login (RFC 9700 section 4.14.2). So nothing has to be
//! remembered of used ones.
//!
//! Everything is in memory, and in a file that is written anew after each change: logins are few, for each costs a
//! hash.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logd_sdk::Time;
use logd_sdk::settings::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files;
use crate::random;
use crate::secret;

pub(crate) const FILE: &str = "api-sessions.json";
const VERSION: u32 = 1;
/// Logins that one user can keep alive; with one more, the oldest ends.
const MOST_OF_A_USER: usize = 16;
const MOST_LOGINS: usize = 4096;
const MOST_ENDED: usize = 16_384;
/// Some 200 bytes for each, and room.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// A disk that takes longer than this is not waited for.
const DEADLINE: Duration = Duration::from_secs(5);

/// The logins.
pub(crate) struct Sessions {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    lifetime: Duration,
    /// The number of the last change that is in the file.
    written: Arc<tokio::sync::Mutex<u64>>,
}

#[derive(Debug, Default)]
struct State {
    changes: u64,
    kept: Kept,
}

/// What is in the file.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    /// What it is of the secret that tokens are signed with: another secret ends all logins.
    secret: String,
    /// By the first part of their refresh token.
    logins: BTreeMap<String, Entry>,
    /// Logins, and tokens of an outside issuer, that have been ended, until the last of their tokens has expired.
    ended: BTreeMap<String, Time>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    username: String,
    generation: String,
    began: Time,
    expires_at: Time,
    /// The SHA-256 of the second part of the newest refresh token.
    newest: String,
}

/// A login that goes on, and its new refresh token.
#[derive(Debug)]
pub(crate) struct Renewed {
    pub(crate) session: String,
    pub(crate) username: String,
    pub(crate) generation: String,
    pub(crate) began: Time,
    pub(crate) refresh_token: Secret,
}

impl Sessions {
    /// Reads what was kept. A file that can't be understood is set aside: then everybody logs in again, as after a
    /// change of the secret that tokens are signed with.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn load(path: PathBuf, lifetime: Duration, secret: &Secret) -> anyhow::Result<Self> {
        let secret = secret::keyed(secret, b"sessions")?;
        let kept = match files::read(&path, MOST_BYTES)? {
            None => Kept::default(),
            Some(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
                Ok(kept) if kept.version == VERSION && kept.secret == secret => kept,
                Ok(kept) if kept.version == VERSION => Kept::default(),
                _ => {
                    let aside = path.with_extension("json.damaged");
                    let shown = path.display();
                    tracing::error!(path = %shown, "The logins that were kept can't be read; all have to log in again.");
                    std::fs::rename(&path, &aside).with_context(|| format!("{} can't be renamed", path.display()))?;
                    Kept::default()
                }
            },
        };
        Ok(Self {
            state: Arc::new(Mutex::new(State { changes: 0, kept: Kept { version: VERSION, secret, ..kept } })),
            path,
            lifetime,
            written: Arc::default(),
        })
    }

    /// Begins a login that can be renewed; the answer is its name and first refresh token.
    ///
    /// # Errors
    /// There is no randomness.
    pub(crate) fn begin(&self, username: &str, generation: &str, now: Time) -> anyhow::Result<(String, Secret)> {
        let session = random::id()?;
        let (refresh_token, newest) = make(&session)?;
        let entry = Entry {
            username: username.to_owned(),
            generation: generation.to_owned(),
            began: now,
            expires_at: now.after(self.lifetime),
            newest,
        };
        let mut state = self.state();
        let logins = &mut state.kept.logins;
        logins.retain(|_, entry| entry.expires_at > now);
        let oldest = |logins: &BTreeMap<String, Entry>, of: Option<&str>| {
            let theirs = logins.iter().filter(|(_, entry)| of.is_none_or(|of| entry.username == of));
            theirs.min_by_key(|(_, entry)| entry.began).map(|(session, _)| session.clone())
        };
        if logins.values().filter(|entry| entry.username == username).count() >= MOST_OF_A_USER
            && let Some(session) = oldest(logins, Some(username))
        {
            logins.remove(&session);
        }
        if logins.len() >= MOST_LOGINS
            && let Some(session) = oldest(logins, None)
        {
            logins.remove(&session);
        }
        logins.insert(session.clone(), entry);
        state.changes += 1;
        Ok((session, refresh_token))
    }

    /// Takes a refresh token, and gives the next one. If it was used before, the login ends, and with it all its
    /// tokens, the last of which expires after `access_lifetime`.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(crate) fn renew(
        &self,
        refresh_token: &str,
        now: Time,
        access_lifetime: Duration,
    ) -> Result<Renewed, &'static str> {
        let (session, hash) = take_apart(refresh_token).ok_or("this is no refresh token")?;
        let mut state = self.state();
        let Some(entry) = state.kept.logins.get_mut(&session).filter(|entry| entry.expires_at > now) else {
            return Err("there is no such login, or it has ended");
        };
        if entry.newest != hash {
            let username = entry.username.clone();
            state.end(&session, now.after(access_lifetime), now);
            tracing::warn!(
                username,
                "A refresh token was used twice, which may mean that it was stolen; its login ends."
            );
            return Err("it was used before");
        }
        let (next, newest) = make(&session).map_err(|_| "the system has no randomness to give")?;
        entry.newest = newest;
        let Entry { username, generation, began, .. } = entry.clone();
        state.changes += 1;
        Ok(Renewed { session, username, generation, began, refresh_token: next })
    }

    /// Ends a login or a token; it is remembered until `until`, when the last of its tokens has expired.
    pub(crate) fn end(&self, session: &str, until: Time, now: Time) {
        self.state().end(session, until, now);
    }

    /// Whether it has been ended.
    pub(crate) fn has_ended(&self, session: &str) -> bool {
        self.state().kept.ended.contains_key(session)
    }

    /// How long a login can be renewed.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Forgets what has expired, and logins of users that are not what they were.
    pub(crate) fn tend(&self, now: Time, is_current: impl Fn(&str, &str) -> bool) {
        let mut state = self.state();
        let count = |kept: &Kept| kept.logins.len() + kept.ended.len();
        let before = count(&state.kept);
        state.kept.logins.retain(|_, entry| entry.expires_at > now && is_current(&entry.username, &entry.generation));
        state.kept.ended.retain(|_, until| *until > now);
        if count(&state.kept) != before {
            state.changes += 1;
        }
    }

    /// Writes the file if there is something new. What has changed meanwhile goes with it, so that of many who wait
    /// most find it done.
    ///
    /// # Errors
    /// It can't be written, or takes too long. What is in memory holds.
    pub(crate) async fn keep(&self) -> anyhow::Result<()> {
        let wanted = self.state().changes;
        let (state, path) = (Arc::clone(&self.state), self.path.clone());
        let written = Arc::clone(&self.written);
        let work = async move {
            let mut written = written.lock_owned().await;
            if *written >= wanted {
                return Ok(());
            }
            // The lock goes with the work: nobody writes beside one that takes too long.
            let write = move || {
                let (changes, json) = {
                    let state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    (state.changes, serde_json::to_vec(&state.kept)?)
                };
                files::write(&path, &json)?;
                *written = changes;
                anyhow::Ok(())
            };
            tokio::task::spawn_blocking(write).await?
        };
        tokio::time::timeout(DEADLINE, work).await.context("the disk takes too long")?
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self, session: &str, until: Time, now: Time) {
        self.kept.logins.remove(session);
        let ended = &mut self.kept.ended;
        if ended.len() >= MOST_ENDED {
            ended.retain(|_, until| *until > now);
        }
        // Only those who were let in can end anything, so this many are no stranger's doing. The one that is forgotten
        // is the one that matters for the shortest time.
        if ended.len() >= MOST_ENDED
            && let Some(first) = ended.iter().min_by_key(|(_, until)| **until).map(|(session, _)| session.clone())
        {
            tracing::warn!("So many logins have been ended that one of them had to be forgotten.");
            ended.remove(&first);
        }
        ended.insert(session.to_owned(), until);
        self.changes += 1;
    }
}

/// A refresh token of this login, and the hash that is kept of it.
fn make(session: &str) -> anyhow::Result<(Secret, String)> {
    let secret = random::bytes::<32>()?;
    let token = format!("{session}.{}", URL_SAFE_NO_PAD.encode(secret));
    Ok((Secret::from(token), digest(&secret)))
}

/// The login that a refresh token is of, and the hash of its secret.
fn take_apart(token: &str) -> Option<(String, String)> {
    let (session, secret) = token.split_once('.').filter(|_| token.len() == 22 + 1 + 43)?;
    let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
    Some((session.to_owned(), digest(&secret)))
}

/// The secret is random, so that neither salt nor cost is needed, and how long a comparison takes tells nothing.
fn digest(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests;
