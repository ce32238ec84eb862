//! The requests of all services as log lines: merged in the order of time, from any place on.

use serde::{Deserialize, Serialize};

use super::chance::{Chance, Purpose, Stream};
use super::wording::{CRITICAL, DETAILS, SLOW, Wording};
use super::{Request, Requests, Scenario, Service, Simulation};
use crate::draw::{Draw, below};
use crate::generator::Line;
use crate::level::Level;
use crate::log::{Put, write_client, write_head};
use crate::message::{Message, write_one_of};
use crate::timestamp::{Timestamps, whole_milliseconds};
use rand_pcg::rand_core::Rng as _;

/// A request that took so many times the median is said to be slow.
const SLOW_FACTOR: f64 = 3.0;

/// Of requests that succeed one in so many tells details.
const ONE_DETAIL_IN: u32 = 20;

/// Of requests that fail one in so many is critical, as in the classic mix.
const ONE_CRITICAL_IN: u32 = 11;

/// A place between two lines of a scenario. With the same scenario and seed, its lines go on from it as if they had
/// never stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Lines made so far: the number of the next line, counted from 0.
    pub lines: u64,
    /// The bucket of the last line.
    pub bucket: u64,
    /// Lines made of that bucket so far.
    pub index: u64,
}

/// Makes the lines of a scenario.
#[derive(Debug)]
pub struct ScenarioLines {
    speakers: Vec<Speaker>,
    count: u64,
    timestamps: Timestamps,
    place: Place,
}

/// A service with its next request.
#[derive(Debug)]
struct Speaker {
    service: Service,
    wording: &'static Wording,
    requests: Requests,
    next: Option<Request>,
    chance: Chance,
    /// What else its lines in this bucket say.
    words: Stream,
    bucket: u64,
}

impl ScenarioLines {
    /// The lines of a scenario under a seed from a place on, up to `count` in all.
    #[must_use]
    pub fn new(scenario: &Scenario, seed: u64, count: Option<u64>, place: Place) -> Self {
        let simulation = Simulation::new(scenario, seed);
        let speaker = |(service, requests): (&Service, Requests)| {
            Speaker::new(service.clone(), requests, Chance::new(seed, &service.name), place.bucket)
        };
        let mut lines = Self {
            speakers: simulation.services().map(speaker).collect(),
            count: count.unwrap_or(u64::MAX),
            timestamps: Timestamps::new(),
            place,
        };
        for _ in 0..place.index {
            if let Some(speaker) = lines.first().and_then(|first| lines.speakers.get_mut(first)) {
                speaker.take();
            }
        }
        lines
    }

    /// Where the next line stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// The time of the next line, in microseconds since the epoch; none at the end.
    #[must_use]
    pub fn next_time(&self) -> Option<i64> {
        let next = self.first().and_then(|first| self.speakers[first].next);
        next.filter(|_| self.place.lines < self.count).map(|request| request.at.as_micros())
    }

    /// Appends the lines that are due at `now`, in microseconds since the epoch, but no more than `most`: their text,
    /// one behind the other without newlines, to `bytes`, and where each stands to `lines`.
    pub fn append(&mut self, most: usize, now: i64, bytes: &mut Vec<u8>, lines: &mut Vec<Line>) {
        let most = (most as u64).min(self.count.saturating_sub(self.place.lines));
        for _ in 0..most {
            let Some(first) = self.first() else { return };
            let speaker = &mut self.speakers[first];
            if speaker.next.is_none_or(|request| request.at.as_micros() > now) {
                return;
            }
            let bucket = speaker.requests.bucket();
            let Some((request, draw)) = speaker.take() else { return };
            let (start, time) = (bytes.len(), whole_milliseconds(request.at.as_micros()));
            speaker.write(&request, &draw, &mut self.timestamps, bytes);
            lines.push(Line { start, end: bytes.len(), time });
            let index = if bucket == self.place.bucket { self.place.index } else { 0 };
            self.place = Place { lines: self.place.lines + 1, bucket, index: index + 1 };
        }
    }

    /// The service whose request comes next; of several at the same time, the first in the scenario.
    fn first(&self) -> Option<usize> {
        let times = self.speakers.iter().enumerate();
        let times = times.filter_map(|(index, speaker)| Some((speaker.next?.at, index)));
        times.min().map(|(_, index)| index)
    }
}

impl Speaker {
    /// A service from a bucket on.
    fn new(service: Service, mut requests: Requests, chance: Chance, bucket: u64) -> Self {
        requests.skip_to(bucket);
        let next = requests.next();
        let wording = Wording::of(&service.name);
        let bucket = requests.bucket();
        Self { service, wording, requests, next, chance, words: chance.stream(Purpose::Lines, bucket), bucket }
    }

    /// The next request, and what else is left to chance in its line.
    fn take(&mut self) -> Option<(Request, Draw)> {
        let request = self.next?;
        let bucket = self.requests.bucket();
        if bucket != self.bucket {
            (self.words, self.bucket) = (self.chance.stream(Purpose::Lines, bucket), bucket);
        }
        let draw = Draw::new(|| self.words.next_u32());
        self.next = self.requests.next();
        Some((request, draw))
    }

    /// The level of a request's line, and what it may say.
    fn level(&self, request: &Request, draw: &Draw) -> (Level, &'static [Message]) {
        if request.error {
            match below(draw.failure, ONE_CRITICAL_IN) {
                0 => (Level::Critical, CRITICAL),
                _ => (Level::Error, self.wording.failed),
            }
        } else if request.latency_ms > SLOW_FACTOR * self.service.median_ms {
            (Level::Warn, SLOW)
        } else {
            match below(draw.level, ONE_DETAIL_IN) {
                0 => (Level::Debug, DETAILS),
                _ => (Level::Info, self.wording.fine),
            }
        }
    }

    /// Appends a request's line as compact JSON, without a newline.
    fn write(&self, request: &Request, draw: &Draw, timestamps: &mut Timestamps, out: &mut Vec<u8>) {
        let (level, messages) = self.level(request, draw);
        write_head(request.at.as_micros(), &self.service.name, level, timestamps, out);
        write_one_of(messages, draw, request.latency_ms.round() as u64, out);
        out.text(r#"","response_time_ms":"#);
        write_thousandths((request.latency_ms * 1000.0).round() as u64, out);
        write_client(draw, out);
        let endpoints = self.wording.endpoints;
        out.text(r#","endpoint":""#)
            .text(endpoints[below(draw.endpoint, endpoints.len() as u32) as usize])
            .text(r#""}"#);
    }
}

/// Appends a number of thousandths with its three decimals.
fn write_thousandths(number: u64, out: &mut Vec<u8>) {
    let rest = number % 1000;
    out.number(number / 1000).text(".").number(rest / 100).number(rest / 10 % 10).number(rest % 10);
}

#[cfg(test)]
mod tests;
