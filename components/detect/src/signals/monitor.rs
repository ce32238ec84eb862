//! One step in the life of a key: a bucket is closed, judged by what was known before, and then learned from.
//!
//! What belongs to an open alarm is not learned from, so that an incident does not become usual while it lasts; but it
//! becomes so when it has lasted for `rebase_after`, for then it is no incident any longer.

use super::bucket::Bucket;
use super::latency::{Latency, Learned};
use super::now::Now;
use super::outcome::{Change, Outcome, Signal};
use super::ring::Cell;
use super::scale::{Scales, weight};
use super::settings::{Limits, Settings};
use super::state::KeyState;
use super::{dispersion, errors, latency, traffic};
use crate::incident::Reason;
use crate::time::Micros;

/// In its first hour a key is not judged.
const WARM_UP_HOURS: u64 = 1;

/// An alarm closes when nothing has held it for so many seconds.
const PATIENCE: u64 = 300;

/// What is made the new usual are the last so many seconds.
const REBASED_ON: u64 = 1800;

/// Watches keys: what all of them share.
#[derive(Clone, Debug)]
pub struct Monitor {
    pub(super) limits: Limits,
    pub(super) scales: Scales,
    pub(super) pace: Pace,
}

/// How fast things are learned, and how long they last, in buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The weight of a bucket in the level of the latency,
    pub(super) latency: f64,
    /// and of a window in what windows scatter by.
    pub(super) dispersion: f64,
    /// What is kept of the known errors with each bucket,
    pub(super) errors_kept: f64,
    /// and of the ratio of the traffic to the usual.
    pub(super) traffic_kept: f64,
    /// An alarm closes when nothing has held it for so many buckets.
    pub(super) patience: u64,
    /// What has lasted for so many becomes usual,
    pub(super) rebase_after: u64,
    /// by the last so many.
    pub(super) rebased_on: usize,
    /// So many are not judged.
    pub(super) warm_up: u64,
}

impl Monitor {
    /// Watches by these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let scales = Scales::new(settings.bucket);
        let hours = |hours| hours * scales.hour();
        let pace = Pace {
            latency: weight(hours(latency::HALF_LIFE_HOURS)),
            dispersion: weight(hours(dispersion::HALF_LIFE_HOURS)),
            errors_kept: 1.0 - weight(hours(errors::HALF_LIFE_HOURS)),
            traffic_kept: 1.0 - weight(hours(traffic::HALF_LIFE_HOURS)),
            patience: scales.buckets(std::time::Duration::from_secs(PATIENCE)),
            rebase_after: scales.buckets(settings.rebase_after).max(1),
            rebased_on: usize::try_from(scales.buckets(std::time::Duration::from_secs(REBASED_ON))).unwrap_or(1),
            warm_up: hours(WARM_UP_HOURS),
        };
        Self { limits: settings.limits(), scales, pace }
    }

    /// The start of the bucket that a moment belongs to.
    #[must_use]
    pub fn bucket_of(&self, at: Micros) -> Micros {
        self.scales.start(at)
    }

    /// The start of the bucket after that which begins at `start`.
    #[must_use]
    pub fn next(&self, start: Micros) -> Micros {
        self.scales.next(start)
    }

    /// Seconds of a bucket.
    pub(super) fn bucket_seconds(&self) -> u32 {
        self.scales.seconds(0)
    }

    /// Closes the bucket that begins at `start`; `None` where nothing came in it.
    ///
    /// Buckets are to be closed one after the other, from a key's first event on; only while it
    /// [sleeps](KeyState::is_asleep) those without events may be left out.
    pub fn close(&self, state: &mut KeyState, start: Micros, bucket: Option<&Bucket>) -> Outcome {
        let bucket = bucket.filter(|bucket| bucket.events() > 0);
        if state.asleep {
            if bucket.is_none() {
                return Outcome::default();
            }
            self.wake(state);
        }
        let slot = self.scales.slot(start, 0);
        let seen = self.push(state, slot, bucket);
        let tested = self.test(state, &seen);
        let mut outcome = self.judge(state, &tested);
        if tested.is_faster && !state.is_alarming(Signal::Latency) {
            self.make_usual(state, Signal::Latency);
        }
        self.rebase(state, &mut outcome);
        if bucket.is_some_and(Bucket::is_marked) {
            self.start_anew(state, &mut outcome);
        }
        self.learn(state, slot, bucket, &seen);
        self.end(state, start);
        state.last = Some(start);
        state.tick += 1;
        if state.silence.buckets() >= self.scales.day() {
            self.sleep(state, &mut outcome);
        }
        outcome
    }

    /// Puts the bucket into the ring, by what is usual.
    fn push(&self, state: &mut KeyState, slot: usize, bucket: Option<&Bucket>) -> Seen {
        let events = bucket.map_or(0, Bucket::events);
        let of_latencies = bucket.filter(|bucket| bucket.latencies() > 0);
        let usual_latency = state.latency.usual(slot);
        let unknown = of_latencies.filter(|_| usual_latency.is_none());
        if let Some(median) = unknown.and_then(|bucket| state.latency.begin(bucket)) {
            state.tail.begin(median);
        }
        let usual = state.traffic.usual(slot).unwrap_or(events as f64);
        let mut seen = Seen { usual_latency, usual_errors: state.errors.usual(), ..Seen::default() };
        if let (Some(bucket), Some(usual)) = (of_latencies, usual_latency) {
            let (sum, squares) = Latency::sums(bucket, usual);
            let latencies = bucket.latencies() as f64;
            seen.learned = Some(Learned { latencies, sum, squares, usual, slot });
            seen.slow = state.tail.count(bucket);
        }
        let residual = seen.learned.map_or(0.0, |learned| learned.sum - learned.latencies * learned.usual);
        let expected = usual * state.traffic.ratio();
        let (errors, latencies) = bucket.map_or((0, 0), |bucket| (bucket.errors(), bucket.latencies()));
        state.ring.push(&self.scales, Cell::new(events, errors, latencies, seen.slow, residual, expected));
        state.silence.take(events, expected, state.is_alarming(Signal::Silence));
        seen
    }

    /// Learns from the bucket what belongs to no open alarm.
    fn learn(&self, state: &mut KeyState, slot: usize, bucket: Option<&Bucket>, seen: &Seen) {
        let open = |signal: Signal| state.alarms[signal as usize].is_open();
        let slow = open(Signal::Latency);
        let learns_tail = !slow && !open(Signal::TailLatency);
        let learns_errors = !open(Signal::ErrorRate);
        let learns_traffic = !open(Signal::Traffic) && !open(Signal::Silence);
        let now = Now { tick: state.tick, scales: &self.scales, ring: &state.ring };
        state.latency.settle(&now);
        if let (Some(bucket), Some(learned)) = (bucket, &seen.learned) {
            state.tail.learn(bucket, seen.slow, learns_tail);
            state.latency.learn(learned, &now, slow, self.pace.latency);
        }
        let (events, errors) = bucket.map_or((0, 0), |bucket| (bucket.events(), bucket.errors()));
        if events > 0 && learns_errors {
            state.errors.learn(events as f64, errors as f64, seen.usual_errors, self.pace.errors_kept);
        }
        let learns_ratio = learns_traffic && state.silence.is_usual(self.limits.silence);
        state.traffic.learn(events as f64, slot, &now, learns_ratio, self.pace.traffic_kept);
    }

    /// Ends an hour and a day, where the bucket is their last.
    fn end(&self, state: &mut KeyState, start: Micros) {
        let (hour, day) = self.scales.ends(start);
        if hour {
            state.tail.end_hour();
        }
        if day {
            let is_open = state.is_alarming(Signal::Traffic) || state.is_alarming(Signal::Silence);
            let now = Now { tick: state.tick, scales: &self.scales, ring: &state.ring };
            let slots = (0..self.scales.longest()).map(|before| self.scales.slot(start, before));
            if let Some(half_width) = state.traffic.end_day(&now, slots, is_open) {
                state.latency.end_day(half_width);
            }
        }
    }

    /// Nothing has come for a day: nothing is expected any more.
    fn sleep(&self, state: &mut KeyState, outcome: &mut Outcome) {
        for signal in Signal::ALL {
            if state.alarm(signal).close() {
                outcome.changes.push(Change { signal, closed: Some(Reason::NoData) });
            }
        }
        state.asleep = true;
        state.ring.clear();
        state.traffic.give_up_day();
        state.latency.season.give_up_day();
    }

    /// Something comes again: it is judged against what was usual once there are buckets enough, and the ratio of the
    /// traffic to that begins anew.
    fn wake(&self, state: &mut KeyState) {
        state.asleep = false;
        for signal in Signal::ALL {
            self.make_usual(state, signal);
        }
    }
}

/// What was seen in a bucket, and what was usual then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The usual ln latency.
    pub(super) usual_latency: Option<f64>,
    /// The usual share of errors.
    usual_errors: f64,
    /// What there is to learn of its latencies, if it has some.
    learned: Option<Learned>,
    /// How many of them are slow.
    slow: u64,
}
