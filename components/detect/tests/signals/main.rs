//! Signals over days of a service: what has to be found, what must not be, and what must not matter.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod metamorphic;
mod reference;
mod traps;
mod workload;

use std::time::Duration;

use logd_detect::explain::{Measure, verify};
use logd_detect::incident::{Anomaly, Identity, Key, Kind, State};
use logd_detect::signals::{Bucket, Settings, Watch, Watched};
use logd_detect::time::Micros;

use workload::{Doing, Event, Random};

/// Monday 2024-01-01, midnight.
const MONDAY: i64 = 1_704_067_200_000_000;

/// A bucket in microseconds.
const BUCKET: i64 = 10_000_000;

/// One key, watched.
struct Run {
    watch: Watch,
    watched: Watched,
    key: Key,
    start: i64,
    tick: usize,
    told: Vec<Anomaly>,
}

impl Run {
    fn new() -> Self {
        Self::with(&Settings::default(), "payment", MONDAY)
    }

    fn with(settings: &Settings, service: &str, start: i64) -> Self {
        let identity = Identity { pipeline: "test".to_owned(), component: "health".to_owned(), field: String::new() };
        let measure = Measure::of_field("response_time_ms", "");
        Self {
            watch: Watch::new(settings, Duration::from_secs(60), identity, measure),
            watched: Watched::default(),
            key: [("service".to_owned(), service.to_owned())].into_iter().collect(),
            start,
            tick: 0,
            told: Vec::new(),
        }
    }

    /// The same once more.
    fn fork(&self) -> Self {
        let Self { watch, watched, key, start, tick, told } = self;
        let (watch, watched, key, told) = (watch.clone(), watched.clone(), key.clone(), told.clone());
        Self { watch, watched, key, start: *start, tick: *tick, told }
    }

    /// Closes the next bucket, with these events.
    fn close(&mut self, events: &[Event]) {
        self.close_bucket(workload::bucket(events).as_ref());
    }

    /// Closes the next bucket.
    fn close_bucket(&mut self, bucket: Option<&Bucket>) {
        let start = Micros(self.start + self.tick as i64 * BUCKET);
        let key = self.key.clone();
        let (_, told) = self.watch.close(&mut self.watched, || key.clone(), start, bucket);
        if let Some(anomaly) = &told {
            assert_eq!(verify(anomaly), Ok(()), "{anomaly:?}");
        }
        self.told.extend(told);
        self.tick += 1;
    }

    /// Goes on for so many buckets, which do as `doing` says of the tick.
    fn go_on(&mut self, random: &mut Random, buckets: usize, doing: impl Fn(usize) -> Doing) {
        for _ in 0..buckets {
            let events = workload::events(random, doing(self.tick));
            self.close(&events);
        }
    }

    /// What has opened: the tick of its end, and its kind.
    fn opened(&self) -> Vec<(usize, Kind)> {
        let opened = self.told.iter().filter(|anomaly| anomaly.state == State::Open);
        opened.map(|anomaly| (self.tick_of(anomaly), anomaly.r#type)).collect()
    }

    fn tick_of(&self, anomaly: &Anomaly) -> usize {
        usize::try_from((anomaly.timestamp.0 - self.start) / BUCKET).unwrap()
    }
}
