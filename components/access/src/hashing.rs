//! argon2id, on threads of its own, a few at a time.
//!
//! A hash costs 19 MiB and some 20 to 40 ms on purpose. So that a flood of logins can't take the machine, two are made
//! at a time, a few wait, and for a time only; whoever comes then is told to come back. A hash that nobody waits for
//! any more goes on to its end and keeps its place until then, for it can't be interrupted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use logd_sdk::settings::{Fault, Secret};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::random;

/// Hashes that are made at the same time.
const AT_ONCE: usize = 2;
/// Those that wait and those that are made.
const MOST_WAITING: usize = 64;
/// How long a login may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The least of OWASP's equal choices is 7 MiB in five passes.
const LEAST_MEMORY_KIB: u32 = 7 * 1024;
const LEAST_WORK_KIB: u64 = 5 * 7 * 1024;
/// What a hash in a file may cost at most.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_WORK_KIB: u64 = 4 * 1024 * 1024;

/// Checks passwords.
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    /// What an unknown user's password is compared with, so that it takes as long as a known one's.
    dummy: Arc<str>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Right,
    Wrong,
    /// It was not checked: too many wait.
    Busy,
}

impl Hasher {
    /// # Errors
    /// There is no randomness or no memory.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let dummy = hash(&Secret::from(random::id()?))?.into();
        Ok(Self { places: Arc::new(Semaphore::new(MOST_WAITING)), turns: Arc::new(Semaphore::new(AT_ONCE)), dummy })
    }

    /// Compares a password with a user's hash, or for as long with nothing.
    pub(crate) async fn check(&self, password: Secret, expected: Option<Arc<str>>) -> Outcome {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Outcome::Busy };
        let is_known = expected.is_some();
        let expected = expected.unwrap_or_else(|| Arc::clone(&self.dummy));
        let turns = Arc::clone(&self.turns);
        let work = async move {
            let turn = turns.acquire_owned().await.ok()?;
            let compare = move || {
                let _held = (place, turn);
                matches(&password, &expected)
            };
            tokio::task::spawn_blocking(compare).await.ok()
        };
        match timeout(DEADLINE, work).await {
            Ok(Some(true)) if is_known => Outcome::Right,
            Ok(Some(_)) => Outcome::Wrong,
            Ok(None) | Err(_) => Outcome::Busy,
        }
    }
}

/// The hash of a password, with a salt of its own, as a PHC string. Takes some 30 ms.
pub(crate) fn hash(password: &Secret) -> anyhow::Result<String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = random::bytes::<16>()?;
    let hash: PasswordHash = argon2
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map_err(|error| anyhow!("{error}"))
        .context("a password can't be hashed")?;
    Ok(hash.to_string())
}

fn matches(password: &Secret, expected: &str) -> bool {
    let Ok(expected) = PasswordHash::new(expected) else { return false };
    Argon2::default().verify_password(password.expose().as_bytes(), &expected).is_ok()
}

/// Whether this is a hash that can be checked, and costs neither too little nor too much.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let help = "it looks like $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH";
    let wrong = |why: &str| Err(Fault::new(why).help(help));
    let Ok(hash) = PasswordHash::new(text) else { return wrong("this is not a PHC string with a hash") };
    if hash.algorithm != argon2::ARGON2ID_IDENT || hash.version != Some(0x13) {
        return wrong("this is not a hash of argon2id, version 19");
    }
    let (Ok(params), Some(_), Some(_)) = (Params::try_from(&hash), &hash.salt, &hash.hash) else {
        return wrong("parameters, salt or hash are missing or wrong");
    };
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() < LEAST_MEMORY_KIB || work < LEAST_WORK_KIB {
        return Err(
            Fault::new("this hash is too cheap to compute").help("use at least m=19456 with t=2, or m=7168 with t=5")
        );
    }
    if params.m_cost() > MOST_MEMORY_KIB || work > MOST_WORK_KIB || params.p_cost() > 16 {
        return Err(Fault::new("this hash costs too much at every login").help("use at most m=262144, t=16 and p=16"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[test]
    fn hashes_are_owasps_and_salted() {
        let (first, second) = (hash(&secret("correct horse")).unwrap(), hash(&secret("correct horse")).unwrap());
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, second);
        assert_eq!(check(&first), Ok(()));
        assert!(matches(&secret("correct horse"), &first) && !matches(&secret("Correct horse"), &first));
    }

    #[test]
    fn reads_what_other_tools_make() {
        // `printf 'correct horse battery' | argon2 saltsaltsalt -id -k 19456 -t 2 -p 1 -e` prints this form.
        let hash = hash(&secret("correct horse battery")).unwrap();
        let parts: Vec<&str> = hash.split('$').collect();
        let with = |algorithm: &str, version: &str, params: &str| {
            check(&format!("${algorithm}${version}${params}${}${}", parts[4], parts[5]))
        };
        assert_eq!(with("argon2id", "v=19", "m=7168,t=5,p=1"), Ok(()));
        assert_eq!(with("argon2id", "v=19", "m=65536,t=3,p=4"), Ok(()));
        for (algorithm, version, params) in [
            ("argon2i", "v=19", "m=19456,t=2,p=1"),
            ("argon2d", "v=19", "m=19456,t=2,p=1"),
            ("argon2id", "v=16", "m=19456,t=2,p=1"),
            ("argon2id", "v=19", "m=19456,t=1,p=1"),
            ("argon2id", "v=19", "m=1024,t=64,p=1"),
            ("argon2id", "v=19", "m=4194304,t=2,p=1"),
            ("argon2id", "v=19", "m=65536,t=1000,p=1"),
            ("scrypt", "v=19", "m=19456,t=2,p=1"),
        ] {
            assert!(with(algorithm, version, params).is_err(), "{algorithm} {version} {params}");
        }
        for text in ["", "secret", "$argon2id$v=19$m=19456,t=2,p=1", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ"] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn unknown_users_are_wrong_whatever_they_say() {
        let hasher = Hasher::new().unwrap();
        let known: Arc<str> = hash(&secret("correct horse")).unwrap().into();
        assert_eq!(hasher.check(secret("correct horse"), Some(Arc::clone(&known))).await, Outcome::Right);
        assert_eq!(hasher.check(secret("battery"), Some(known)).await, Outcome::Wrong);
        assert_eq!(hasher.check(secret("correct horse"), None).await, Outcome::Wrong);
    }

    #[tokio::test]
    async fn so_many_wait_and_no_more() {
        let hasher = Hasher::new().unwrap();
        let held = Arc::clone(&hasher.places).acquire_many_owned(64).await.unwrap();
        assert_eq!(hasher.check(secret("any"), None).await, Outcome::Busy);
        drop(held);
        assert_eq!(hasher.check(secret("any"), None).await, Outcome::Wrong);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let hasher = Hasher::new().unwrap();
        let _held = Arc::clone(&hasher.turns).acquire_many_owned(2).await.unwrap();
        assert_eq!(hasher.check(secret("any"), None).await, Outcome::Busy);
        assert_eq!(hasher.places.available_permits(), MOST_WAITING, "it waits no longer");
    }
}
