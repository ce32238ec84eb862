//! The figures of a service from bucket to bucket, with the noise that lies on them.

use std::sync::Arc;

use super::chance::Purpose;
use super::change::Figures;
use super::course::Course;
use super::noise::Noise;

/// The standard deviation of the noise of the logarithm of the share of failures.
const ERROR_NOISE: f64 = 0.3;

/// Time constants of the noises, in seconds.
const RATE_TIME: f64 = 300.0;
const LATENCY_TIME: f64 = 600.0;
const ERROR_TIME: f64 = 900.0;

/// The way through the buckets of a service.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    course: Arc<Course>,
    rate: Noise,
    latency: Noise,
    errors: Noise,
    /// The next bucket.
    bucket: u64,
}

impl Traffic {
    /// The traffic of a service, from the first bucket on.
    pub(crate) fn new(course: Arc<Course>) -> Self {
        let Course { chance, service, .. } = &*course;
        let noise = |purpose, time, deviation| Noise::new(time, deviation, chance.stream(purpose, 0));
        Self {
            rate: noise(Purpose::Rate, RATE_TIME, service.rate_noise),
            latency: noise(Purpose::Latency, LATENCY_TIME, service.latency_noise),
            errors: noise(Purpose::Errors, ERROR_TIME, ERROR_NOISE),
            bucket: 0,
            course,
        }
    }

    /// Goes over the buckets before this one.
    pub(crate) fn skip_to(&mut self, bucket: u64) {
        while self.bucket < bucket {
            self.noises();
            self.bucket += 1;
        }
    }

    /// The number and figures of the next bucket.
    pub(crate) fn next(&mut self) -> (u64, Figures) {
        let bucket = self.bucket;
        let mut figures = self.course.seasonal(bucket);
        let (rate, latency, errors) = self.noises();
        // The exponential of a normal variable has a mean of its own, so that rates stay what they are on average.
        let level = |noise: f64, deviation: f64| (noise - deviation * deviation / 2.0).exp();
        figures.count *= level(rate, self.course.service.rate_noise);
        figures.ln_ms += latency;
        figures.errors *= level(errors, ERROR_NOISE);
        self.course.apply(bucket, &mut figures);
        self.bucket += 1;
        (bucket, figures)
    }

    /// The number of the next bucket.
    pub(crate) fn bucket(&self) -> u64 {
        self.bucket
    }

    /// The service whose traffic this is.
    pub(crate) fn course(&self) -> &Course {
        &self.course
    }

    fn noises(&mut self) -> (f64, f64, f64) {
        (self.rate.next(), self.latency.next(), self.errors.next())
    }
}
