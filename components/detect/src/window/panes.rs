//! Which windows an event belongs to.
//!
//! Windows are aligned to the epoch and hold `[start, end)`. Sliding windows overlap, but no event is folded into
//! each of them: time is cut into *panes* of one slide each, an event goes into its pane, and a window is put
//! together from its panes when it closes (Li et al. 2005, "No pane, no gain"). Tumbling windows are the case of one
//! pane a window.

use logd_sdk::Time;
use serde::{Deserialize, Serialize};

/// The windows that an event counts for: the one that ends at `first`, the one that ends at `last`, and every slide
/// between. An event that comes late for the first of its windows counts for the others only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Span {
    /// The end of the first window.
    pub(crate) first: Time,
    /// The end of the last window.
    pub(crate) last: Time,
}

/// How time is cut, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panes {
    /// How long a window is: a multiple of `slide`.
    pub(crate) size: i64,
    /// How far windows are apart; at least 1.
    pub(crate) slide: i64,
}

impl Panes {
    /// Where the pane of `micros` begins.
    fn start(&self, micros: i64) -> i64 {
        micros.div_euclid(self.slide).saturating_mul(self.slide)
    }

    /// Where the window begins that ends at `end`.
    pub(super) fn window_start(&self, end: Time) -> Time {
        Time::from_micros(end.as_micros().saturating_sub(self.size))
    }

    /// The end of the window after the one that ends at `end`.
    pub(super) fn next(&self, end: Time) -> Time {
        Time::from_micros(end.as_micros().saturating_add(self.slide))
    }
}

/// Finds the windows of one event after another, faster where they follow closely: most events fall into the pane of
/// the one before, so that nothing is divided.
#[derive(Debug)]
pub(super) struct Cursor {
    panes: Panes,
    start: i64,
    end: i64,
}

impl Cursor {
    /// At no pane yet.
    pub(super) fn new(panes: Panes) -> Self {
        Self { panes, start: 0, end: 0 }
    }

    /// The windows of an event at `time`, of those that end after `floor`; `None` if it is late for all of them.
    pub(super) fn span(&mut self, time: Time, floor: Time) -> Option<Span> {
        let (time, floor) = (time.as_micros(), floor.as_micros());
        if time < self.start || time >= self.end {
            self.start = self.panes.start(time);
            self.end = self.start.saturating_add(self.panes.slide);
        }
        let last = self.start.saturating_add(self.panes.size);
        if last <= floor {
            return None;
        }
        let first = if self.end > floor { self.end } else { self.panes.start(floor).saturating_add(self.panes.slide) };
        Some(Span { first: Time::from_micros(first), last: Time::from_micros(last) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(size: i64, slide: i64, times: &[(i64, i64)]) -> Vec<Option<(i64, i64)>> {
        let mut cursor = Cursor::new(Panes { size, slide });
        let span = |&(time, floor)| {
            let span = cursor.span(Time::from_micros(time), Time::from_micros(floor))?;
            Some((span.first.as_micros(), span.last.as_micros()))
        };
        times.iter().map(span).collect()
    }

    #[test]
    fn tumbling_windows_hold_their_start_and_not_their_end() {
        let found = spans(10, 10, &[(0, -100), (9, 9), (10, 10), (9, 10), (-1, -1), (-10, -100)]);
        let expected = [Some((10, 10)), Some((10, 10)), Some((20, 20)), None, Some((0, 0)), Some((0, 0))];
        assert_eq!(found, expected);
    }

    #[test]
    fn late_for_the_first_windows_is_in_time_for_the_others() {
        let found = spans(30, 10, &[(5, 0), (5, 9), (5, 10), (5, 19), (5, 20), (5, 29), (5, 30)]);
        let expected = [Some((10, 30)), Some((10, 30)), Some((20, 30)), Some((20, 30)), Some((30, 30)), Some((30, 30))];
        assert_eq!(found[..6], expected);
        assert_eq!(found[6], None);
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let found = spans(30, 10, &[(i64::MIN, i64::MIN), (i64::MAX, 0), (i64::MAX, i64::MAX)]);
        assert!(found[0].is_some() && found[1].is_some() && found[2].is_none());
    }
}
