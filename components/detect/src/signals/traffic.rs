//! More or fewer events than are usual at this time of day.
//!
//! What is expected is the mean rate of the day before, times that of the slot of the day, times how the last two hours
//! compare with that (a Gamma distribution whose counts fade: a quiet day is quiet from its morning on).

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use super::deviance::poisson;
use super::dispersion::learn_between;
use super::now::{Found, Now};
use super::scale::{HALF_HOUR, SCALES};
use super::season::{self, Season};
use super::settings::{Limit, RELAXED};

/// So many events must be expected to judge, and so many to learn how much windows differ.
const FEWEST: f64 = 0.5;
const FEWEST_LEARNED: f64 = 3.0;

/// The least variance between windows: 3 %.
const LEAST_BETWEEN: f64 = 0.0009;

/// The ratio to the usual begins at one, as if from so many events.
const PRIOR: f64 = 2.0;

/// Of fewer events no ratio is made: who is silent now does not come back with less.
const FEWEST_REBASED: f64 = 5.0;

/// A ratio that has just been made counts as if from so many events.
const FEW: f64 = 50.0;

/// After so many buckets the rate is known for the first time.
const FIRST: u64 = 30;

/// Half of the ratio to the usual is forgotten in so many hours.
pub(super) const HALF_LIFE_HOURS: u64 = 2;

/// Figures of a window's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficFigures {
    /// How long the window is, in seconds.
    pub seconds: u32,
    /// How many events there are.
    pub events: f64,
    /// How many were expected.
    pub expected: f64,
    /// The variance of the ratio between windows of this length.
    pub between: f64,
    /// Whether it is longer than a bucket, or the bucket before was as far out on the same side: one alone is a blip.
    pub confirmed: bool,
    /// What has to be exceeded, by more than were expected or by fewer.
    pub limit: Limit,
}

impl TrafficFigures {
    /// How many standard deviations there are more than expected; negative, fewer.
    #[must_use]
    pub fn score(&self) -> f64 {
        poisson(self.events, self.expected) / (1.0 + self.between * self.expected).sqrt()
    }

    /// Whether there are more events than expected.
    #[must_use]
    pub fn is_surge(&self) -> bool {
        self.events > self.expected
    }

    /// Whether this is an alarm.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.confirmed && self.exceeds(1.0)
    }

    /// Whether an alarm that is open goes on.
    fn holds(&self) -> bool {
        self.exceeds(RELAXED)
    }

    /// Whether this part of the limit is exceeded. Half an event more on both sides, for there may be none.
    fn exceeds(&self, part: f64) -> bool {
        let ratio = ((self.events + 0.5) / (self.expected + 0.5)).ln().abs();
        ratio > part * self.limit.min_effect.ln() && self.score().abs() > part * self.limit.threshold
    }
}

/// What is known of a key's traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Traffic {
    /// ln of the mean number of events in a bucket, of the day before; none in the first minutes.
    level: Option<f64>,
    /// ln of the rate by the time of day.
    season: Season,
    /// Events lately,
    seen: f64,
    /// and how many were usual then, both fading.
    usual: f64,
    /// The variance of the ratio between windows of each scale.
    between: [f64; SCALES],
    /// The last bucket that exceeded the limit by itself, and whether by more events.
    exceeded: Option<(u64, bool)>,
    /// Since when the ratio is what it is.
    rebased: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            level: None,
            season: Season::default(),
            seen: 0.0,
            usual: 0.0,
            between: [0.01; SCALES],
            exceeded: None,
            rebased: 0,
        }
    }
}

impl Traffic {
    /// How many days have ended.
    pub(super) fn days(&self) -> u32 {
        self.season.days()
    }

    /// The usual number of events of a bucket in this slot; none in the first minutes.
    pub(super) fn usual(&self, slot: usize) -> Option<f64> {
        self.level.map(|level| (level + self.season.usual(slot)).exp())
    }

    /// The usual number of events of a bucket over the day, as the last hours are; none in the first minutes.
    pub(super) fn mean(&self) -> Option<f64> {
        self.level.map(|level| level.exp() * self.ratio())
    }

    /// How the last hours compare with the usual.
    pub(super) fn ratio(&self) -> f64 {
        (self.seen + PRIOR) / (self.usual + PRIOR)
    }

    /// The variance of what is expected, over half an hour and by the events that it is known from: for silence.
    pub(super) fn uncertainty(&self) -> f64 {
        1.0 / (self.seen + PRIOR) + self.between[HALF_HOUR]
    }

    /// Tests all scales, and learns how much windows differ while no alarm is open.
    pub(super) fn test(
        &mut self,
        now: &Now<'_>,
        drop: Option<Limit>,
        surge: Option<Limit>,
        alarm: &Alarm,
        weight: f64,
    ) -> Found<TrafficFigures> {
        let mut found = Found::new(alarm.held_by());
        for scale in 0..=HALF_HOUR {
            let Some(window) = now.window(scale, self.rebased).filter(|window| window.expected > FEWEST) else {
                continue;
            };
            let limit = if window.events > window.expected { surge } else { drop };
            if let Some(limit) = limit {
                let mut figures = TrafficFigures {
                    seconds: now.scales.seconds(scale),
                    events: window.events,
                    expected: window.expected,
                    between: self.between[scale],
                    confirmed: true,
                    limit,
                };
                if scale == 0 {
                    figures.confirmed = self.confirm(&figures, now.tick);
                }
                // A single bucket keeps no alarm open.
                let holds = scale > 0 && figures.holds();
                let ratio = |figures: &TrafficFigures| figures.score().abs() / figures.limit.threshold;
                found.take(scale, figures, figures.fires(), holds, ratio);
            }
            if !alarm.is_open() && window.expected >= FEWEST_LEARNED {
                let off = (window.events - window.expected) / window.expected;
                learn_between(&mut self.between[scale], off * off, 1.0 / window.expected, weight, LEAST_BETWEEN);
            }
        }
        found
    }

    /// Whether the bucket before this one was as far out, on the same side.
    fn confirm(&mut self, figures: &TrafficFigures, tick: u64) -> bool {
        let before = tick.checked_sub(1).map(|before| (before, figures.is_surge()));
        let twice = before.is_some() && self.exceeded == before;
        if figures.exceeds(1.0) {
            self.exceeded = Some((tick, figures.is_surge()));
        }
        twice
    }

    /// Learns from a bucket: the time of day in any case, the ratio while nothing is out of the usual. `kept` of what is
    /// known is remembered.
    pub(super) fn learn(&mut self, events: f64, slot: usize, now: &Now<'_>, learns_ratio: bool, kept: f64) {
        let Some(level) = self.level else {
            let window = now.ring.last(now.scales.longest());
            if now.tick >= FIRST && window.events > 0.0 {
                self.level = Some((window.events / window.width as f64).ln());
            }
            return;
        };
        self.season.add(slot, events, level.exp());
        if learns_ratio {
            self.seen = self.seen * kept + events;
            self.usual = self.usual * kept + (level + self.season.usual(slot)).exp();
        }
    }

    /// Makes the last `width` buckets the usual, by the ratio.
    pub(super) fn rebase(&mut self, now: &Now<'_>, width: usize) {
        self.rebased = now.tick;
        let window = now.ring.last(width);
        if window.events < FEWEST_REBASED {
            return;
        }
        let ratio = (window.events + 0.5) / (window.expected + 0.5) * self.ratio();
        self.usual = self.usual.min(FEW);
        self.seen = (ratio * (self.usual + PRIOR) - PRIOR).max(0.0);
    }

    /// An alarm has closed: windows begin anew, so that none looks back on it.
    pub(super) fn close(&mut self, tick: u64) {
        self.rebased = tick;
    }

    /// Trusts the ratio no more than a few events, and judges what comes after bucket `from` only.
    pub(super) fn start_anew(&mut self, from: u64) {
        let trust = (FEW / self.usual).min(1.0);
        (self.seen, self.usual) = (self.seen * trust, self.usual * trust);
        self.rebased = from;
    }

    /// Ends a day, if it was seen at all. Returns over how many slots on either side it was smoothed. `slots` are those
    /// of the last two hours, the latest bucket's first.
    pub(super) fn end_day(
        &mut self,
        now: &Now<'_>,
        slots: impl Iterator<Item = usize>,
        is_open: bool,
    ) -> Option<usize> {
        let level = self.level?;
        let (events, usual) = self.season.totals();
        if events == 0.0 {
            // Who was away for a day comes back as before.
            self.season.give_up_day();
            return None;
        }
        let buckets = usual / level.exp();
        let half_width = season::half_width(events);
        let scale = events / usual.max(1e-9);
        self.season
            .end_day(half_width, |seen, usual| (usual > 0.0).then(|| ((seen + 0.5) / (usual * scale + 0.5)).ln()));
        self.season.center(|values| season::mean(&mut values.map(f64::exp)).ln());
        self.level = Some((events / buckets.max(1.0)).ln());
        // The ratio is to another usual from now on: it begins with the last two hours.
        (self.seen, self.usual) = (0.0, 0.0);
        if !is_open {
            for (cell, slot) in now.ring.latest(now.scales.longest()).zip(slots) {
                self.seen += 0.7 * f64::from(cell.events);
                self.usual += 0.7 * self.usual(slot).unwrap_or(0.0);
            }
        }
        if self.season.days() <= 2 {
            // Without the time of day windows seemed to differ more than they do.
            self.between.iter_mut().for_each(|between| *between = between.min(0.02));
        }
        Some(half_width)
    }

    /// Forgets the day under way, which was not seen as a whole.
    pub(super) fn give_up_day(&mut self) {
        self.season.give_up_day();
    }
}
