//! `Idempotency-Key`: a request that a client sends again is answered as the first was, and not taken again.
//!
//! A client that gets no answer can't know whether its request was taken. If it has given the request a key it may just
//! send it again. Keys stand in the records of the log, so that they outlive the process; here are those of the last
//! hour, or the last 100,000.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logd_sdk::Time;
use logd_sdk::http::Refusal;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// So many keys are known at most, the last ones.
const MOST: usize = 100_000;

/// A key is known for so long, in microseconds: an hour.
pub(super) const AGE: i64 = 3_600_000_000;

/// What names a request: its path, what the client calls it, and its body. (Whoever is let in has the same credentials.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// A hash of path and key.
    name: u128,
    /// A hash of the body.
    body: u64,
}

impl Key {
    /// The key `key` of a request with this body to `path`.
    pub(crate) fn new(path: &str, key: &[u8], body: &[u8]) -> Self {
        // No path has a blank in it.
        Self { name: xxh3_128(&[path.as_bytes(), b" ", key].concat()), body: xxh3_64(body) }
    }
}

/// What became of a request.
pub(crate) type Fate = Option<Result<u64, Refusal>>;

/// What a claim of a key has found.
pub(crate) enum Claim {
    /// Nobody has it: whoever claimed it takes the request, and tells what became of it.
    New(watch::Sender<Fate>),
    /// A request with it is being taken. What is received is its fate.
    Open(watch::Receiver<Fate>),
    /// A request with it is the record of this number.
    Taken(u64),
    /// Another request has it.
    Other,
}

/// The keys of requests that were taken, or are being taken.
#[derive(Debug)]
pub(crate) struct Keys {
    known: Mutex<Known>,
    loaded: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<u128, Entry>,
    /// When those came in that were taken, by the numbers of their records.
    taken: BTreeMap<u64, (u128, Time)>,
}

#[derive(Debug)]
struct Entry {
    body: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(watch::Receiver<Fate>),
    Taken(u64),
}

impl Keys {
    /// None yet. Claims wait until those that an earlier process has left are [loaded](Self::set_loaded).
    pub(crate) fn new() -> Self {
        Self { known: Mutex::default(), loaded: watch::channel(false).0 }
    }

    /// All that an earlier process has left are known.
    pub(crate) fn set_loaded(&self) {
        self.loaded.send_replace(true);
    }

    /// Claims a key, once all are known.
    pub(crate) async fn claim(&self, key: Key) -> Claim {
        // The sender is `self`'s own.
        let _ = self.loaded.subscribe().wait_for(|loaded| *loaded).await;
        let mut known = self.known();
        if let Some(Entry { body, state }) = known.by_name.get(&key.name) {
            match state {
                // Whoever had it has ended without a word.
                State::Open(fate) if fate.has_changed().is_err() && fate.borrow().is_none() => {}
                _ if *body != key.body => return Claim::Other,
                State::Open(fate) => return Claim::Open(fate.clone()),
                State::Taken(number) => return Claim::Taken(*number),
            }
        }
        let (fate, open) = watch::channel(None);
        known.by_name.insert(key.name, Entry { body: key.body, state: State::Open(open) });
        Claim::New(fate)
    }

    /// The request with this key is the record `number`, and came in at `received`.
    pub(crate) fn taken(&self, key: Key, number: u64, received: Time) {
        let mut known = self.known();
        known.by_name.insert(key.name, Entry { body: key.body, state: State::Taken(number) });
        known.taken.insert(number, (key.name, received));
        while known.taken.len() > MOST {
            known.forget_first();
        }
    }

    /// The request with this key was not taken: it may be sent again.
    pub(crate) fn refused(&self, key: Key) {
        self.known().by_name.remove(&key.name);
    }

    /// The record of the oldest request whose key is known at this time of day. Forgets those that are too old.
    pub(crate) fn oldest(&self, now: Time) -> Option<u64> {
        let mut known = self.known();
        loop {
            let (&number, &(_, received)) = known.taken.first_key_value()?;
            if now.as_micros().saturating_sub(received.as_micros()) < AGE {
                return Some(number);
            }
            known.forget_first();
        }
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget_first(&mut self) {
        let Some((number, (name, _))) = self.taken.pop_first() else { return };
        let is_it = |entry: &Entry| matches!(entry.state, State::Taken(taken) if taken == number);
        if self.by_name.get(&name).is_some_and(is_it) {
            self.by_name.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Time {
        Time::from_micros(micros)
    }

    fn key(name: &str) -> Key {
        Key::new("/", name.as_bytes(), b"body")
    }

    #[tokio::test]
    async fn a_key_is_for_one_request() {
        let keys = Keys::new();
        keys.set_loaded();
        let Claim::New(fate) = keys.claim(key("one")).await else { panic!("it is new") };
        let Claim::Open(mut open) = keys.claim(key("one")).await else { panic!("it is being taken") };
        assert!(matches!(keys.claim(Key::new("/", b"one", b"other")).await, Claim::Other));
        assert!(matches!(keys.claim(Key::new("/logs", b"one", b"body")).await, Claim::New(_)), "another path");
        keys.taken(key("one"), 7, at(0));
        fate.send_replace(Some(Ok(7)));
        assert_eq!(*open.wait_for(Option::is_some).await.unwrap(), Some(Ok(7)));
        assert!(matches!(keys.claim(key("one")).await, Claim::Taken(7)));
    }

    #[tokio::test]
    async fn what_was_refused_or_forgotten_halfway_may_come_again() {
        let keys = Keys::new();
        keys.set_loaded();
        let Claim::New(fate) = keys.claim(key("one")).await else { panic!("it is new") };
        keys.refused(key("one"));
        drop(fate);
        let Claim::New(fate) = keys.claim(key("one")).await else { panic!("it was refused") };
        drop(fate);
        assert!(matches!(keys.claim(key("one")).await, Claim::New(_)), "it has no fate");
    }

    #[tokio::test]
    async fn keys_are_forgotten_by_age_and_number() {
        let keys = Keys::new();
        keys.set_loaded();
        for number in 0..=MOST as u64 {
            keys.taken(key(&number.to_string()), number, at(number as i64));
        }
        assert!(matches!(keys.claim(key("0")).await, Claim::New(_)));
        assert!(matches!(keys.claim(key("1")).await, Claim::Taken(1)));
        assert_eq!(keys.oldest(at(AGE)), Some(1));
        assert_eq!(keys.oldest(at(AGE + 9)), Some(10));
        assert!(matches!(keys.claim(key("9")).await, Claim::New(_)));
        assert_eq!(keys.oldest(at(2 * AGE)), None);
        assert!(keys.known().taken.is_empty());
    }
}
