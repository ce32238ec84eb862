//! One step in the life of a key: a bucket is closed, judged by what was known before, and then learned from.
//!
//! What belongs to an open alarm is not learned from, so that an incident does not become usual while it lasts; but it
//! becomes so when it has lasted for `rebase_after`, for then it is no incident any longer.

use super::alarm::Turn;
use super::bucket::Bucket;
use super::latency::{Latency, Learned};
use super::now::{Found, Now};
use super::outcome::{Change, Figures, Outcome, Signal};
use super::ring::Cell;
use super::scale::{Scales, weight};
use super::settings::{Limits, Settings};
use super::state::KeyState;
use super::{dispersion, errors, latency, traffic};
use crate::incident::Reason;
use crate::time::Micros;

/// In its first hour a key is not judged.
const HOURS_OF_SILENCE: u64 = 1;

/// An alarm closes when nothing has held it for so many seconds.
const PATIENCE: u64 = 300;

/// What is made the new usual are the last so many seconds.
const REBASED_ON: u64 = 1800;

/// Watches keys: what all of them share.
#[derive(Clone, Debug)]
pub struct Monitor {
    limits: Limits,
    scales: Scales,
    pace: Pace,
}

/// How fast things are learned, and how long they last, in buckets.
#[derive(Clone, Copy, Debug)]
struct Pace {
    latency: f64,
    dispersion: f64,
    errors_kept: f64,
    traffic_kept: f64,
    patience: u64,
    rebase_after: u64,
    rebased_on: usize,
    warm_up: u64,
}

/// What the tests of a bucket have found.
struct Tested {
    latency: Found<latency::LatencyFigures>,
    tail: Found<super::tail::TailFigures>,
    errors: Found<errors::ErrorFigures>,
    traffic: Found<traffic::TrafficFigures>,
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
            warm_up: hours(HOURS_OF_SILENCE),
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
        let first = of_latencies.map(|bucket| bucket.sums(f64::MIN, f64::MAX).0 / bucket.latencies() as f64);
        if let (None, Some(first)) = (state.latency.level, first) {
            state.tail.begin(first);
        }
        let usual_latency = state.latency.usual(slot, first);
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

    /// Tests all signals, by what was known before.
    fn test(&self, state: &mut KeyState, seen: &Seen) -> Tested {
        let open = |signal: Signal| state.alarms[signal as usize].is_open();
        let [latency_open, tail_open, errors_open, traffic_open] =
            [Signal::Latency, Signal::TailLatency, Signal::ErrorRate, Signal::Traffic].map(open);
        let mut tested = Tested {
            latency: Found::default(),
            tail: Found::default(),
            errors: Found::default(),
            traffic: Found::default(),
        };
        if !self.is_warm(state) {
            return tested;
        }
        let now = Now { tick: state.tick, scales: &self.scales, ring: &state.ring };
        let (limits, weight) = (&self.limits, self.pace.dispersion);
        tested.latency = state.latency.test(&now, &limits.latency, seen.usual_latency, latency_open, weight);
        tested.errors = state.errors.test(&now, limits, errors_open, weight);
        if self.is_grown(state) {
            let (drop, surge) = (limits.traffic_drop, limits.traffic_surge);
            tested.traffic = state.traffic.test(&now, drop, surge, traffic_open, weight);
            tested.tail = state.tail.test(&now, limits.tail_latency, !tail_open && !latency_open, weight);
        }
        tested
    }

    /// Whether the key has been seen for so long that it is judged at all.
    pub(super) fn is_warm(&self, state: &KeyState) -> bool {
        state.tick >= self.pace.warm_up
    }

    /// Whether the key has been seen for a day: before, its traffic and its slow answers are not known.
    pub(super) fn is_grown(&self, state: &KeyState) -> bool {
        state.traffic.days() > 0 && state.tick >= self.scales.day()
    }

    /// Opens and closes alarms.
    fn judge(&self, state: &mut KeyState, tested: &Tested) -> Outcome {
        let silence = if self.is_grown(state) {
            let bucket = self.scales.seconds(0);
            state.silence.figures(self.limits.silence, state.traffic.uncertainty(), bucket)
        } else {
            None
        };
        let verdicts = [
            (tested.latency.figures.map(Figures::Latency), tested.latency.fires, tested.latency.holds),
            (tested.tail.figures.map(Figures::TailLatency), tested.tail.fires, tested.tail.holds),
            (tested.errors.figures.map(Figures::ErrorRate), tested.errors.fires, tested.errors.holds),
            (tested.traffic.figures.map(Figures::Traffic), tested.traffic.fires, tested.traffic.holds),
            (
                silence.map(Figures::Silence),
                silence.is_some_and(|figures| figures.fires()),
                silence.is_some_and(|figures| figures.holds()),
            ),
        ];
        let mut outcome = Outcome {
            charted: [
                tested.latency.charted.map(Figures::Latency),
                tested.tail.charted.map(Figures::TailLatency),
                tested.errors.charted.map(Figures::ErrorRate),
                tested.traffic.charted.map(Figures::Traffic),
                None,
            ],
            ..Outcome::default()
        };
        for (signal, (figures, fires, holds)) in Signal::ALL.into_iter().zip(verdicts) {
            outcome.figures[signal as usize] = figures;
            outcome.fires[signal as usize] = fires;
            let tick = state.tick;
            match state.alarm(signal).step(tick, fires, holds, self.pace.patience) {
                Some(Turn::Opened) => outcome.changes.push(Change { signal, closed: None }),
                Some(Turn::Closed) => outcome.changes.push(Change { signal, closed: Some(Reason::BackToNormal) }),
                None => {}
            }
        }
        outcome
    }

    /// Makes usual what has lasted for long enough.
    fn rebase(&self, state: &mut KeyState, outcome: &mut Outcome) {
        for signal in Signal::ALL {
            // Errors are seldom meant, whereas a service may become slower for good.
            let times = if signal == Signal::ErrorRate { 2 } else { 1 };
            let limit = times * self.pace.rebase_after;
            if state.alarms[signal as usize].age(state.tick).is_some_and(|age| age >= limit) {
                state.alarm(signal).close();
                self.make_usual(state, signal);
                outcome.changes.push(Change { signal, closed: Some(Reason::NewNormal) });
            }
        }
    }

    fn make_usual(&self, state: &mut KeyState, signal: Signal) {
        let now = Now { tick: state.tick, scales: &self.scales, ring: &state.ring };
        let width = self.pace.rebased_on;
        match signal {
            Signal::Latency => state.latency.rebase(&now, width),
            Signal::TailLatency => state.tail.rebase(&now, width),
            Signal::ErrorRate => state.errors.rebase(&now, width),
            Signal::Traffic => state.traffic.rebase(&now, width),
            Signal::Silence => state.silence.accept(),
        }
    }

    /// Something was deployed: what is usual shows itself from here on. Until it has, nothing is judged by it.
    fn start_anew(&self, state: &mut KeyState, outcome: &mut Outcome) {
        for signal in Signal::ALL {
            if state.alarm(signal).close() {
                outcome.changes.push(Change { signal, closed: Some(Reason::NewNormal) });
            }
        }
        let from = state.tick + self.pace.patience;
        state.latency.start_anew(state.tick, from);
        state.tail.start_anew(from);
        state.errors.start_anew(from);
        state.traffic.start_anew(from);
    }

    /// Learns from the bucket what belongs to no open alarm.
    fn learn(&self, state: &mut KeyState, slot: usize, bucket: Option<&Bucket>, seen: &Seen) {
        let open = |signal: Signal| state.alarms[signal as usize].is_open();
        let slow = open(Signal::Latency);
        let learns_tail = !slow && !open(Signal::TailLatency);
        let learns_errors = !open(Signal::ErrorRate);
        let learns_traffic = !open(Signal::Traffic) && !open(Signal::Silence);
        let now = Now { tick: state.tick, scales: &self.scales, ring: &state.ring };
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
struct Seen {
    /// The usual ln latency.
    usual_latency: Option<f64>,
    /// The usual share of errors.
    usual_errors: f64,
    /// What there is to learn of its latencies, if it has some.
    learned: Option<Learned>,
    /// How many of them are slow.
    slow: u64,
}
