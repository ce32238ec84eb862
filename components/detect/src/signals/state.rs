//! What is known of one key.

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use super::errors::Errors;
use super::latency::Latency;
use super::outcome::Signal;
use super::ring::Ring;
use super::silence::Silence;
use super::tail::Tail;
use super::traffic::Traffic;
use crate::time::Micros;

/// What is known of one key: less than a kilobyte at first, 32 bytes more for each bucket of its first two hours, and 56 kB
/// after a week: 23 kB of buckets, 18 kB of seasons, 14 kB of the day under way. Of a key without latencies 16 kB less.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyState {
    /// The bucket that was closed last, if one was.
    pub(super) last: Option<Micros>,
    /// How many buckets there have been since the first one, without those slept through.
    pub(super) tick: u64,
    /// Nothing has come for so long that it is no longer expected.
    pub(super) asleep: bool,
    pub(super) ring: Ring,
    pub(super) latency: Latency,
    pub(super) tail: Tail,
    pub(super) errors: Errors,
    pub(super) traffic: Traffic,
    pub(super) silence: Silence,
    pub(super) alarms: [Alarm; Signal::COUNT],
}

impl KeyState {
    /// Whether an alarm is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.alarms.iter().any(Alarm::is_open)
    }

    /// The start of the bucket that was closed last; none before the first.
    #[must_use]
    pub fn last_closed(&self) -> Option<Micros> {
        self.last
    }

    /// Whether nothing has come for so long that buckets without events need not be closed for it any more.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// Whether nothing would be lost with it: it is new, and has sent nothing for two hours.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.last.is_some() && self.traffic.days() == 0 && self.ring.events() == 0 && !self.is_open()
    }

    pub(super) fn alarm(&mut self, signal: Signal) -> &mut Alarm {
        &mut self.alarms[signal as usize]
    }

    pub(super) fn is_alarming(&self, signal: Signal) -> bool {
        self.alarms[signal as usize].is_open()
    }
}
