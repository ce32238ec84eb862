//! Requests one after the other, from the figures of their bucket. This is the hot loop: it allocates nothing.

use std::f64::consts::LN_2;
use std::sync::Arc;

use logd_sdk::Time;
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_pcg::rand_core::Rng as _;

use super::BUCKET;
use super::chance::{Purpose, Stream, count, share};
use super::change::Figures;
use super::course::Course;
use super::traffic::Traffic;

/// One request in so many takes much longer for no reason.
const ONE_STRAGGLER_IN: f64 = 500.0;

/// The exponent of the Pareto distribution of how many times longer.
const STRAGGLER_SHAPE: f64 = 1.5;

/// The logarithm of the most that it is, about 100 times.
const LONGEST_STRAGGLER: f64 = 4.6;

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When it was given.
    pub at: Time,
    /// How long it took, in milliseconds; greater than 0.
    pub latency_ms: f64,
    /// Whether it failed.
    pub error: bool,
}

/// The requests of a service in the order of time.
#[derive(Clone, Debug)]
pub struct Requests {
    traffic: Traffic,
    /// Buckets in all.
    buckets: u64,
    bucket: Bucket,
}

/// The requests of a bucket.
#[derive(Clone, Debug)]
struct Bucket {
    /// Its number.
    number: u64,
    /// When it begins, in microseconds since the epoch.
    start: i64,
    /// Where each request stands: the sum of all gaps up to it. Used again for each bucket.
    places: Vec<f64>,
    /// The next one of them.
    next: usize,
    /// Microseconds for each unit of those sums.
    scale: f64,
    ln_ms: f64,
    sigma: f64,
    /// Of 2³² draws so many are failures.
    errors: u64,
    tail_share: f64,
    tail_ln: f64,
    stream: Stream,
}

/// Of 2³² draws so many are stragglers.
const STRAGGLERS: u64 = part(1.0 / ONE_STRAGGLER_IN);

/// The part of 2³² draws that a share is.
const fn part(share: f64) -> u64 {
    (share * 4_294_967_296.0) as u64
}

impl Requests {
    /// The requests of a service in so many buckets.
    pub(crate) fn new(course: Arc<Course>, buckets: u64) -> Self {
        let bucket = Bucket {
            number: 0,
            start: course.time(0),
            places: Vec::new(),
            next: 0,
            scale: 0.0,
            ln_ms: 0.0,
            sigma: course.service.sigma,
            errors: 0,
            tail_share: 0.0,
            tail_ln: 0.0,
            stream: course.chance.stream(Purpose::Requests, 0),
        };
        Self { traffic: Traffic::new(course), buckets, bucket }
    }

    /// Goes over the buckets before this one. The way is forward only.
    pub(crate) fn skip_to(&mut self, bucket: u64) {
        self.bucket.next = self.bucket.places.len();
        self.traffic.skip_to(bucket);
    }

    /// The number of the bucket of the last request.
    pub(crate) fn bucket(&self) -> u64 {
        self.bucket.number
    }
}

impl Iterator for Requests {
    type Item = Request;

    #[inline]
    fn next(&mut self) -> Option<Request> {
        while self.bucket.next == self.bucket.places.len() {
            if self.traffic.bucket() >= self.buckets {
                return None;
            }
            let (number, figures) = self.traffic.next();
            let course = self.traffic.course();
            self.bucket.fill(number, course.time(number), figures, course.chance.stream(Purpose::Requests, number));
        }
        Some(self.bucket.request())
    }
}

impl Bucket {
    /// Begins a bucket: draws how many requests come, and when.
    ///
    /// The sums of n exponential gaps, divided by that of n + 1, are distributed as n uniform numbers in order (Devroye
    /// 1986, chapter V, theorem 2.2). So nothing has to be sorted.
    fn fill(&mut self, number: u64, start: i64, figures: Figures, mut stream: Stream) {
        (self.number, self.start, self.next) = (number, start, 0);
        self.ln_ms = figures.ln_ms;
        self.errors = part(figures.errors.clamp(0.0, 1.0));
        (self.tail_share, self.tail_ln) = (figures.tail_share, figures.tail_ln);
        let requests = count(&mut stream, figures.count);
        let mut sum = 0.0;
        let mut after_gap = || {
            let gap: f64 = Exp1.sample(&mut stream);
            sum += gap;
            sum
        };
        self.places.clear();
        self.places.extend((0..requests).map(|_| after_gap()));
        self.scale = BUCKET as f64 / after_gap();
        self.stream = stream;
    }

    /// The next request, of which there is one.
    #[inline]
    fn request(&mut self) -> Request {
        // Rounding could otherwise put the last one at the beginning of the next bucket.
        let offset = ((self.places[self.next] * self.scale) as i64).min(BUCKET - 1);
        self.next += 1;
        let chance = self.stream.next_u64();
        let error = chance >> 32 < self.errors;
        let normal: f64 = StandardNormal.sample(&mut self.stream);
        let mut ln_ms = self.ln_ms + self.sigma * normal;
        if error {
            ln_ms += LN_2;
        }
        if chance & 0xffff_ffff < STRAGGLERS {
            let excess: f64 = Exp1.sample(&mut self.stream);
            ln_ms += (excess / STRAGGLER_SHAPE).min(LONGEST_STRAGGLER);
        }
        if self.tail_share > 0.0 && share(&mut self.stream) < self.tail_share {
            ln_ms += self.tail_ln;
        }
        Request { at: Time::from_micros(self.start + offset), latency_ms: ln_ms.exp(), error }
    }
}
