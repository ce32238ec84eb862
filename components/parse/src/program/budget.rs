//! How long the programs that run on one batch may take.
//!
//! A program is interrupted between two of its expressions; a single call of a function can't be. So the functions'
//! inputs are bounded elsewhere, and here the time is watched: when a batch has had its share, every further event
//! gets a moment of its own, and in the end none at all. What a healthy batch takes is a hundredth of that.

use std::ops::ControlFlow;

use tokio::time::{Duration, Instant};
use vrl::compiler::runtime::ExecutionControl;

/// What the programs of one batch may take together.
pub(crate) const BATCH: Duration = Duration::from_secs(1);
/// What each event may take once the batch's share is spent.
const MOMENT: Duration = Duration::from_millis(1);
/// After this many shares no event is tried any more.
const SHARES: u32 = 5;
/// The clock is read after so many steps: an expression is one, …
const STEPS: u32 = 256;
/// … and an event is so many, for an expression may be a call that takes long.
const STEPS_OF_AN_EVENT: u32 = 16;

/// Watches the time of one batch.
#[derive(Debug)]
pub(crate) struct Budget {
    /// When the running event is interrupted.
    deadline: Instant,
    /// When no event is tried any more.
    end: Instant,
    spent: bool,
    steps: u32,
}

impl Budget {
    /// A budget of `share` from now on.
    pub(crate) fn new(share: Duration) -> Self {
        let now = Instant::now();
        Self { deadline: now + share, end: now + share * SHARES, spent: false, steps: 0 }
    }

    /// Begins the next event. `false`: there is no time left for it.
    pub(crate) fn begin(&mut self) -> bool {
        if self.late(STEPS_OF_AN_EVENT) {
            let now = Instant::now();
            self.deadline = now + MOMENT;
            return now < self.end;
        }
        true
    }

    /// Counts `steps`, and looks at the clock now and then: whether the deadline has passed. Once the batch's share is
    /// spent every event counts as late when it begins.
    fn late(&mut self, steps: u32) -> bool {
        self.steps += steps;
        if self.steps >= STEPS {
            self.steps = 0;
            self.spent |= Instant::now() >= self.deadline;
        }
        self.spent
    }
}

impl ExecutionControl for Budget {
    fn checkpoint(&mut self) -> ControlFlow<()> {
        self.steps += 1;
        if self.steps < STEPS {
            return ControlFlow::Continue(());
        }
        self.steps = 0;
        if Instant::now() < self.deadline {
            return ControlFlow::Continue(());
        }
        self.spent = true;
        ControlFlow::Break(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs an event of `steps` expressions; whether it came to its end.
    fn ends_well(budget: &mut Budget, steps: usize) -> bool {
        budget.begin() && (0..steps).all(|_| budget.checkpoint().is_continue())
    }

    #[test]
    fn healthy_events_have_time() {
        let mut budget = Budget::new(Duration::from_secs(3600));
        assert!((0..1000).all(|_| ends_well(&mut budget, 1000)));
    }

    #[test]
    fn a_slow_event_is_interrupted_and_nothing_is_tried_after_the_end() {
        let mut budget = Budget::new(Duration::ZERO);
        assert!(!ends_well(&mut budget, 1_000_000));
        assert!(!budget.begin());
    }

    #[test]
    fn a_slow_event_does_not_take_the_others_with_it() {
        let mut budget = Budget::new(Duration::from_secs(3600));
        budget.deadline = Instant::now();
        assert!(!ends_well(&mut budget, 1_000_000));
        // Each has a millisecond for what takes a microsecond; a machine that stands still now and then may cost some.
        let well = (0..1000).filter(|_| ends_well(&mut budget, 20)).count();
        assert!(well > 900, "{well}");
    }
}
