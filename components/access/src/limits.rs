//! How often a password, or a token, may be guessed.
//!
//! Failures are counted by user name and by address. From the fifth on each doubles the time until the next attempt is
//! looked at. An attempt counts as failed until it has succeeded: a thousand at the same time are not a thousand
//! guesses.
//!
//! Whoever fails on purpose locks others out. So for a name the wait is short (30 s: still fewer than 3,000 guesses a
//! day), and does not hold for addresses from which the user has logged in before; for an address it is up to 15
//! minutes.
//!
//! Tokens are counted apart: nobody can guess one, but who keeps trying costs work and fills the log. Only refusals are
//! counted, and only they wait, so that valid tokens from the same address are not concerned.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures without a wait.
const FREE: u32 = 5;
const LONGEST_FOR_NAME: Duration = Duration::from_secs(30);
const LONGEST_FOR_PEER: Duration = Duration::from_secs(15 * 60);
/// After so long without a failure all is forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30 * 60);
/// So long after a login an address is known as the user's.
const KNOWN_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// Names, and addresses, that are remembered.
const MOST: usize = 4096;

/// Counts failed logins.
pub(crate) struct Limits(Mutex<State>);

struct State {
    names: Counts<String>,
    peers: Counts<IpAddr>,
    /// Refused tokens by address.
    tokens: Counts<IpAddr>,
    /// Who has logged in from where.
    known: Counts<(String, IpAddr)>,
}

/// Something counted by key, and forgotten when it has not happened for a while.
struct Counts<K> {
    counts: HashMap<K, Count>,
    memory: Duration,
}

#[derive(Clone, Copy)]
struct Count {
    number: u32,
    last: Instant,
}

impl Limits {
    /// Whether an attempt may be made now, which counts as failed until [`succeeded`](Self::succeeded).
    ///
    /// # Errors
    /// How long to wait; at least a second.
    pub(crate) fn begin(&self, name: &str, peer: IpAddr) -> Result<(), Duration> {
        let (now, peer) = (Instant::now(), network(peer));
        let mut state = self.state();
        let for_peer = state.peers.wait(&peer, LONGEST_FOR_PEER, now);
        let is_known = state.known.get(&(name.to_owned(), peer), now).is_some();
        let for_name = if is_known { Duration::ZERO } else { state.names.wait(name, LONGEST_FOR_NAME, now) };
        whole_seconds(for_peer.max(for_name))?;
        state.peers.add(peer, now);
        state.names.add(name.to_owned(), now);
        Ok(())
    }

    /// The password was right. For the address that undoes the attempt and no more: with an account of one's own nobody
    /// gets more guesses at those of others.
    pub(crate) fn succeeded(&self, name: &str, peer: IpAddr) {
        let peer = network(peer);
        let mut state = self.state();
        state.names.counts.remove(name);
        state.peers.undo(&peer);
        state.known.add((name.to_owned(), peer), Instant::now());
    }

    /// The attempt was not looked at.
    pub(crate) fn undo(&self, name: &str, peer: IpAddr) {
        let mut state = self.state();
        state.names.undo(name);
        state.peers.undo(&network(peer));
    }

    /// A token from this address was refused.
    ///
    /// # Errors
    /// It came before its time, and is not counted: how long to wait; at least a second.
    pub(crate) fn refused_token(&self, peer: IpAddr) -> Result<(), Duration> {
        let (now, peer) = (Instant::now(), network(peer));
        let mut state = self.state();
        whole_seconds(state.tokens.wait(&peer, LONGEST_FOR_PEER, now))?;
        state.tokens.add(peer, now);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Counts<K> {
    fn new(memory: Duration) -> Self {
        Self { counts: HashMap::new(), memory }
    }

    fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Instant) -> Option<Count>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.counts.get(key).copied().filter(|count| now.duration_since(count.last) < self.memory)
    }

    /// How long it is until the next may be made.
    fn wait<Q: Eq + Hash + ?Sized>(&self, key: &Q, longest: Duration, now: Instant) -> Duration
    where
        K: std::borrow::Borrow<Q>,
    {
        let Some(Count { number, last }) = self.get(key, now).filter(|count| count.number >= FREE) else {
            return Duration::ZERO;
        };
        let wait = Duration::from_secs(1_u64 << (number - FREE).min(16)).min(longest);
        wait.saturating_sub(now.duration_since(last))
    }

    fn add(&mut self, key: K, now: Instant) {
        if self.counts.len() >= MOST && !self.counts.contains_key(&key) {
            self.make_room(now);
        }
        let count = self.counts.entry(key).or_insert(Count { number: 0, last: now });
        if now.duration_since(count.last) >= self.memory {
            count.number = 0;
        }
        *count = Count { number: count.number.saturating_add(1), last: now };
    }

    fn undo<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        if let Some(count) = self.counts.get_mut(key) {
            count.number = count.number.saturating_sub(1);
            if count.number == 0 {
                self.counts.remove(key);
            }
        }
    }

    /// Forgets what is old, or else what matters least, so that many new keys don't push out one that is being waited
    /// for.
    fn make_room(&mut self, now: Instant) {
        self.counts.retain(|_, count| now.duration_since(count.last) < self.memory);
        if self.counts.len() >= MOST
            && let Some(key) =
                self.counts.iter().min_by_key(|(_, count)| (count.number, count.last)).map(|(key, _)| key.clone())
        {
            self.counts.remove(&key);
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self(Mutex::new(State {
            names: Counts::new(FORGIVEN_AFTER),
            peers: Counts::new(FORGIVEN_AFTER),
            tokens: Counts::new(FORGIVEN_AFTER),
            known: Counts::new(KNOWN_FOR),
        }))
    }
}

/// A wait that is one, as it is told: in seconds, rounded up.
fn whole_seconds(wait: Duration) -> Result<(), Duration> {
    if wait.is_zero() { Ok(()) } else { Err(Duration::from_secs(wait.as_secs_f64().ceil() as u64)) }
}

/// The address that stands for a peer: with IPv6 everybody has 2^64 of them.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests;
