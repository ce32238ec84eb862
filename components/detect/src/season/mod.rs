//! What the time of day or of the week adds to what is usual.
//!
//! A baseline learns what remains of a value without it, and what is expected is what the baseline says with it. So a
//! baseline follows the level, and the season its shape: a service that is busier today is so at all hours.
//!
//! A shape is learned from the last days or weeks ([`cycle`]), and a new one holds from midnight (UTC) on. It says how
//! far the hours are from one another, and nothing of the level; so the new shape is lifted or lowered until, over the
//! time that the baseline remembers, both are as high as the old one: the baseline can go on as it is.
//!
//! **Which season** there is, days know best: each is tried on a day before it has learned from that. What counts is the
//! mean distance of the day's slots from what was expected (from their median distance, for the level is the baseline's).
//! Of the last seven days, the day's season must have left less than nine tenths of what none leaves, on one day at least;
//! and the week's less than nine tenths of what is left without it, on seven days, so that each weekday was tried.

mod cycle;

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::cycle::Period;
use self::cycle::{Cycle, Slot};
use crate::time::Micros;

/// On so many last days the seasons are compared.
const TRIALS: usize = 7;

/// So much of what is left without a season may be left with it.
const WORTHWHILE: f64 = 0.9;

/// Which seasons are looked for. Times are in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seasons {
    /// None: all values are alike.
    #[default]
    None,
    /// The time of day, in steps of 5 minutes: the median of the last 7 days, once 3 are known. 13 kB a key.
    Day,
    /// The time of the week, in steps of 15 minutes: the median of the last 4 weeks, once 3 are known. 22 kB a key.
    Week,
    /// Whichever has explained the last 7 days best: from the fifth day on the time of day, from the fifth week on the
    /// time of the week. A longer season has to leave a tenth less unexplained than a shorter one. 34 kB a key.
    Auto,
}

/// The season of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Season {
    seasons: Seasons,
    /// The shortest first; none before the first value.
    cycles: Vec<Cycle>,
    /// The day that is being counted, since the epoch.
    today: i64,
    shape: Shape,
    /// How much was left unexplained on the last days, if there is a choice to make.
    trials: VecDeque<Trial>,
}

/// What is added, by the time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Shape {
    /// By which cycle, and by slot how much; none adds the same at all times.
    of: Option<(Period, Vec<f32>)>,
    /// What is added at all times.
    lift: f64,
}

/// The mean distance of a day's slots from what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Trial {
    none: f64,
    /// As far as it was known then.
    day: Option<f64>,
    week: Option<f64>,
}

impl Season {
    /// Of no value yet; none where none is looked for.
    #[must_use]
    pub fn new(seasons: Seasons) -> Option<Box<Self>> {
        let (cycles, trials) = (Vec::new(), VecDeque::new());
        (seasons != Seasons::None)
            .then(|| Box::new(Self { seasons, cycles, today: 0, shape: Shape::default(), trials }))
    }

    /// What is added to what is usual at `at`, to which time has come. Only differences of it have a meaning.
    /// `remembered` is how many values the baseline remembers.
    pub fn offset(&mut self, at: Micros, remembered: usize) -> f64 {
        let (day, _) = Period::Day.place(at);
        if self.cycles.is_empty() {
            self.begin(at);
            self.today = day;
        } else if day > self.today {
            self.turn(at, remembered);
            self.today = day;
        }
        self.shape.at(at)
    }

    /// Learns from a value, unless its day has passed.
    pub fn learn(&mut self, at: Micros, value: f64) {
        if Period::Day.place(at).0 == self.today {
            self.cycles.iter_mut().for_each(|cycle| cycle.add(at, value));
        }
    }

    /// The season that holds now.
    #[must_use]
    pub fn period(&self) -> Option<Period> {
        self.shape.of.as_ref().map(|(period, _)| *period)
    }

    fn begin(&mut self, at: Micros) {
        let periods: &[Period] = match self.seasons {
            Seasons::None => &[],
            Seasons::Day => &[Period::Day],
            Seasons::Week => &[Period::Week],
            Seasons::Auto => &[Period::Day, Period::Week],
        };
        self.cycles = periods.iter().map(|&period| Cycle::new(period, at)).collect();
    }

    /// A day is over: what it says of the seasons, and then they of the next.
    fn turn(&mut self, at: Micros, remembered: usize) {
        let Some(shortest) = self.cycles.first() else { return };
        let passed = shortest.day(self.today);
        if self.seasons == Seasons::Auto && shortest.is_whole() && !passed.is_empty() {
            self.try_on(&passed);
        }
        self.cycles.iter_mut().for_each(|cycle| cycle.turn(at));
        let period = match self.seasons {
            Seasons::None => None,
            Seasons::Day => Some(Period::Day),
            Seasons::Week => Some(Period::Week),
            Seasons::Auto => self.best(),
        };
        let mut shape = Shape { of: period.and_then(|period| Some((period, self.usual(period)?))), lift: 0.0 };
        shape.lift = self.shape.above(&shape, &passed, remembered);
        self.shape = shape;
    }

    fn usual(&self, period: Period) -> Option<Vec<f32>> {
        self.cycles.iter().find(|cycle| cycle.period == period)?.usual()
    }

    /// Notes how each season would have explained a day.
    fn try_on(&mut self, passed: &[Slot]) {
        let left = |period| Some(Shape { of: Some((period, self.usual(period)?)), lift: 0.0 }.unexplained(passed));
        let trial =
            Trial { none: Shape::default().unexplained(passed), day: left(Period::Day), week: left(Period::Week) };
        if self.trials.len() == TRIALS {
            self.trials.pop_front();
        }
        self.trials.push_back(trial);
    }

    /// The season that has explained the last days best.
    fn best(&self) -> Option<Period> {
        let mut best = None;
        for (period, least) in [(Period::Day, 1), (Period::Week, TRIALS)] {
            let both = self.trials.iter().filter_map(|trial| Some((trial.left(best)?, trial.left(Some(period))?)));
            let (without, with) = both.clone().fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
            if both.count() >= least && with < without * WORTHWHILE {
                best = Some(period);
            }
        }
        best
    }
}

impl Shape {
    fn at(&self, at: Micros) -> f64 {
        let offset = self.of.as_ref().map_or(0.0, |(period, offsets)| f64::from(offsets[period.place(at).1]));
        self.lift + offset
    }

    /// By how much it is above another, on average over the last `remembered` of a day's values.
    fn above(&self, other: &Self, passed: &[Slot], remembered: usize) -> f64 {
        let (mut left, mut counted, mut sum) = (remembered as u64, 0, 0.0);
        for slot in passed.iter().rev() {
            let count = left.min(slot.count.into());
            sum += (self.at(slot.start) - other.at(slot.start)) * count as f64;
            counted += count;
            left -= count;
        }
        // Without a value in that day there is nothing to go by but the mean of both, which is 0.
        if counted == 0 { self.lift } else { sum / counted as f64 }
    }

    /// The mean distance of a day's slots from it, from their median distance.
    fn unexplained(&self, passed: &[Slot]) -> f64 {
        let mut distances: Vec<f64> = passed.iter().map(|slot| slot.mean - self.at(slot.start)).collect();
        distances.sort_unstable_by(f64::total_cmp);
        let Some(&median) = distances.get(distances.len() / 2) else { return 0.0 };
        distances.iter().map(|distance| (distance - median).abs()).sum::<f64>() / distances.len() as f64
    }
}

impl Trial {
    fn left(&self, period: Option<Period>) -> Option<f64> {
        match period {
            None => Some(self.none),
            Some(Period::Day) => self.day,
            Some(Period::Week) => self.week,
        }
    }
}

#[cfg(test)]
mod tests;
