//! What is usual at this time of day: a table of five-minute slots, the median of the last seven days.
//!
//! A day's values are smoothed over neighbouring slots until there are events enough in each. The median forgets what
//! happened on a few days only, so that an incident does not become usual; what happens every day, as a job at night, is
//! learned in a few days. So days are learned from also while an alarm is open: otherwise a nightly peak would alarm for
//! ever.

use serde::{Deserialize, Serialize};

use super::scale::SLOTS;

/// How many days the median is of.
const DAYS: usize = 7;

/// So many events a smoothed slot should have,
const ENOUGH: f64 = 60.0;

/// if that takes no more than so many slots on either side: 45 minutes.
const WIDEST: usize = 9;

/// A table of one quantity by the time of day, 24 bytes for each slot of the first day, and 16 kB after seven days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    /// The usual value of each slot, relative to the day's mean. Empty before the first day has ended.
    usual: Vec<f32>,
    /// The values of the last days, one day after the other; NaN where a slot was not seen.
    days: Vec<f32>,
    /// How many days have ended.
    ended: u32,
    /// Of the day under way, each slot that was seen.
    today: Vec<Seen>,
}

/// Two sums over one slot of the day under way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    slot: usize,
    sums: (f64, f64),
}

impl Season {
    /// The usual value of a slot, relative to the day's mean; 0 before anything is known.
    pub(super) fn usual(&self, slot: usize) -> f64 {
        self.usual.get(slot).copied().map_or(0.0, f64::from)
    }

    /// How many days have ended.
    pub(super) fn days(&self) -> u32 {
        self.ended
    }

    /// Adds to both sums of a slot of the day under way. Slots come one after the other.
    pub(super) fn add(&mut self, slot: usize, one: f64, other: f64) {
        match self.today.last_mut().filter(|seen| seen.slot == slot) {
            Some(Seen { sums, .. }) => *sums = (sums.0 + one, sums.1 + other),
            None => {
                // Most keys of many are seen for a short while only.
                if self.today.len() == self.today.capacity() {
                    self.today.reserve_exact(SLOTS / 12);
                }
                self.today.push(Seen { slot, sums: (one, other) });
            }
        }
    }

    /// Both sums over the whole day under way.
    pub(super) fn totals(&self) -> (f64, f64) {
        self.today.iter().fold((0.0, 0.0), |total, Seen { sums, .. }| (total.0 + sums.0, total.1 + sums.1))
    }

    /// Forgets the day under way, which was not seen as a whole.
    pub(super) fn give_up_day(&mut self) {
        self.today = Vec::new();
    }

    /// Ends the day, smoothed over `half_width` slots on either side. `value` makes a slot's value of its sums, `None`
    /// where there is none.
    pub(super) fn end_day(&mut self, half_width: usize, value: impl Fn(f64, f64) -> Option<f64>) {
        if self.today.is_empty() {
            return;
        }
        let mut all = [(0.0, 0.0); SLOTS];
        for Seen { slot, sums } in std::mem::take(&mut self.today) {
            all[slot % SLOTS] = sums;
        }
        let place = self.ended as usize % DAYS * SLOTS;
        if self.days.len() < place + SLOTS {
            self.days.reserve_exact(SLOTS);
            self.days.resize(place + SLOTS, f32::NAN);
        }
        for slot in 0..SLOTS {
            let neighbours = (0..=2 * half_width).map(|offset| (slot + SLOTS + offset - half_width) % SLOTS);
            let (one, other) = neighbours.fold((0.0, 0.0), |total, neighbour| {
                let sums: (f64, f64) = all[neighbour];
                (total.0 + sums.0, total.1 + sums.1)
            });
            self.days[place + slot] = value(one, other).map_or(f32::NAN, |value| value as f32);
        }
        self.ended += 1;
        self.usual = (0..SLOTS).map(|slot| self.median(slot)).collect();
    }

    /// The median of the days on which the slot was seen; NaN if there was none.
    fn median(&self, slot: usize) -> f32 {
        let mut seen = [0.0; DAYS];
        let mut count = 0;
        for &value in self.days.iter().skip(slot).step_by(SLOTS).filter(|value| !value.is_nan()) {
            seen[count] = value;
            count += 1;
        }
        let seen = &mut seen[..count];
        seen.sort_unstable_by(f32::total_cmp);
        match count {
            0 => f32::NAN,
            _ if count % 2 == 1 => seen[count / 2],
            _ => 0.5 * (seen[count / 2 - 1] + seen[count / 2]),
        }
    }

    /// Makes the table relative to its mean by `mean_of`, which sees the slots that are known. The others are as the mean.
    pub(super) fn center(&mut self, mean_of: impl Fn(&mut dyn Iterator<Item = f64>) -> f64) {
        let known = self.usual.iter().filter(|value| !value.is_nan());
        let mean = mean_of(&mut known.map(|&value| f64::from(value)));
        for value in &mut self.usual {
            *value = if value.is_nan() { 0.0 } else { (f64::from(*value) - mean) as f32 };
        }
    }
}

/// How many slots on either side to smooth over, where a day had so many events.
pub(super) fn half_width(events: f64) -> usize {
    let per_slot = events / SLOTS as f64;
    (0..WIDEST).find(|&half_width| per_slot * (2 * half_width + 1) as f64 >= ENOUGH).unwrap_or(WIDEST)
}

/// The arithmetic mean; 0 of nothing.
pub(super) fn mean(values: &mut dyn Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(season: &mut Season, value: impl Fn(usize) -> Option<f64>) {
        for slot in 0..SLOTS {
            match value(slot) {
                Some(value) => season.add(slot, value, 1.0),
                None => season.add(slot, 0.0, 0.0),
            }
        }
        season.end_day(0, |one, other| (other > 0.0).then(|| one / other));
        season.center(mean);
    }

    #[test]
    fn what_comes_every_day_is_usual_and_what_comes_once_is_not() {
        let mut season = Season::default();
        let nightly = |slot: usize| if slot == 36 { 1.0 } else { 0.0 };
        day(&mut season, |slot| Some(nightly(slot)));
        day(&mut season, |slot| Some(nightly(slot)));
        day(&mut season, |slot| Some(nightly(slot) + if slot == 100 { 5.0 } else { 0.0 }));
        assert!((season.usual(36) - 287.0 / 288.0).abs() < 1e-6, "{}", season.usual(36));
        assert!(season.usual(100).abs() < 0.01, "{}", season.usual(100));
        for _ in 0..7 {
            day(&mut season, |_| Some(0.0));
        }
        assert_eq!((season.usual(36), season.days.len()), (0.0, DAYS * SLOTS));
    }

    #[test]
    fn slots_that_were_not_seen_are_as_the_mean() {
        let mut season = Season::default();
        day(&mut season, |slot| (slot >= 144).then_some(if slot < 216 { 2.0 } else { 4.0 }));
        assert_eq!((season.usual(0), season.usual(150), season.usual(287)), (0.0, -1.0, 1.0));
        day(&mut season, |slot| (slot < 144).then_some(3.0));
        assert_eq!((season.usual(0), season.usual(150), season.usual(287)), (0.0, -1.0, 1.0));
    }

    #[test]
    fn few_events_are_smoothed_widely() {
        assert_eq!((half_width(1e6), half_width(60.0 * 288.0), half_width(60.0 * 288.0 / 2.9)), (0, 0, 1));
        assert_eq!((half_width(500.0), half_width(0.0)), (9, 9));
    }
}
