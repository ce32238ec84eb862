//! Where events of the `http` sink arrive: a receiver that counts each of them, and can be away, slow, or silent.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::support::server::{Request, Server};

/// How it takes requests.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mood {
    /// At once.
    Quick,
    /// After this long.
    Slow(Duration),
    /// Not at all: it says nothing, until its mood changes.
    Silent,
}

/// How often an event has come.
#[derive(Default)]
struct Times {
    /// In all requests.
    in_all: u32,
    /// In requests whose `Idempotency-Key` had not come before.
    in_new: u32,
}

/// What has arrived.
#[derive(Default)]
struct Arrived {
    events: HashMap<u64, Times>,
    keys: HashSet<String>,
}

/// What a ledger and a receiver say of each other.
#[derive(Debug)]
pub(super) struct Verdict {
    /// How many events were acknowledged.
    pub(super) acknowledged: usize,
    /// How many of them did not arrive.
    pub(super) lost: usize,
    /// How many arrivals are beyond the first of an event.
    pub(super) doubled: u32,
    /// How many are so for a receiver that leaves out requests whose key has come before.
    pub(super) doubled_for_the_careful: u32,
}

struct State {
    mood: Mutex<Mood>,
    changed: Condvar,
    arrived: Mutex<Arrived>,
}

/// A receiver that listens.
pub(super) struct Receiver {
    state: Arc<State>,
    server: Server,
}

impl Receiver {
    pub(super) fn start() -> Self {
        let state = State { mood: Mutex::new(Mood::Quick), changed: Condvar::new(), arrived: Mutex::default() };
        let state = Arc::new(state);
        let server = {
            let state = Arc::clone(&state);
            Server::start(move |request| state.answer(&request))
        };
        Self { state, server }
    }

    /// It answers as soon as it can from now on, and not as one that is far away.
    pub(super) fn at_once(&self) {
        self.server.at_once();
    }

    /// The settings of an `http` sink that sends to it.
    pub(super) fn sink(&self) -> String {
        format!(
            "type = \"http\"\nuri = \"http://{}/\"\nencoding.codec = \"text\"\nbatch.timeout = \"50ms\"\n",
            self.server.address()
        )
    }

    /// Takes requests in this way from now on.
    pub(super) fn set(&self, mood: Mood) {
        *self.state.mood.lock().expect("no thread panics") = mood;
        self.state.changed.notify_all();
    }

    /// Goes away: its port is closed.
    pub(super) fn leave(&mut self) {
        self.server.close();
    }

    /// Comes back.
    pub(super) fn come_back(&mut self) {
        self.server.open();
    }

    /// How many different events have come.
    pub(super) fn events(&self) -> usize {
        self.state.arrived().events.len()
    }

    /// Whether the event with this number has come.
    pub(super) fn has(&self, event: u64) -> bool {
        self.state.arrived().events.contains_key(&event)
    }

    /// Whether all of these have come.
    pub(super) fn has_all(&self, events: &HashSet<u64>) -> bool {
        let arrived = self.state.arrived();
        arrived.events.len() >= events.len() && events.iter().all(|event| arrived.events.contains_key(event))
    }

    /// Compares what has come with what was acknowledged.
    pub(super) fn compare(&self, acknowledged: &HashSet<u64>) -> Verdict {
        let arrived = self.state.arrived();
        let beyond_one =
            |times: fn(&Times) -> u32| arrived.events.values().map(|event| times(event).saturating_sub(1)).sum();
        Verdict {
            acknowledged: acknowledged.len(),
            lost: acknowledged.iter().filter(|event| !arrived.events.contains_key(event)).count(),
            doubled: beyond_one(|times| times.in_all),
            doubled_for_the_careful: beyond_one(|times| times.in_new),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Whoever is kept waiting is let go.
        self.set(Mood::Quick);
    }
}

impl State {
    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().expect("no thread panics")
    }

    fn answer(&self, request: &Request) -> Option<u16> {
        let mood = *self.mood.lock().expect("no thread panics");
        match mood {
            Mood::Quick => {}
            Mood::Slow(wait) => std::thread::sleep(wait),
            Mood::Silent => {
                let mood = self.mood.lock().expect("no thread panics");
                drop(self.changed.wait_while(mood, |mood| *mood == Mood::Silent));
                return None;
            }
        }
        let mut arrived = self.arrived();
        let is_new = request.header("idempotency-key").is_none_or(|key| arrived.keys.insert(key.to_owned()));
        for event in request.body.lines().filter_map(|line| line.split(' ').next()?.parse().ok()) {
            let times = arrived.events.entry(event).or_default();
            times.in_all += 1;
            times.in_new += u32::from(is_new);
        }
        Some(200)
    }
}
