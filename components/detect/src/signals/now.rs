//! What all signals look at, and what comes of looking.

use super::ring::{Ring, Window};
use super::scale::Scales;

/// Where a key stands: what all signals look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now<'s> {
    /// The number of this bucket since the key's first.
    pub(super) tick: u64,
    /// How time is cut.
    pub(super) scales: &'s Scales,
    /// The last buckets, this one included.
    pub(super) ring: &'s Ring,
}

impl Now<'_> {
    /// The sums over a scale; none while it has buckets from before `rebased`.
    pub(super) fn window(&self, scale: usize, rebased: u64) -> Option<Window> {
        let width = self.scales.widths[scale] as u64;
        (self.tick.saturating_sub(rebased) >= width).then(|| self.ring.window(self.scales, scale)).flatten()
    }
}

/// The scale that charts show.
const CHARTED: usize = 1;

/// What came of a signal's test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<F> {
    /// The figures of the scale that is out the furthest, of those that fire if there are such.
    pub(super) figures: Option<F>,
    /// Those of the scale that charts show: a minute.
    pub(super) charted: Option<F>,
    /// The shortest scale over which this is an alarm.
    pub(super) fires: Option<usize>,
    /// Whether an alarm that is open goes on.
    pub(super) holds: bool,
    /// The longest scale that may say so.
    held_by: usize,
}

impl<F> Found<F> {
    /// Nothing yet, of a signal whose alarm may be held by scales up to this one.
    pub(super) fn new(held_by: usize) -> Self {
        Self { figures: None, charted: None, fires: None, holds: false, held_by }
    }

    /// Takes note of one scale; `ratio` tells its score in multiples of the threshold.
    pub(super) fn take(&mut self, scale: usize, figures: F, fires: bool, holds: bool, ratio: impl Fn(&F) -> f64)
    where
        F: Copy,
    {
        if scale == CHARTED {
            self.charted = Some(figures);
        }
        self.holds |= (holds || fires) && scale <= self.held_by;
        let beyond = |found: &F| ratio(&figures) > ratio(found);
        let further = match &self.figures {
            None => true,
            Some(found) if fires == self.fires.is_some() => beyond(found),
            Some(_) => fires,
        };
        if further {
            self.figures = Some(figures);
        }
        if fires {
            self.fires = self.fires.or(Some(scale));
        }
    }
}
