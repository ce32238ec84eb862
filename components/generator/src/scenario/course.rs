//! The course of a service: what its figures are in each bucket, before noise.

use super::chance::Chance;
use super::change::{Change, Figures};
use super::season::Season;
use super::{BUCKET, BUCKET_SECONDS, Scenario, Service};

/// All that is certain of a service beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) service: Service,
    pub(crate) chance: Chance,
    /// What happens to it.
    pub(crate) changes: Vec<Change>,
    season: Season,
    /// When bucket 0 begins, in microseconds since the epoch.
    start: i64,
    /// Requests a bucket on a mean day.
    count: f64,
}

impl Course {
    /// A service to which nothing happens.
    pub(crate) fn new(service: &Service, scenario: &Scenario, seed: u64) -> Self {
        let chance = Chance::new(seed, &service.name);
        Self {
            service: service.clone(),
            chance,
            changes: Vec::new(),
            season: Season::new(service, chance),
            start: scenario.start.as_micros(),
            count: BUCKET_SECONDS as f64 * service.rate * scenario.rate_factor,
        }
    }

    /// When a bucket begins, in microseconds since the epoch.
    pub(crate) fn time(&self, bucket: u64) -> i64 {
        self.start.saturating_add_unsigned(bucket.saturating_mul(BUCKET as u64))
    }

    /// The figures of a bucket if nothing had ever happened.
    pub(crate) fn seasonal(&self, bucket: u64) -> Figures {
        let Service { median_ms, coupling, error_rate, .. } = self.service;
        let load = self.season.load(self.time(bucket));
        // At the least load and the greatest coupling this still leaves a hundredth.
        let slower = (1.0 + coupling * (load - 1.0)).max(0.01);
        Figures {
            count: self.count * load,
            ln_ms: (median_ms * slower).ln(),
            errors: error_rate,
            tail_share: 0.0,
            tail_ln: 0.0,
        }
    }

    /// Changes the figures of a bucket by all that has happened until then.
    pub(crate) fn apply(&self, bucket: u64, figures: &mut Figures) {
        for change in &self.changes {
            change.apply(bucket, figures);
        }
    }

    /// The share of requests that fails in a bucket after all that has happened, before noise.
    pub(crate) fn errors(&self, bucket: u64) -> f64 {
        let mut figures = self.seasonal(bucket);
        self.apply(bucket, &mut figures);
        figures.errors
    }
}
