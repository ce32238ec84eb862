//! What each bucket has come to: for charts, and for `/metrics`.

use std::sync::Arc;

use logd_sdk::Context;

use super::super::gauges::Series;
use crate::detector::Score;
use crate::signals::{Figures, Outcome, Signal, field};
use crate::time::Micros;

/// The signals that are charted.
pub(super) const CHARTED: [(Signal, &str); 4] = [
    (Signal::Latency, "latency"),
    (Signal::TailLatency, "tail_latency"),
    (Signal::ErrorRate, "error_rate"),
    (Signal::Traffic, "traffic"),
];

/// What a bucket has come to.
pub(super) struct Scored {
    /// The bytes that name its key.
    pub(super) name: Arc<[u8]>,
    /// The end of the bucket.
    pub(super) at: Micros,
    /// Of which signal.
    pub(super) field: &'static str,
    pub(super) score: Score,
}

/// What is shown at `/metrics`: of the component, and of each signal.
pub(super) struct AllSeries {
    pub(super) total: Arc<Series>,
    pub(super) signals: [Arc<Series>; CHARTED.len()],
}

impl Series {
    /// Those of a component with signals; at most `max` keys are shown of each.
    pub(super) fn of_signals(context: &Context, max: usize) -> AllSeries {
        let component = context.id.id();
        let parts = || (context.meters.clone(), context.clock.clone());
        let (meters, clock) = parts();
        AllSeries {
            total: Self::new(meters, clock, component, max),
            signals: CHARTED.map(|(_, name)| {
                let (meters, clock) = parts();
                Self::of_signal(meters, clock, component, name, max)
            }),
        }
    }
}

/// Makes scores of what a bucket has come to; returns those that `/metrics` shows.
pub(super) fn score(
    name: &Arc<[u8]>,
    at: Micros,
    outcome: &Outcome,
    scored: &mut Vec<Scored>,
) -> Option<[Option<Score>; CHARTED.len()]> {
    let scores = CHARTED.map(|(signal, _)| {
        let times = outcome.figures[signal as usize].as_ref().map(Figures::times);
        outcome.charted[signal as usize].as_ref().map(|charted| {
            let bounds = charted.bounds();
            Score {
                value: bounds.value,
                expected: Some(bounds.expected),
                lower: bounds.lower,
                upper: bounds.upper,
                score: times,
            }
        })
    });
    for (charted, score) in outcome.charted.iter().flatten().zip(scores.iter().flatten()) {
        scored.push(Scored { name: Arc::clone(name), at, field: field(charted), score: *score });
    }
    scores.iter().any(Option::is_some).then_some(scores)
}
