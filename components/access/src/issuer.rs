//! Tokens of an outside issuer: whose keys they are signed with, and what their claims say.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::BoxFuture;
use jsonwebtoken::DecodingKey;
use logd_sdk::Time;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::claims::{self, Claims};
use crate::identity::{Identity, Origin};
use crate::jwks::{self, KeySet};
use crate::jws::Jws;
use crate::role::Role;
use crate::settings::{IssuerAlgorithm, IssuerSettings};

/// How long a fetch may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// From one fetch to the next, however many tokens name keys that are not known.
const FETCH_EVERY: Duration = Duration::from_secs(60);
/// While there are no keys at all, nobody can get in: then it is tried more often.
const FETCH_FIRST_EVERY: Duration = Duration::from_secs(5);
/// So old keys are fetched again, for one of them may have been taken back.
const RENEW_AFTER: Duration = Duration::from_secs(3600);
/// So old keys are used no more.
const FORGET_AFTER: Duration = Duration::from_secs(24 * 3600);
const LONGEST_NAME: usize = 256;

/// Fetches the key set of an outside issuer.
pub trait FetchJwks: Send + Sync + 'static {
    /// Gets what is at `url`, with the status 200 and without following redirects. Of more than `most_bytes` no more
    /// need be read: an answer of that length is refused. It may take five seconds, then it is dropped.
    ///
    /// # Errors
    /// It can't be had. The error is logged.
    fn fetch<'a>(&'a self, url: &'a str, most_bytes: usize) -> BoxFuture<'a, anyhow::Result<Vec<u8>>>;
}

/// The outside issuer.
pub(crate) struct Issuer {
    settings: IssuerSettings,
    keys: Keys,
}

/// Where its keys are.
enum Keys {
    /// In the settings.
    Fixed(KeySet),
    /// Behind a URL.
    Fetched(Arc<Remote>),
}

/// Keys behind a URL.
struct Remote {
    url: String,
    algorithm: IssuerAlgorithm,
    fetch: Arc<dyn FetchJwks>,
    found: RwLock<Option<Found>>,
    /// When they were asked for last; held while they are.
    tried: Mutex<Option<Instant>>,
}

/// What was fetched.
#[derive(Clone)]
struct Found {
    keys: Arc<KeySet>,
    at: Instant,
}

impl Issuer {
    /// # Errors
    /// The settings have not been checked, or `fetch` is needed and missing.
    pub(crate) fn new(settings: IssuerSettings, fetch: Option<Arc<dyn FetchJwks>>) -> anyhow::Result<Self> {
        let keys = match (&settings.jwks_file, &settings.jwks_url) {
            (Some(file), None) => {
                let text = file.text().with_context(|| format!("{} has not been read", file.path().display()))?;
                let keys = KeySet::parse(text.as_bytes(), settings.algorithm);
                Keys::Fixed(keys.map_err(|fault| anyhow!("{}: {}", file.path().display(), fault.message))?)
            }
            (None, Some(url)) => Keys::Fetched(Arc::new(Remote {
                url: url.clone(),
                algorithm: settings.algorithm,
                fetch: fetch.context("nobody fetches `issuer.jwks_url`")?,
                found: RwLock::default(),
                tried: Mutex::default(),
            })),
            _ => anyhow::bail!("the issuer needs a `jwks_file` or a `jwks_url`"),
        };
        Ok(Self { settings, keys })
    }

    /// Whether a token says to be signed as this issuer signs.
    pub(crate) fn signs(&self, token: &Jws<'_>) -> bool {
        token.is(self.settings.algorithm.name())
    }

    /// Who a token says that somebody is, if it is this issuer's and valid now.
    ///
    /// # Errors
    /// What is wrong with it, for the log.
    pub(crate) async fn read(&self, token: &Jws<'_>, now: Time) -> Result<Identity, &'static str> {
        let algorithm = self.settings.algorithm;
        let key = self.key(token.key_id()).await.ok_or("its key is not known")?;
        let payload =
            token.verify(&key, algorithm.name(), jwks::algorithm(algorithm)).ok_or("its signature is wrong")?;
        let Claims { all, expires_at } = claims::check(&payload, &self.settings.url, &self.settings.audience, now)?;
        let username = claim(&all, &self.settings.username_claim).and_then(Value::as_str);
        let username = username
            .filter(|name| (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control))
            .ok_or("it has no user name, or one that can't be shown")?;
        let set = |name: &Option<String>| name.as_ref().map(|name| words(claim(&all, name)));
        Ok(Identity {
            username: username.to_owned(),
            role: self.role(&all),
            services: set(&self.settings.services_claim),
            pipelines: set(&self.settings.pipelines_claim),
            expires_at,
            origin: Origin::Issuer,
            // Not of the whole token: a signature can be written in several ways.
            session: URL_SAFE_NO_PAD.encode(Sha256::digest(token.signed())),
            began: now,
            generation: String::new(),
        })
    }

    /// Fetches the keys again if they are getting old.
    pub(crate) async fn tend(&self) {
        if let Keys::Fetched(remote) = &self.keys
            && remote.found().is_some_and(|found| found.is_older(RENEW_AFTER))
        {
            Arc::clone(remote).renew(None).await;
        }
    }

    fn role(&self, claims: &Map<String, Value>) -> Role {
        let value = match &self.settings.role_claim {
            Some(name) => claim(claims, name),
            None => ["role", "roles", "groups"].iter().find_map(|name| claims.get(*name)),
        };
        if words(value).contains(&self.settings.admin_value) { Role::Admin } else { Role::Viewer }
    }

    /// The key of this name, which may have to be fetched.
    async fn key(&self, id: Option<&str>) -> Option<DecodingKey> {
        let remote = match &self.keys {
            Keys::Fixed(keys) => return keys.find(id).cloned(),
            Keys::Fetched(remote) => remote,
        };
        let is_enough =
            |found: &Found| !found.is_older(FORGET_AFTER) && (id.is_none() || found.keys.find(id).is_some());
        let found = match remote.found() {
            Some(found) if is_enough(&found) => found,
            found => {
                let known = found.map(|found| found.at);
                // A task of its own: who gives up waiting must not stop it for those who wait as well.
                let renewed = tokio::spawn(Arc::clone(remote).renew(known)).await.ok()?;
                renewed.filter(|found| !found.is_older(FORGET_AFTER))?
            }
        };
        found.keys.find(id).cloned()
    }
}

impl Remote {
    fn found(&self) -> Option<Found> {
        self.found.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the keys, unless somebody has done so since `known`, or it is too soon; then the answer is what there
    /// is.
    async fn renew(self: Arc<Self>, known: Option<Instant>) -> Option<Found> {
        let mut tried = self.tried.lock().await;
        let newest = self.found();
        if newest.as_ref().zip(known).is_some_and(|(newest, known)| newest.at > known) {
            return newest;
        }
        let pause = if newest.is_some() { FETCH_EVERY } else { FETCH_FIRST_EVERY };
        if tried.is_some_and(|tried| tried.elapsed() < pause) {
            return newest;
        }
        *tried = Some(Instant::now());
        let url = &self.url;
        let answer = timeout(DEADLINE, self.fetch.fetch(url, jwks::LONGEST)).await;
        let keys = answer
            .context("it takes too long")
            .and_then(|answer| answer)
            .and_then(|bytes| KeySet::parse(&bytes, self.algorithm).map_err(|fault| anyhow!(fault.message)));
        match keys {
            Ok(keys) => {
                for why in &keys.left_out {
                    tracing::warn!(url, why, "A key of the outside issuer is not used.");
                }
                let new = Some(Found { keys: Arc::new(keys), at: Instant::now() });
                self.found.write().unwrap_or_else(PoisonError::into_inner).clone_from(&new);
                new
            }
            Err(error) => {
                tracing::warn!(url, error = format!("{error:#}"), "The keys of the outside issuer can't be fetched.");
                newest
            }
        }
    }
}

impl Found {
    fn is_older(&self, than: Duration) -> bool {
        self.at.elapsed() > than
    }
}

/// A claim by its name, or by the names on the way to it with dots between.
fn claim<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}

/// The texts in a claim: one, or several in an array. All else is none.
fn words(value: Option<&Value>) -> BTreeSet<String> {
    match value {
        Some(Value::String(one)) => BTreeSet::from([one.clone()]),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests;
