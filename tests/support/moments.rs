//! Random moments from a seed that is printed: what failed can be repeated.

use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Moments at which something happens.
pub(crate) struct Moments(TestRng);

impl Moments {
    /// From the variable `SEED`, or from a seed of its own.
    pub(crate) fn new() -> Self {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(std::process::id());
        println!("SEED={seed}");
        let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// One of so many.
    pub(crate) fn one_of(&mut self, count: u32) -> u32 {
        self.0.next_u32() % count
    }

    /// How long from now the next one is: not longer than `longest`.
    pub(crate) fn within(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(f64::from(self.0.next_u32()) / f64::from(u32::MAX))
    }
}
