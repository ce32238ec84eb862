//! The last buckets before a change, as evidence: what led to it can be seen at a glance.

use serde::{Deserialize, Serialize};

use super::monitor::Monitor;
use super::state::KeyState;
use crate::time::{Interval, Micros};

/// So many buckets are told: two minutes, with the usual ten seconds for each.
const TOLD: usize = 12;

/// What a bucket has come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// From when until when.
    pub window: Interval,
    /// How many events there were,
    pub events: u32,
    /// how many were expected,
    pub expected: f64,
    /// how many failed,
    pub errors: u32,
    /// how many had a latency,
    pub latencies: u32,
    /// and how many of those were among the slowest.
    pub slow: u32,
    /// The geometric mean of the latencies, in multiples of what was usual then; `None` where there are none.
    pub times_usual: Option<f64>,
}

/// The last buckets of a key, the oldest first.
pub(super) fn recent(state: &KeyState, monitor: &Monitor) -> Vec<Recent> {
    let Some(last) = state.last else { return Vec::new() };
    let length = monitor.next(last).0 - last.0;
    let told = (0..).zip(state.ring.latest(TOLD)).map(|(before, cell)| {
        let start = last.0 - before * length;
        let latencies = f64::from(cell.latencies);
        Recent {
            window: Interval { start: Micros(start), end: Micros(start + length) },
            events: cell.events,
            expected: cell.expected(),
            errors: cell.errors,
            latencies: cell.latencies,
            slow: cell.tail,
            times_usual: (cell.latencies > 0).then(|| (cell.residual() / latencies).exp()),
        }
    });
    let mut told: Vec<_> = told.collect();
    told.reverse();
    told
}
