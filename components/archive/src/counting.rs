//! The counting of a batch: sums by service, which the board gets when all of it is counted.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, MutexGuard};

use logd_sdk::Time;

use crate::board::{Board, Counts, second};
use crate::records::Counted;
use crate::series::{COUNTED, Count, usable};

/// So many services of a batch are found by their names, one after the other; further ones by the board's table.
const NEAR: usize = 8;

/// Counts the logs of a batch, all of one pipeline. Some tens of nanoseconds a log, and no allocation for one whose service
/// the batch has had.
#[derive(Debug)]
#[must_use = "nothing is counted before its end"]
pub struct Counting<'f> {
    board: MutexGuard<'f, Board>,
    pipeline: &'f str,
    /// `None` if the feed is of no use: then the archive counts nothing.
    place: Option<usize>,
    now: Time,
    tallies: Vec<Tally>,
    /// The places in `tallies` by the numbers of services.
    places: HashMap<u32, usize>,
    /// The place of the last log's service.
    last: usize,
}

/// What a batch has of a service.
#[derive(Debug)]
pub struct Tally {
    number: u32,
    service: Arc<str>,
    /// Without what is in the stretch.
    counts: Counts,
    /// The time of the last log.
    last: Time,
    latest: Time,
    /// The stretch of the last log, and what was counted in it: logs come mostly in order.
    stretch: (i64, Count),
}

impl Tally {
    /// Whose logs they are.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// How many logs.
    #[must_use]
    pub fn logs(&self) -> u64 {
        self.counts.logs
    }

    /// How many of them are errors.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.counts.errors
    }

    /// The latest of their times.
    #[must_use]
    pub fn latest(&self) -> Time {
        self.latest
    }

    /// Adds what was counted in its stretch to the sums, and to the history of the service.
    fn end_stretch(&mut self, board: &mut Board, place: Option<usize>) {
        let count = mem::take(&mut self.stretch.1);
        self.counts.take(&count);
        if let Some(place) = place {
            board.add_history(place, self.number, (self.stretch.0, count));
        }
    }
}

impl<'f> Counting<'f> {
    pub(crate) fn new(board: MutexGuard<'f, Board>, pipeline: &'f str, place: Option<usize>, now: Time) -> Self {
        Self { board, pipeline, place, now, tallies: Vec::new(), places: HashMap::new(), last: 0 }
    }

    /// Counts a log; every log, whether it will be indexed or not. Returns whether the budget has room to index it; one
    /// for which it has none is counted as left out.
    pub fn count(&mut self, log: &Counted<'_>) -> bool {
        self.last = self.tally(log);
        let tally = &mut self.tallies[self.last];
        let at = second(log.time);
        let stretch = at - at.rem_euclid(COUNTED);
        if stretch != tally.stretch.0 {
            tally.end_stretch(&mut self.board, self.place);
            tally.stretch.0 = stretch;
        }
        let mut counted = Count { logs: 1, errors: log.is_error.into(), timed: 0, time: 0 };
        if let Some(time) = log.response_time.and_then(usable) {
            (counted.timed, counted.time) = (1, (time.max(0.0) * 1000.0).round() as u64);
        }
        tally.stretch.1.add(&counted);
        (tally.last, tally.latest) = (log.time, tally.latest.max(log.time));
        let admitted = self.place.is_some() && self.board.admits(tally.number, log.is_error);
        tally.counts.over_rate += u64::from(!admitted);
        admitted
    }

    /// Ends the counting. Returns what the batch had of each service.
    pub fn end(mut self) -> Vec<Tally> {
        for tally in &mut self.tallies {
            tally.end_stretch(&mut self.board, self.place);
            if let Some(place) = self.place {
                self.board.count(place, tally.number, &tally.counts, self.now, tally.last);
            }
        }
        self.tallies
    }

    /// The place of a log's tally.
    fn tally(&mut self, log: &Counted<'_>) -> usize {
        let is = |tally: &Tally| *tally.service == *log.service;
        if self.tallies.get(self.last).is_some_and(is) {
            return self.last;
        }
        if let Some(place) = self.tallies.iter().take(NEAR).position(is) {
            return place;
        }
        let number = self.board.service(self.pipeline, log.service);
        let Self { board, tallies, places, .. } = self;
        *places.entry(number).or_insert_with(|| {
            tallies.push(Tally {
                number,
                service: board
                    .services
                    .table
                    .get(number)
                    .map_or_else(|| log.service.into(), |entry| Arc::clone(&entry.service)),
                counts: Counts::default(),
                last: log.time,
                latest: log.time,
                stretch: (i64::MIN, Count::default()),
            });
            tallies.len() - 1
        })
    }
}
