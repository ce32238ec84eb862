//! Events as evidence: of the last buckets some that failed, and some of the slowest.
//!
//! Which ones is never chance: those that failed first, and the slowest; among equals the earliest, then by what they say,
//! which is the same wherever they are read from.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use logd_sdk::event::write_json;
use logd_sdk::{Batch, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::detector::insert_bounded;
use crate::incident::{Anomaly, Kind, State};
use crate::short::{LONGEST, short_event};
use crate::time::Micros;

/// A row of a batch that may be a sample. Its text is written only where nothing else decides.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    latency: f64,
    row: usize,
}

/// The rows of a batch that may be samples of one bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    failed: Vec<Candidate>,
    slowest: Vec<Candidate>,
}

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    /// 0 of one that failed: there it does not decide.
    latency: f64,
    time: Time,
    json: Vec<u8>,
}

/// The samples of a bucket, or of the last ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Samples {
    failed: Vec<Sample>,
    slowest: Vec<Sample>,
}

/// The samples of a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sampled {
    /// Of buckets that are still open, by their start.
    pending: BTreeMap<Micros, Samples>,
    /// Of the last that were closed and had some.
    recent: Samples,
}

impl Candidates {
    /// Takes in a row, of which there are at most `most` of either sort.
    pub(super) fn offer(&mut self, batch: &Batch, row: usize, latency: Option<f64>, failed: bool, most: usize) {
        if failed {
            insert(batch, &mut self.failed, Candidate { latency: 0.0, row }, most);
        }
        if let Some(latency) = latency.filter(|latency| *latency > 0.0 && latency.is_finite()) {
            insert(batch, &mut self.slowest, Candidate { latency, row }, most);
        }
    }

    /// Takes along what is kept of the batch.
    pub(super) fn keep(self, batch: &Batch) -> Samples {
        let sample =
            |Candidate { latency, row }| Sample { latency, time: batch.rows()[row].time, json: json(batch, row) };
        let keep = |rows: Vec<Candidate>| rows.into_iter().map(sample).collect();
        Samples { failed: keep(self.failed), slowest: keep(self.slowest) }
    }
}

/// An event as it is kept.
fn json(batch: &Batch, row: usize) -> Vec<u8> {
    let mut json = Vec::new();
    write_json(batch, row, &mut json);
    short_event(json, LONGEST)
}

fn insert(batch: &Batch, kept: &mut Vec<Candidate>, new: Candidate, most: usize) {
    let order = |old: &Candidate, new: &Candidate| {
        let times = || batch.rows()[old.row].time.cmp(&batch.rows()[new.row].time);
        let texts = || json(batch, old.row).cmp(&json(batch, new.row));
        new.latency.total_cmp(&old.latency).then_with(times).then_with(texts)
    };
    insert_bounded(kept, new, most, order);
}

impl Sample {
    /// The order in which they are wanted.
    fn order(&self, other: &Self) -> Ordering {
        other.latency.total_cmp(&self.latency).then_with(|| (self.time, &self.json).cmp(&(other.time, &other.json)))
    }
}

impl Samples {
    /// The two sorts, each with that of the other.
    fn with(&mut self, other: Self) -> [(&mut Vec<Sample>, Vec<Sample>); 2] {
        [(&mut self.failed, other.failed), (&mut self.slowest, other.slowest)]
    }

    fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.slowest.is_empty()
    }

    /// Takes in those of the same bucket from elsewhere. Returns whether any is among the first `most`.
    fn merge(&mut self, other: Self, most: usize) -> bool {
        let mut has_changed = false;
        for (mine, others) in self.with(other) {
            for new in others {
                has_changed |= insert_bounded(mine, new, most, Sample::order);
            }
        }
        has_changed
    }

    /// Takes in those of a later bucket: they come first.
    fn follow(&mut self, later: Self, most: usize) {
        for (mine, mut later) in self.with(later) {
            later.append(mine);
            later.truncate(most);
            *mine = later;
        }
    }
}

impl Sampled {
    /// Takes in samples of the bucket that begins at `start`. Returns whether it has others now.
    pub(super) fn add(&mut self, start: Micros, samples: Samples, most: usize) -> bool {
        !samples.is_empty() && self.pending.entry(start).or_default().merge(samples, most)
    }

    /// Closes the bucket that begins at `start`. Returns whether it had any.
    pub(super) fn close(&mut self, start: Micros, most: usize) -> bool {
        let closed = self.pending.remove(&start);
        let had_some = closed.is_some();
        closed.into_iter().for_each(|closed| self.recent.follow(closed, most));
        had_some
    }

    /// The events that show what a change tells: of errors those that failed, of latencies the slowest. Of less traffic, of
    /// more, and of what is over, none does.
    pub(super) fn of(&self, anomaly: &Anomaly) -> Vec<Value> {
        if anomaly.state == State::Resolved {
            return Vec::new();
        }
        let tells = |kinds: &[Kind]| anomaly.signals.iter().any(|part| part.open && kinds.contains(&part.r#type));
        let (errors, latencies) =
            (tells(&[Kind::ErrorRate]), tells(&[Kind::Latency, Kind::TailLatency, Kind::Degradation]));
        let failed = self.recent.failed.iter().filter(|_| errors);
        let slowest = self.recent.slowest.iter().filter(|_| latencies);
        let mut told: Vec<&Sample> = Vec::new();
        for sample in failed.chain(slowest).filter(|sample| sample.time.as_micros() >= anomaly.since.0) {
            // One that failed may be among the slowest, too.
            if told.iter().all(|other| (other.time, &other.json) != (sample.time, &sample.json)) {
                told.push(sample);
            }
        }
        let value =
            |json: &Vec<u8>| serde_json::from_slice(json).unwrap_or_else(|_| String::from_utf8_lossy(json).into());
        told.iter().map(|sample| value(&sample.json)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Event, batch};
    use super::*;

    /// The samples of events that come in these batches.
    fn samples(batches: &[&[Event]], most: usize) -> Samples {
        let mut samples = Samples::default();
        for events in batches {
            let (batch, mut candidates) = (batch(events), Candidates::default());
            for (row, event) in events.iter().enumerate() {
                candidates.offer(&batch, row, Some(event.latency), event.failed, most);
            }
            samples.merge(candidates.keep(&batch), most);
        }
        samples
    }

    fn latencies(samples: &[Sample]) -> Vec<f64> {
        let latency = |sample: &Sample| {
            let event: Value = serde_json::from_slice(&sample.json).unwrap();
            event["response_time_ms"].as_f64().unwrap()
        };
        samples.iter().map(latency).collect()
    }

    #[test]
    fn the_slowest_are_kept_and_those_that_failed_first_however_they_come() {
        let event = |second, latency: f64| Event { second, service: "web", latency, failed: latency as i64 % 2 == 1 };
        let events = [(1, 7.0), (2, 40.0), (3, 9.0), (4, -1.0), (5, 3.0), (6, 25.0), (7, f64::NAN)];
        let mut events = events.map(|(second, latency)| event(second, latency));
        let check = |batches: &[&[Event]]| {
            let kept = samples(batches, 2);
            assert_eq!((latencies(&kept.slowest), latencies(&kept.failed)), (vec![40.0, 25.0], vec![7.0, 9.0]));
        };
        check(&[&events]);
        check(&[&events[4..], &events[..4]]);
        assert!(samples(&[&events], 0).is_empty());
        events.reverse();
        check(&[&events[..3], &events[3..]]);
    }

    #[test]
    fn a_later_bucket_comes_first_and_what_is_no_better_changes_nothing() {
        let event = |second, latency| Event { second, service: "web", latency, failed: false };
        let of = |events: &[Event]| samples(&[events], 3);
        let mut sampled = Sampled::default();
        let (first, second) = (Micros(0), Micros(10_000_000));
        assert!(sampled.add(first, of(&[event(1, 50.0), event(2, 60.0), event(3, 70.0)]), 3));
        assert!(!sampled.add(first, of(&[event(4, 10.0)]), 3));
        assert!(sampled.add(second, of(&[event(11, 20.0)]), 3));
        assert!(sampled.close(first, 3) && sampled.close(second, 3) && !sampled.close(Micros(20_000_000), 3));
        assert_eq!(latencies(&sampled.recent.slowest), [20.0, 70.0, 60.0]);
    }
}
