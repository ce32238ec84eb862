//! Slow noise: a stationary Gaussian autoregressive process of the first order, one value a bucket.

use rand_distr::{Distribution, StandardNormal};

use super::BUCKET_SECONDS;
use super::chance::Stream;

/// A noise of mean 0 that forgets exponentially.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    /// What is left of a value a bucket later: exp(−10 s / time constant).
    memory: f64,
    /// The standard deviation of what is new in each bucket, so that that of the noise stays what it is.
    fresh: f64,
    value: f64,
    stream: Stream,
}

impl Noise {
    /// A noise with a time constant in seconds and a standard deviation.
    pub(crate) fn new(time_constant: f64, deviation: f64, mut stream: Stream) -> Self {
        let memory = (-(BUCKET_SECONDS as f64) / time_constant).exp();
        let first: f64 = StandardNormal.sample(&mut stream);
        Self { memory, fresh: deviation * (1.0 - memory * memory).sqrt(), value: deviation * first, stream }
    }

    /// The value in the bucket at hand; then goes on to the next one.
    pub(crate) fn next(&mut self) -> f64 {
        let value = self.value;
        let fresh: f64 = StandardNormal.sample(&mut self.stream);
        self.value = self.memory * value + self.fresh * fresh;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::chance::{Chance, Purpose};

    #[test]
    fn deviation_and_memory_are_as_told() {
        let mut noise = Noise::new(300.0, 0.2, Chance::new(1, "noise").stream(Purpose::Rate, 0));
        let values: Vec<f64> = (0..1_000_000).map(|_| noise.next()).collect();
        let product = |lag: usize| values.iter().zip(&values[lag..]).map(|(a, b)| a * b).sum::<f64>() / 1e6;
        assert!((product(0).sqrt() - 0.2).abs() < 0.003, "{}", product(0).sqrt());
        // After one time constant, 30 buckets, 1/e is left.
        assert!((product(30) / product(0) - (-1.0_f64).exp()).abs() < 0.03);
    }
}
