//! Judges a bucket: tests all signals, opens and closes alarms, and makes usual what has lasted for long enough.

use super::alarm::Turn;
use super::errors::ErrorFigures;
use super::latency_figures::LatencyFigures;
use super::monitor::{Monitor, Seen};
use super::now::{Found, Now};
use super::outcome::{Change, Figures, Outcome, Signal};
use super::silence::SilenceFigures;
use super::state::KeyState;
use super::tail::TailFigures;
use super::traffic::TrafficFigures;
use crate::incident::Reason;

/// What the tests of a bucket have found.
pub(super) struct Tested {
    pub(super) latency: Found<LatencyFigures>,
    tail: Found<TailFigures>,
    errors: Found<ErrorFigures>,
    traffic: Found<TrafficFigures>,
    /// Answers have become faster.
    pub(super) is_faster: bool,
}

impl Monitor {
    /// Tests all signals, by what was known before.
    pub(super) fn test(&self, state: &mut KeyState, seen: &Seen) -> Tested {
        let [latency, tail, errors, traffic, _] = &state.alarms;
        let mut tested = Tested {
            latency: Found::new(latency.held_by()),
            tail: Found::new(tail.held_by()),
            errors: Found::new(errors.held_by()),
            traffic: Found::new(traffic.held_by()),
            is_faster: false,
        };
        if !self.is_warm(state) {
            return tested;
        }
        let now = Now { tick: state.tick, scales: &self.scales, ring: &state.ring };
        let (limits, weight) = (&self.limits, self.pace.dispersion);
        tested.is_faster = !latency.is_open() && state.latency.is_faster(&now);
        tested.latency = state.latency.test(&now, &limits.latency, seen.usual_latency, latency, weight);
        tested.errors = state.errors.test(&now, limits, errors, weight);
        if self.is_grown(state) {
            // Of a silence that has become usual there is nothing more to say.
            let drop = limits.traffic_drop.filter(|_| !state.silence.is_accepted());
            let surge = limits.traffic_surge;
            tested.traffic = state.traffic.test(&now, drop, surge, traffic, weight);
            let learns = !tail.is_open() && !latency.is_open();
            tested.tail = state.tail.test(&now, limits.tail_latency, tail, learns, weight);
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
    pub(super) fn judge(&self, state: &mut KeyState, tested: &Tested) -> Outcome {
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
                silence.filter(SilenceFigures::fires).map(|_| 0),
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
            outcome.fires[signal as usize] = fires.is_some();
            let tick = state.tick;
            match state.alarm(signal).step(tick, fires, holds, self.pace.patience) {
                Some(Turn::Opened) => outcome.changes.push(Change { signal, closed: None }),
                Some(Turn::Closed) => {
                    outcome.changes.push(Change { signal, closed: Some(Reason::BackToNormal) });
                    match signal {
                        Signal::Latency => state.latency.close(tick),
                        Signal::TailLatency => state.tail.close(tick),
                        Signal::ErrorRate => state.errors.close(tick),
                        Signal::Traffic => state.traffic.close(tick),
                        Signal::Silence => {}
                    }
                }
                None => {}
            }
        }
        outcome
    }

    /// Makes usual what has lasted for long enough.
    pub(super) fn rebase(&self, state: &mut KeyState, outcome: &mut Outcome) {
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

    pub(super) fn make_usual(&self, state: &mut KeyState, signal: Signal) {
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
    pub(super) fn start_anew(&self, state: &mut KeyState, outcome: &mut Outcome) {
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
}
