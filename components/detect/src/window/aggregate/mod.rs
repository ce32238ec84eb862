//! Aggregates: what is kept of a window's events.
//!
//! Every aggregate can be built up in parts, of batches, of panes, that are merged later, and comes out the same, bit for
//! bit, however the events were parted and in whichever order the parts were merged.

mod distinct;
mod exact;
mod fold;
mod moments;
mod number;
mod picks;
mod sketch;

use std::sync::Arc;

use logd_sdk::Field;
use logd_sdk::condition::Condition;
use serde::{Deserialize, Serialize};
use vrl::path::OwnedValuePath;

use super::settings::Function;
use super::tuple;
use distinct::Distinct;
pub(super) use fold::Rows;
use moments::{Spread, Total};
use number::Number;
use picks::Pick;
use sketch::Sketch;

/// One aggregate of a window.
pub(super) struct Aggregate {
    /// What is reckoned.
    pub(super) function: Function,
    /// Of which field.
    pub(super) field: Option<OwnedValuePath>,
    /// Of which events: those that meet it. For a ratio, which events are counted in it.
    pub(super) condition: Option<Arc<dyn Condition>>,
    /// Which quantile, 0 to 1.
    pub(super) q: f64,
    /// How many events are kept.
    pub(super) n: usize,
}

/// What an aggregate keeps of some of a window's events. Its form is part of the snapshot. What is large is in a box, for
/// there may be millions of these.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum State {
    /// How many there are.
    Count(u64),
    /// How many meet the condition, and how many there are.
    Share(u64, u64),
    /// How many numbers there are, and their sum.
    Total(Box<Total>),
    /// The same, and the sum of their squares.
    Spread(Box<Spread>),
    /// The least or the greatest number.
    Extreme(Option<Number>),
    /// How the numbers are distributed.
    Sketch(Sketch),
    /// Which values there are.
    Distinct(Box<Distinct>),
    /// The first or last events, or a field of them, in order.
    Picks(Vec<Pick>),
}

impl Aggregate {
    /// Adds what `from` has of other events of the same window.
    pub(super) fn merge(&self, into: &mut State, from: State) {
        match (into, from) {
            (State::Count(mine), State::Count(count)) => *mine += count,
            (State::Share(met, of), State::Share(more_met, more)) => (*met, *of) = (*met + more_met, *of + more),
            (State::Total(mine), State::Total(total)) => mine.merge(&total),
            (State::Spread(mine), State::Spread(spread)) => mine.merge(&spread),
            (State::Extreme(mine), State::Extreme(number)) => {
                if let Some(number) = number {
                    self.extend(mine, number);
                }
            }
            (State::Sketch(mine), State::Sketch(sketch)) => mine.merge(sketch),
            (State::Distinct(mine), State::Distinct(distinct)) => mine.merge(*distinct),
            (State::Picks(mine), State::Picks(picks)) => self.join(mine, picks),
            _ => debug_assert!(false, "the states of one aggregate are of one kind"),
        }
    }

    /// Appends the result, as [`tuple`] writes it; `seconds` is how long the window is. Where there is nothing to be
    /// said (the mean of no number), or no float can say it, it is null.
    pub(super) fn finish(&self, state: &State, seconds: f64, out: &mut Vec<u8>) {
        let result = match state {
            State::Count(count) if self.function == Function::Rate => Some(Field::Float(*count as f64 / seconds)),
            State::Count(count) => i64::try_from(*count).ok().map(Field::Integer),
            State::Share(met, of) => Some(Field::Float(*met as f64 / *of as f64)),
            State::Total(total) if self.function == Function::Sum => Some(total.sum()),
            State::Total(total) => Some(Field::Float(total.mean())),
            State::Spread(spread) => Some(Field::Float(spread.stddev())),
            State::Extreme(number) => number.map(Number::field),
            State::Sketch(sketch) => sketch.quantile(self.q).map(Field::Float),
            State::Distinct(distinct) => Some(Field::Integer(distinct.count())),
            State::Picks(picks) if self.function == Function::Samples => {
                return tuple::write_array(picks.iter().map(|pick| pick.bytes.as_slice()), out);
            }
            State::Picks(picks) => match picks.first() {
                Some(pick) => return out.extend_from_slice(&pick.bytes),
                None => None,
            },
        };
        let finite = result.filter(|field| !matches!(field, Field::Float(float) if !float.is_finite()));
        tuple::write(finite.unwrap_or(Field::Null), out);
    }

    /// Takes a number in that may be the least, or the greatest.
    fn extend(&self, extreme: &mut Option<Number>, number: Number) {
        let beyond = match self.function {
            Function::Min => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        if extreme.is_none_or(|extreme| number.order(extreme) == beyond) {
            *extreme = Some(number);
        }
    }
}
