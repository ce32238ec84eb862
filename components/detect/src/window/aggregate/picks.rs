//! The first events of a window, or the last ones: as evidence, or for a field of theirs.
//!
//! Events are ordered by time, then by id, so that it is never chance which of them is kept.

use std::cmp::Ordering;

use logd_sdk::event::write_json;
use logd_sdk::{Batch, EventId, Time};
use serde::{Deserialize, Serialize};

use super::super::settings::Function;
use super::super::tuple;
use super::Aggregate;
use crate::detector::insert_bounded;
use crate::short::{LONGEST_EVENT, short_event};

/// An event that is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pick {
    time: Time,
    id: EventId,
    /// The event as JSON, or the field as [`tuple`] writes it.
    pub(super) bytes: Vec<u8>,
}

/// An event of a batch that may be kept. Its id is worked out only where the time does not decide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    time: Time,
    row: u32,
}

impl Aggregate {
    /// How many events are kept.
    fn limit(&self) -> usize {
        if self.function == Function::Samples { self.n } else { 1 }
    }

    /// The order in which events are wanted.
    fn directed(&self, order: Ordering) -> Ordering {
        if self.function == Function::Last { order.reverse() } else { order }
    }

    /// Takes a row of the batch in, if it is among those wanted.
    pub(super) fn offer(&self, batch: &Batch, kept: &mut Vec<Candidate>, row: usize) {
        let new = Candidate { time: batch.rows()[row].time, row: u32::try_from(row).unwrap_or(u32::MAX) };
        let order = |old: &Candidate, new: &Candidate| {
            let ids = || batch.id(old.row as usize).cmp(&batch.id(new.row as usize));
            self.directed(old.time.cmp(&new.time).then_with(ids))
        };
        insert_bounded(kept, new, self.limit(), order);
    }

    /// Takes along what is kept of the batch: the events, or the field in `column`.
    pub(super) fn keep(&self, batch: &Batch, kept: Vec<Candidate>, column: Option<usize>) -> Vec<Pick> {
        let pick = |Candidate { time, row }| {
            let (row, mut bytes) = (row as usize, Vec::new());
            match column {
                Some(column) => tuple::write_short(batch.field(row, column), &mut bytes),
                None => {
                    write_json(batch, row, &mut bytes);
                    bytes = short_event(bytes, LONGEST_EVENT);
                }
            }
            Pick { time, id: batch.id(row), bytes }
        };
        kept.into_iter().map(pick).collect()
    }

    /// Puts two selections of a window's events together.
    pub(super) fn join(&self, mine: &mut Vec<Pick>, picks: Vec<Pick>) {
        mine.extend(picks);
        mine.sort_by(|left, right| self.directed((left.time, left.id).cmp(&(right.time, right.id))));
        mine.truncate(self.limit());
    }
}
