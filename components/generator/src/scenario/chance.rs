//! Where chance comes from: a stream of random numbers for each seed, service, purpose and place.
//!
//! A service's streams are found by its name, and each purpose has its own: to add, rename or reorder services, or to
//! leave the incidents out, changes nothing else. PCG (O'Neill 2014) is the quickest generator here whose algorithm is
//! published and whose state can be set from a hash at once.

use rand_distr::{Distribution, Poisson};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// A stream of random numbers.
pub(crate) type Stream = Pcg64Mcg;

/// What a stream is for. The numbers are part of what a seed means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// When a service's day is busiest.
    Season = 1,
    /// What goes wrong.
    Incidents = 2,
    /// When new versions come, and what they change.
    Deploys = 3,
    /// Single slow buckets.
    Blips = 4,
    /// The noise of the rate.
    Rate = 5,
    /// The noise of response times.
    Latency = 6,
    /// The noise of the share of failures.
    Errors = 7,
    /// How many requests a bucket holds, their times and what becomes of them.
    Requests = 8,
    /// What else log lines say.
    Lines = 9,
}

/// All the chance of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The chance of the service of this name under a seed.
    pub(crate) fn new(seed: u64, service: &str) -> Self {
        Self(xxh3_64_with_seed(service.as_bytes(), seed))
    }

    /// The stream for a purpose; those for buckets are numbered, of others there is number 0.
    pub(crate) fn stream(self, purpose: Purpose, number: u64) -> Stream {
        let mut place = [0; 9];
        place[0] = purpose as u8;
        place[1..].copy_from_slice(&number.to_le_bytes());
        Pcg64Mcg::new(xxh3_128_with_seed(&place, self.0))
    }
}

/// A number from 0 up to, but never, 1.
pub(crate) fn share(stream: &mut Stream) -> f64 {
    // The 53 bits that a number below 1 can have at one distance.
    (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number between two.
pub(crate) fn between(stream: &mut Stream, least: f64, greatest: f64) -> f64 {
    least + share(stream) * (greatest - least)
}

/// A whole number from 0 to `limit` − 1.
pub(crate) fn below(stream: &mut Stream, limit: u64) -> u64 {
    ((u128::from(stream.next_u64()) * u128::from(limit)) >> 64) as u64
}

/// How often something happens that happens so often on average (Poisson).
pub(crate) fn count(stream: &mut Stream, mean: f64) -> u64 {
    // Only a mean of 0 has no distribution: nothing happens.
    Poisson::new(mean).map_or(0, |counts| counts.sample(stream) as u64)
}
