//! Whether a signal's alarm is open: it opens by the whole limit, and closes when half of it was not exceeded for a while.

use serde::{Deserialize, Serialize};

/// One signal's alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Alarm {
    /// Since which bucket it is open.
    opened: Option<u64>,
    /// When it was last held.
    held: u64,
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
        self.opened.map(|opened| tick.saturating_sub(opened))
    }

    /// Takes in what a bucket says. It closes when nothing has held it for more than `patience` buckets.
    pub(super) fn step(&mut self, tick: u64, fires: bool, holds: bool, patience: u64) -> Option<Turn> {
        if fires || holds {
            self.held = tick;
        }
        if self.opened.is_none() && fires {
            self.opened = Some(tick);
            return Some(Turn::Opened);
        }
        if self.opened.is_some() && tick.saturating_sub(self.held) > patience {
            self.opened = None;
            return Some(Turn::Closed);
        }
        None
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
        let turns = [(false, true), (true, true), (true, true), (false, true), (false, false), (false, false)];
        let turns: Vec<_> = (10..).zip(turns).map(|(tick, (fires, holds))| alarm.step(tick, fires, holds, 1)).collect();
        assert_eq!(turns, [None, Some(Turn::Opened), None, None, None, Some(Turn::Closed)]);
        assert!(!alarm.is_open() && !alarm.close());
    }
}
