//! Who has spoken: totals of each service of each pipeline, as readers see them.

use std::sync::Arc;

use logd_sdk::Time;
use serde::{Deserialize, Serialize};

use super::budget::Flow;
use super::table::Table;
use crate::series::Count;

/// So many services, counted for each pipeline that they come by, are kept apart; the rest are [`OTHER`].
pub const MAX_SERVICES: usize = 10_000;
/// The service of logs whose own finds no room, or has a name of more than 256 bytes.
pub const OTHER: &str = "(other)";
/// A longer name, in bytes, is nobody's.
const MAX_NAME: usize = 256;

/// A service's name, as it is kept.
pub(crate) fn name_of(service: &str) -> &str {
    if service.len() > MAX_NAME { OTHER } else { service }
}

/// What is counted of a service. Times are whole microseconds, so that sums can be taken back exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) logs: u64,
    pub(crate) errors: u64,
    /// So many had a response time.
    pub(crate) timed: u64,
    /// The sum of the response times, in microseconds.
    pub(crate) time: u64,
    pub(crate) indexed: u64,
    /// Not indexed, since the budget had no room.
    pub(crate) over_rate: u64,
    /// Not indexed, since it was too large.
    pub(crate) too_large: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, more: &Self) {
        self.each(more, u64::saturating_add);
    }

    /// Adds logs of which it is not yet known whether they are indexed.
    pub(crate) fn take(&mut self, counted: &Count) {
        let Count { logs, errors, timed, time } = *counted;
        self.add(&Self { logs, errors, timed, time, ..Self::default() });
    }

    pub(crate) fn take_back(&mut self, less: &Self) {
        self.each(less, u64::saturating_sub);
    }

    fn each(&mut self, other: &Self, change: fn(u64, u64) -> u64) {
        let Self { logs, errors, timed, time, indexed, over_rate, too_large } = other;
        self.logs = change(self.logs, *logs);
        self.errors = change(self.errors, *errors);
        self.timed = change(self.timed, *timed);
        self.time = change(self.time, *time);
        self.indexed = change(self.indexed, *indexed);
        self.over_rate = change(self.over_rate, *over_rate);
        self.too_large = change(self.too_large, *too_large);
    }
}

/// When a service spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spoke {
    /// When its last log came, by this machine's clock.
    pub(crate) arrived: Option<Time>,
    /// The time of that log.
    pub(crate) event: Option<Time>,
}

impl Spoke {
    pub(crate) fn later(self, other: Self) -> Self {
        if other.arrived >= self.arrived { other } else { self }
    }
}

/// The logs of the last minute, by the second in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Minute {
    logs: [u32; Self::SECONDS],
    errors: [u32; Self::SECONDS],
    second: i64,
}

impl Minute {
    const SECONDS: usize = 60;

    fn new() -> Self {
        Self { logs: [0; Self::SECONDS], errors: [0; Self::SECONDS], second: i64::MIN }
    }

    fn slot(second: i64) -> usize {
        second.rem_euclid(Self::SECONDS as i64) as usize
    }

    pub(crate) fn count(&mut self, second: i64, logs: u64, errors: u64) {
        if second > self.second {
            let gone = second.saturating_sub(self.second).min(Self::SECONDS as i64);
            for gone in 0..gone {
                let slot = Self::slot(second - gone);
                (self.logs[slot], self.errors[slot]) = (0, 0);
            }
            self.second = second;
        }
        // A clock that goes back finds its second's slot if it is a minute's at most; else they are the last second's.
        let slot = Self::slot(if self.second - second < Self::SECONDS as i64 { second } else { self.second });
        let few = |count| u32::try_from(count).unwrap_or(u32::MAX);
        self.logs[slot] = self.logs[slot].saturating_add(few(logs));
        self.errors[slot] = self.errors[slot].saturating_add(few(errors));
    }

    /// Logs and errors of the 60 seconds that end with `second`.
    pub(crate) fn sums(&self, second: i64) -> (u64, u64) {
        let age = second.saturating_sub(self.second);
        let seconds = (age.max(0)..Self::SECONDS as i64).map(|back| Self::slot(second - back));
        seconds.fold((0, 0), |(logs, errors), slot| {
            (logs + u64::from(self.logs[slot]), errors + u64::from(self.errors[slot]))
        })
    }
}

/// A service of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) pipeline: Arc<str>,
    pub(crate) service: Arc<str>,
    /// All that was counted, what is not durable yet included.
    pub(crate) counts: Counts,
    /// How many anomalies it had.
    pub(crate) anomalies: u64,
    pub(crate) spoke: Spoke,
    pub(crate) minute: Minute,
    /// What the budget knows of it: the errors, and the rest.
    pub(crate) flows: [Flow; 2],
    /// The number of the series of its counts.
    pub(crate) history: u32,
}

/// The services.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) table: Table<Entry>,
}

impl Services {
    pub(crate) fn new() -> Self {
        Self { table: Table::new() }
    }

    pub(crate) fn find(&self, pipeline: &str, service: &str) -> Option<u32> {
        self.table.find(self.table.hash(&[pipeline, service]), |entry| entry.is(pipeline, service))
    }

    /// The number of a service; one that is new gets `history` as the number of its counts' series.
    pub(crate) fn number(&mut self, pipeline: &str, service: &str, history: impl FnOnce(&str) -> u32) -> u32 {
        let mut service = name_of(service);
        if let Some(number) = self.find(pipeline, service) {
            return number;
        }
        if self.table.len() >= MAX_SERVICES {
            service = OTHER;
            if let Some(number) = self.find(pipeline, service) {
                return number;
            }
        }
        let entry = Entry {
            pipeline: pipeline.into(),
            service: service.into(),
            counts: Counts::default(),
            anomalies: 0,
            spoke: Spoke::default(),
            minute: Minute::new(),
            flows: [Flow::default(); 2],
            history: history(service),
        };
        self.table.insert(self.table.hash(&[pipeline, service]), entry)
    }
}

impl Entry {
    pub(crate) fn is(&self, pipeline: &str, service: &str) -> bool {
        *self.service == *service && *self.pipeline == *pipeline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_forgets_what_is_older() {
        let mut minute = Minute::new();
        for second in 0..120 {
            minute.count(second, 1, u64::from(second % 2 == 0));
        }
        assert_eq!(minute.sums(119), (60, 30));
        assert_eq!(minute.sums(129), (50, 25));
        assert_eq!(minute.sums(500), (0, 0));
        minute.count(100, 1, 1);
        assert_eq!(minute.sums(119), (61, 31));
        minute.count(1000, 1, 0);
        assert_eq!(minute.sums(1000), (1, 0));
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut services = Services::new();
        for number in 0..MAX_SERVICES {
            services.number("p", &number.to_string(), |_| 0);
        }
        let other = services.number("p", "one more", |_| 0);
        assert_eq!(&*services.table.get(other).unwrap().service, OTHER);
        assert_eq!(services.number("p", "another", |_| 0), other);
        assert_eq!(services.number("p", "7", |_| 0), 7);
        assert_eq!(services.table.len(), MAX_SERVICES + 1);
        assert_eq!(name_of(&"x".repeat(257)), OTHER);
    }
}
