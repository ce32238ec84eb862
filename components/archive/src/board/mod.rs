//! What is known right now, in memory: totals, the budget, what feeds have brought that is not durable yet.
//!
//! All of it is behind one short lock, which a feed holds for the counting of a batch.

mod answers;
mod budget;
mod keep;
mod seen;
mod services;
mod stage;
mod table;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use logd_sdk::Time;

pub use answers::{LeftOut, Service, Totals};
pub(crate) use budget::{ERRORS, REST};
pub(crate) use keep::{Forgotten, Kept};
pub(crate) use services::{Counts, Spoke, name_of};
pub use services::{MAX_SERVICES, OTHER};
pub(crate) use stage::Stage;
pub(crate) use table::Table;

use self::budget::Budget;
use self::seen::Seen;
use self::services::Services;
use crate::incident::{Actions, Record};
use crate::options::Options;
use crate::sealed::EpochPart;
use crate::series::{COUNTED, Cell, Count, Kind, Names, SeriesName};
use crate::store::{Applied, StoredService};

const SECOND: i64 = 1_000_000;
/// What claims to be from further in the future, in seconds, has no place in a series.
const FUTURE: i64 = 24 * 3600;

/// Microseconds as the second that they are in.
pub(crate) fn second(time: Time) -> i64 {
    time.as_micros().div_euclid(SECOND)
}

/// What is known right now.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) services: Services,
    pub(crate) series: Names,
    pub(crate) stages: Vec<Stage>,
    budget: Budget,
    /// The last epoch of each feed that was applied.
    epochs: HashMap<Arc<str>, u64>,
    /// Incidents that their detector has not resolved.
    watched: HashMap<String, (Record, Actions)>,
    /// Whether what is watched has to be read again, since some of what was told was taken back.
    pub(crate) is_stale: bool,
    seen: Seen,
    /// The last token that was given.
    token: u64,
    /// The second in which the archive was opened.
    opened: i64,
    /// Series have seconds in this range, for now.
    horizon: (i64, i64),
    /// What was left out since the archive was opened, besides logs.
    points_left_out: u64,
    anomalies_left_out: u64,
}

impl Board {
    pub(crate) fn new(options: &Options, now: Time) -> Self {
        let mut board = Self {
            services: Services::new(),
            series: Names::new(),
            stages: Vec::new(),
            budget: Budget::new(options.max_rate.get()),
            epochs: HashMap::new(),
            watched: HashMap::new(),
            is_stale: false,
            seen: Seen::default(),
            token: 0,
            opened: second(now),
            horizon: (0, 0),
            points_left_out: 0,
            anomalies_left_out: 0,
        };
        board.set_time(options, now);
        board
    }

    pub(crate) fn set_rate(&mut self, options: &Options) {
        self.budget.set_rate(options.max_rate.get());
    }

    /// Goes on to another second.
    pub(crate) fn set_time(&mut self, options: &Options, now: Time) {
        self.horizon = (second(now.before(options.max_age)), second(now).saturating_add(FUTURE));
        self.budget.turn(second(now), &mut self.services.table);
    }

    /// Begins with a feed, in the place of an earlier one of the same sink.
    pub(crate) fn start(&mut self, name: &Arc<str>, epoch: u64) -> u64 {
        self.retire_all(name);
        self.token += 1;
        self.stages.push(Stage::new(Arc::clone(name), self.token, epoch));
        self.token
    }

    /// Lets go of what the feed of a sink has brought and not applied.
    pub(crate) fn retire_all(&mut self, name: &str) {
        self.forget(|stage| *stage.name == *name);
    }

    /// Lets go of what a feed has brought and not applied.
    pub(crate) fn retire(&mut self, token: u64) {
        self.forget(|stage| stage.token == token);
    }

    fn forget(&mut self, which: impl Fn(&Stage) -> bool) {
        let Some(place) = self.stages.iter().position(which) else { return };
        let stage = self.stages.remove(place);
        for (service, counts) in stage.open.counts() {
            if let Some(entry) = self.services.table.get_mut(service) {
                entry.counts.take_back(counts);
            }
        }
        for delta in stage.sealed.iter().flat_map(|part| &part.services) {
            let number = self.services.find(&delta.pipeline, &delta.service);
            if let Some(entry) = number.and_then(|number| self.services.table.get_mut(number)) {
                entry.counts.take_back(&delta.counts);
            }
        }
        for whole in stage.anomalies() {
            self.is_stale = true;
            let anomaly = &whole.anomaly;
            let elsewhere = self.stages.iter().flat_map(Stage::anomalies).any(|other| other.anomaly.id == anomaly.id);
            if !elsewhere && self.seen.remove(&anomaly.id) && anomaly.opens() {
                let number = self.services.find(&anomaly.pipeline, &anomaly.service);
                if let Some(entry) = number.and_then(|number| self.services.table.get_mut(number)) {
                    entry.anomalies = entry.anomalies.saturating_sub(1);
                }
            }
        }
    }

    /// The feed that has this token, unless another has taken its place.
    pub(crate) fn stage(&mut self, token: u64) -> Option<&mut Stage> {
        self.stages.iter_mut().find(|stage| stage.token == token)
    }

    /// The place of the feed that has this token.
    pub(crate) fn place(&self, token: u64) -> Option<usize> {
        self.stages.iter().position(|stage| stage.token == token)
    }

    /// Ends a feed's epoch. Returns its number, whether it has logs, and what is not applied.
    pub(crate) fn seal(&mut self, token: u64) -> Option<(u64, bool, Vec<Arc<EpochPart>>)> {
        let place = self.place(token)?;
        let stage = &mut self.stages[place];
        let (epoch, has_logs) = (stage.epoch, stage.has_logs);
        stage.seal(&self.services, &self.series);
        Some((epoch, has_logs, stage.sealed.iter().cloned().collect()))
    }

    /// The number of a service.
    pub(crate) fn service(&mut self, pipeline: &str, service: &str) -> u32 {
        let series = &mut self.series;
        self.services.number(pipeline, service, |service| {
            // Counts always find room.
            series.number(Kind::Count, [pipeline, "", service, ""]).unwrap_or(u32::MAX)
        })
    }

    /// Counts the logs that a batch of a feed has of a service.
    pub(crate) fn count(&mut self, place: usize, service: u32, counts: &Counts, now: Time, last: Time) {
        let Some(entry) = self.services.table.get_mut(service) else { return };
        let spoke = Spoke { arrived: Some(now), event: Some(last) };
        entry.counts.add(counts);
        entry.spoke = spoke;
        entry.minute.count(second(now), counts.logs, counts.errors);
        let delta = self.stages[place].open.delta(service);
        delta.counts.add(counts);
        delta.spoke = spoke;
    }

    /// Adds to a service's history what was counted in a stretch of it.
    pub(crate) fn add_history(&mut self, place: usize, service: u32, (stretch, count): (i64, Count)) {
        let Some(entry) = self.services.table.get(service).filter(|_| count.logs > 0) else { return };
        let within = stretch + COUNTED > self.horizon.0 && stretch < self.horizon.1;
        if !within || !self.stages[place].open.log(service, entry.history, stretch, count) {
            self.points_left_out += count.logs;
        }
    }

    /// Whether the budget has room for a log.
    pub(crate) fn admits(&mut self, service: u32, is_error: bool) -> bool {
        let Some(entry) = self.services.table.get_mut(service) else { return false };
        self.budget.admits(service, &mut entry.flows, if is_error { ERRORS } else { REST })
    }

    /// Counts a log that is indexed, or is too large to be. Returns the epoch that it belongs to.
    pub(crate) fn log(&mut self, token: u64, pipeline: &str, service: &str, too_large: bool) -> Option<u64> {
        let place = self.place(token)?;
        let service = self.service(pipeline, service);
        let counts = Counts { indexed: (!too_large).into(), too_large: too_large.into(), ..Counts::default() };
        if let Some(entry) = self.services.table.get_mut(service) {
            entry.counts.add(&counts);
        }
        let stage = &mut self.stages[place];
        stage.open.delta(service).counts.add(&counts);
        stage.has_logs |= !too_large;
        Some(stage.epoch)
    }

    /// Adds a cell to a series, if it is of use.
    pub(crate) fn cell(&mut self, token: u64, kind: Kind, name: [&str; 4], time: Time, cell: Option<Cell>) {
        let Some(place) = self.place(token) else { return };
        let at = second(time);
        let cell = cell.filter(|_| at >= self.horizon.0 && at < self.horizon.1);
        let name = [name[0], name[1], name_of(name[2]), name[3]];
        // A service that only a window knows is listed too.
        self.service(name[0], name[2]);
        let number = cell.and_then(|_| self.series.number(kind, name));
        let known = number.and_then(|number| self.series.table.get_mut(number).map(|known| (number, known)));
        match known.zip(cell) {
            Some(((number, known), cell)) if self.stages[place].open.add(number, at, cell) => {
                known.last = known.last.max(at);
            }
            _ => self.points_left_out += 1,
        }
    }

    /// The logs of a feed are durable.
    pub(crate) fn committed(&mut self, token: u64) {
        if let Some(stage) = self.stage(token) {
            stage.has_logs = false;
        }
    }

    /// An epoch is durable: what it has is with the store now.
    pub(crate) fn applied(&mut self, token: u64, applied: &Applied) {
        let part = &applied.part;
        let staged = self.stage(token).is_some_and(|stage| {
            let before = stage.sealed.len();
            stage.sealed.retain(|sealed| sealed.epoch != part.epoch);
            stage.sealed.len() < before
        });
        if !staged && applied.is_new {
            self.add(part);
        }
        for anomaly in &applied.anomalies {
            self.note(anomaly);
        }
    }

    /// Adds what an epoch of a feed before this one has brought.
    fn add(&mut self, part: &EpochPart) {
        for delta in &part.services {
            let number = self.service(&delta.pipeline, &delta.service);
            if let Some(entry) = self.services.table.get_mut(number) {
                entry.counts.add(&delta.counts);
                entry.spoke = entry.spoke.later(delta.spoke);
            }
        }
        for delta in &part.series {
            self.know(&delta.name, delta.cells.last().map_or(i64::MIN, |(second, _)| *second));
        }
    }

    /// A feed is so far.
    pub(crate) fn reached(&mut self, feed: &Arc<str>, epoch: u64) {
        let last = self.epochs.entry(Arc::clone(feed)).or_default();
        *last = epoch.max(*last);
    }

    /// Takes in a service that the store has.
    pub(crate) fn load(&mut self, pipeline: &str, service: &str, stored: StoredService) {
        let number = self.service(pipeline, service);
        if let Some(entry) = self.services.table.get_mut(number) {
            (entry.counts, entry.anomalies, entry.spoke) = stored;
        }
    }

    /// Makes a series known that the store has.
    pub(crate) fn know(&mut self, name: &SeriesName, last: i64) {
        let parts = [name.pipeline.as_str(), &name.component, &name.service, &name.metric];
        let known = self.series.number(name.kind, parts).and_then(|number| self.series.table.get_mut(number));
        if let Some(known) = known {
            known.last = known.last.max(last);
            known.noted = known.last;
        }
    }
}
