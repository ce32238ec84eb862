//! Scores added up over series, between those of a detector that never alarms and of a perfect one.

use super::worth::Point;
use super::{Profile, Worth};

/// What a detector has earned so far, by one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    profile: Profile,
    /// NAB's raw score.
    raw: f64,
    windows: usize,
    found: usize,
    false_alarms: usize,
}

/// The best alarm of each window of one series, as alarms come one by one.
#[derive(Clone, Debug)]
pub(super) struct Ledger<'w> {
    worth: &'w Worth,
    profile: Profile,
    /// By window; none where it is not found yet.
    best: Vec<Option<f64>>,
}

impl Tally {
    /// Of no series yet.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self { profile, raw: 0.0, windows: 0, found: 0, false_alarms: 0 }
    }

    /// Adds a series, and the points of it at which there was an alarm. Of each window the best alarm counts, and all
    /// false ones.
    pub fn add(&mut self, worth: &Worth, alarms: impl IntoIterator<Item = usize>) {
        let mut ledger = Ledger::new(worth, self.profile);
        self.raw += ledger.nothing_found();
        for alarm in alarms {
            self.raw += ledger.gain(alarm);
            self.false_alarms += usize::from(matches!(worth.at(alarm), Some(Point::Outside { .. })));
        }
        self.windows += worth.windows();
        self.found += ledger.best.iter().flatten().count();
    }

    /// From 0, that of a detector that never alarms, to 100, that of a perfect one; worse than nothing is below 0.
    /// None without any window, where both are the same.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        normalized(self.raw, self.windows, &self.profile)
    }

    /// How many windows there were.
    #[must_use]
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// How many of them had an alarm.
    #[must_use]
    pub fn found(&self) -> usize {
        self.found
    }

    /// How many alarms were outside of all windows.
    #[must_use]
    pub fn false_alarms(&self) -> usize {
        self.false_alarms
    }
}

/// A raw score between nothing and all that `windows` can bring.
pub(super) fn normalized(raw: f64, windows: usize, profile: &Profile) -> Option<f64> {
    let (least, most) = (-profile.missed * windows as f64, profile.found * windows as f64);
    (windows > 0).then(|| 100.0 * (raw - least) / (most - least))
}

impl<'w> Ledger<'w> {
    /// Without any alarm.
    pub(super) fn new(worth: &'w Worth, profile: Profile) -> Self {
        Self { worth, profile, best: Vec::new() }
    }

    /// The raw score without any alarm.
    pub(super) fn nothing_found(&self) -> f64 {
        -self.profile.missed * self.worth.windows() as f64
    }

    /// What one more alarm adds to the raw score.
    pub(super) fn gain(&mut self, alarm: usize) -> f64 {
        match self.worth.at(alarm) {
            None | Some(Point::Probation) => 0.0,
            Some(Point::Outside { worth }) => worth * self.profile.false_alarm,
            Some(Point::Inside { window, worth }) => {
                if self.best.len() <= window {
                    self.best.resize(window + 1, None);
                }
                let (worth, best) = (worth * self.profile.found, &mut self.best[window]);
                let before = best.unwrap_or(-self.profile.missed);
                *best = Some(worth.max(before));
                worth.max(before) - before
            }
        }
    }
}
