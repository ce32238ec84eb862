//! Whether a signal's alarm is open: it opens by the whole limit, and closes when half of it was not exceeded for a while.

use serde::{Deserialize, Serialize};

use super::scale::SCALES;

/// Scales up to this one, five minutes, may hold any alarm.
const HOLDS_ANY: usize = 2;

/// One signal's alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Alarm {
    opened: Option<Opened>,
    /// When it was last held.
    held: u64,
}

/// How it opened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Opened {
    /// In which bucket.
    tick: u64,
    /// By which scale, the shortest of those that fired.
    scale: usize,
}

/// What became of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It opened.
    Opened,
    /// It closed, for nothing held it any more.
    Closed,
}

impl Alarm {
    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// For how many buckets it has been open; none if it is closed.
    pub(super) fn age(&self, tick: u64) -> Option<u64> {
        self.opened.map(|opened| tick.saturating_sub(opened.tick))
    }

    /// The longest scale that may hold it. One that is longer than that which gave the alarm looks back on it for hours,
    /// when all is well again.
    pub(super) fn held_by(&self) -> usize {
        self.opened.map_or(SCALES, |opened| opened.scale.max(HOLDS_ANY))
    }

    /// Takes in what a bucket says: the scale over which it is an alarm, and whether one that is open goes on. It closes
    /// when nothing has held it for more than `patience` buckets.
    pub(super) fn step(&mut self, tick: u64, fires: Option<usize>, holds: bool, patience: u64) -> Option<Turn> {
        match (self.opened, fires) {
            (None, Some(scale)) => {
                self.opened = Some(Opened { tick, scale });
                self.held = tick;
                Some(Turn::Opened)
            }
            (Some(_), _) => {
                if holds {
                    self.held = tick;
                }
                let is_over = tick.saturating_sub(self.held) > patience;
                (is_over && self.close()).then_some(Turn::Closed)
            }
            (None, None) => None,
        }
    }

    /// Closes it, if it is open; returns whether it was.
    pub(super) fn close(&mut self) -> bool {
        self.opened.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_once_and_closes_after_patience() {
        let mut alarm = Alarm::default();
        let turns = [
            (None, true),
            (Some(0), true),
            (Some(3), true),
            (None, true),
            (None, false),
            (Some(4), false),
            (None, true),
        ];
        let turns: Vec<_> = (10..).zip(turns).map(|(tick, (fires, holds))| alarm.step(tick, fires, holds, 1)).collect();
        assert_eq!(turns, [None, Some(Turn::Opened), None, None, None, Some(Turn::Closed), None]);
        assert!(!alarm.is_open() && !alarm.close());
    }

    #[test]
    fn a_short_alarm_is_not_held_by_long_windows() {
        let mut alarm = Alarm::default();
        for (scale, held_by) in [(0, 2), (2, 2), (4, 4)] {
            alarm.step(1, Some(scale), true, 1);
            assert_eq!(alarm.held_by(), held_by);
            alarm.close();
        }
    }
}
