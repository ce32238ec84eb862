//! What becomes of the events of a batch that could not be read.
//!
//! A source gives every event the time at which it came in. An event whose own time could not be found must not keep
//! that: it would push the watermark of an old log to today, and make all that follows late.

use logd_sdk::outputs::Discard;
use logd_sdk::{Batch, Outputs, Time};

use super::format::Reason;
use super::format::csv::HEADER;
use super::settings::OnError;

/// The rows that could not be read, in order, and why.
#[derive(Debug, Default)]
pub(super) struct Failures {
    rows: Vec<u32>,
    reasons: Vec<Reason>,
}

impl Failures {
    /// Notes that the row could not be read; rows come in order.
    pub(super) fn add(&mut self, row: usize, reason: Reason) {
        // A batch has fewer rows than 32 bits can count.
        self.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        self.reasons.push(reason);
    }

    /// Does with them what the user wants, and brings the batch's times in order if events' times were looked for.
    pub(super) fn settle(mut self, on_error: OnError, timed: bool, batch: &mut Batch, out: &mut Outputs) {
        self.drop_headers(batch, out);
        for (kind, count) in self.kinds() {
            out.error(kind, count);
            if on_error == OnError::Drop {
                out.discard(Discard::Lost, kind, count);
            }
        }
        match on_error {
            OnError::Keep if timed => self.guess_times(batch),
            OnError::Dead if !self.rows.is_empty() => {
                let mut dead = batch.select(&self.rows);
                dead.clear_columns();
                out.bury(dead, self.reasons.into_iter().map(|reason| reason.message).collect());
            }
            _ => {}
        }
        if on_error != OnError::Keep {
            remove(batch, &self.rows);
        }
        if timed {
            batch.note_times();
        }
    }

    /// A header is no failure, and no event.
    fn drop_headers(&mut self, batch: &mut Batch, out: &mut Outputs) {
        if !self.reasons.iter().any(|reason| reason.kind == HEADER) {
            return;
        }
        let (mut headers, mut others) = (Vec::new(), Self::default());
        for (row, reason) in self.rows.drain(..).zip(self.reasons.drain(..)) {
            if reason.kind == HEADER {
                headers.push(row);
            } else {
                others.add(row as usize - headers.len(), reason);
            }
        }
        remove(batch, &headers);
        out.discard(Discard::Intended, HEADER, headers.len() as u64);
        *self = others;
    }

    /// How many failures there are of each kind.
    fn kinds(&self) -> Vec<(&'static str, u64)> {
        let mut kinds: Vec<(&'static str, u64)> = Vec::new();
        for reason in &self.reasons {
            match kinds.iter_mut().find(|(kind, _)| *kind == reason.kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((reason.kind, 1)),
            }
        }
        kinds
    }

    /// Kept events have the greatest time of their block so far; those before any that has one, its first.
    fn guess_times(&self, batch: &mut Batch) {
        let mut failed = vec![false; batch.len()];
        self.rows.iter().for_each(|&row| failed[row as usize] = true);
        let mut times = vec![None; batch.blocks().len()];
        for (row, _) in batch.rows().iter().zip(&failed).filter(|(_, failed)| !**failed) {
            times[row.block as usize].get_or_insert(row.time);
        }
        for (row, failed) in batch.rows_mut().iter_mut().zip(failed) {
            let time = &mut times[row.block as usize];
            if failed {
                row.time = time.unwrap_or(Time::MIN);
            } else {
                *time = (*time).max(Some(row.time));
            }
        }
    }
}

/// Takes rows, which are in order, out of the batch.
fn remove(batch: &mut Batch, rows: &[u32]) {
    if !rows.is_empty() {
        let mut rows = rows.iter().peekable();
        batch.retain(|row| rows.next_if(|gone| **gone as usize == row).is_none());
    }
}
