//! What happens to a service, from when till when, and what it does to the service's figures.

use std::collections::BTreeMap;

use super::{HOUR, Kind, buckets};

/// A ramp stays at its height for its last ten minutes.
const HOLD: u64 = buckets(600);

/// While a new version starts, for half a minute, fewer requests come.
const RESTART: u64 = buckets(30);

/// The share of the requests that come meanwhile.
const RESTART_RATE: f64 = 0.7;

/// The figures of a service in one bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    /// How many requests come on average.
    pub(crate) count: f64,
    /// The mean of the logarithm of response times in milliseconds, of requests that succeed.
    pub(crate) ln_ms: f64,
    /// The share of requests that fail.
    pub(crate) errors: f64,
    /// The share of requests that take longer.
    pub(crate) tail_share: f64,
    /// The logarithm of how many times longer these take.
    pub(crate) tail_ln: f64,
}

/// One thing that happens to a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    /// The first bucket within.
    pub(crate) start: u64,
    /// The first bucket after.
    pub(crate) end: u64,
    /// What response times or the rate are multiplied by; 1 where the kind has no factor.
    pub(crate) factor: f64,
    /// The share of requests concerned; 0 where the kind has none. Of a new version, the factor on the share that fails.
    pub(crate) share: f64,
    /// How clearly it can be told from what is normal, in nats; 0 for what is benign.
    pub(crate) evidence: f64,
}

impl Change {
    /// A nightly job, from `start` on.
    pub(crate) fn cron(start: u64) -> Self {
        Self { kind: Kind::Cron, start, end: start + buckets(900), factor: 4.0, share: 0.0, evidence: 0.0 }
    }

    /// A slow bucket.
    pub(crate) fn blip(start: u64) -> Self {
        Self { kind: Kind::Blip, start, end: start + 1, factor: 3.0, share: 0.0, evidence: 0.0 }
    }

    /// A new version, with factors on response times and on the share of failures.
    pub(crate) fn deploy(start: u64, factor: f64, errors: f64) -> Self {
        Self { kind: Kind::Deploy, start, end: start + RESTART, factor, share: errors, evidence: 0.0 }
    }

    /// A new version that is much slower or faster.
    pub(crate) fn big_deploy(start: u64, factor: f64) -> Self {
        Self { kind: Kind::BigDeploy, start, end: start + HOUR, factor, share: 1.0, evidence: 0.0 }
    }

    /// Changes the figures of a bucket by what this does in it.
    pub(crate) fn apply(&self, bucket: u64, figures: &mut Figures) {
        if bucket < self.start {
            return;
        }
        if matches!(self.kind, Kind::Deploy | Kind::BigDeploy) {
            // A new version stays.
            figures.ln_ms += self.factor.ln();
            figures.errors *= self.share;
            if bucket < self.start + RESTART {
                figures.count *= RESTART_RATE;
            }
        } else if bucket < self.end {
            self.apply_while_it_lasts(bucket, figures);
        }
    }

    fn apply_while_it_lasts(&self, bucket: u64, figures: &mut Figures) {
        match self.kind {
            Kind::LatencyShift | Kind::LatencySpike | Kind::Blip => figures.ln_ms += self.factor.ln(),
            Kind::SlowRamp => figures.ln_ms += self.risen(bucket) * self.factor.ln(),
            Kind::TailLatency => (figures.tail_share, figures.tail_ln) = (self.share, self.factor.ln()),
            Kind::ErrorBurst | Kind::ErrorSlowBurn => figures.errors = self.share,
            Kind::TrafficDrop | Kind::TrafficSurge => figures.count *= self.factor,
            Kind::Silence => figures.count = 0.0,
            Kind::Outage => {
                figures.errors = self.share;
                figures.ln_ms += self.factor.ln();
            }
            Kind::Cron => {
                figures.count *= self.factor;
                figures.ln_ms += 1.3_f64.ln();
            }
            Kind::Deploy | Kind::BigDeploy => {}
        }
    }

    /// How much of its height a ramp has in a bucket.
    fn risen(&self, bucket: u64) -> f64 {
        let rises = (self.end - self.start).saturating_sub(HOLD).max(1);
        ((bucket - self.start + 1) as f64 / rises as f64).min(1.0)
    }

    /// Its figures by their names, as a label tells them.
    pub(crate) fn params(&self) -> BTreeMap<String, f64> {
        let share = match self.kind {
            Kind::Deploy => Some(("error_factor", self.share)),
            kind => kind.has_share().then_some(("share", self.share)),
        };
        let factor = self.kind.has_factor().then_some(("factor", self.factor));
        factor.into_iter().chain(share).map(|(name, figure)| (name.to_owned(), figure)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Figures = Figures { count: 100.0, ln_ms: 3.0, errors: 0.01, tail_share: 0.0, tail_ln: 0.0 };

    /// Bucket 100 to 199 of the kind, with factor 2 and share 0.3.
    fn change(kind: Kind) -> Change {
        Change { kind, start: 100, end: 200, factor: 2.0, share: 0.3, evidence: 0.0 }
    }

    fn at(change: &Change, bucket: u64) -> Figures {
        let mut figures = CALM;
        change.apply(bucket, &mut figures);
        figures
    }

    #[test]
    fn incidents_change_what_they_are_named_after_while_they_last() {
        let (ln, slow) = (2.0_f64.ln(), Figures { ln_ms: 3.0 + 2.0_f64.ln(), ..CALM });
        let failing = Figures { errors: 0.3, ..CALM };
        for (kind, expected) in [
            (Kind::LatencyShift, slow),
            (Kind::LatencySpike, slow),
            (Kind::TailLatency, Figures { tail_share: 0.3, tail_ln: ln, ..CALM }),
            (Kind::ErrorBurst, failing),
            (Kind::ErrorSlowBurn, failing),
            (Kind::TrafficDrop, Figures { count: 200.0, ..CALM }),
            (Kind::TrafficSurge, Figures { count: 200.0, ..CALM }),
            (Kind::Silence, Figures { count: 0.0, ..CALM }),
            (Kind::Outage, Figures { errors: 0.3, ..slow }),
            (Kind::Blip, slow),
        ] {
            let change = change(kind);
            assert_eq!([99, 100, 199, 200].map(|bucket| at(&change, bucket)), [CALM, expected, expected, CALM]);
        }
    }

    #[test]
    fn a_ramp_rises_evenly_and_stays_for_ten_minutes() {
        let ramp = change(Kind::SlowRamp);
        let height = |bucket| (at(&ramp, bucket).ln_ms - 3.0) / 2.0_f64.ln();
        for (bucket, expected) in [(100, 0.025), (119, 0.5), (139, 1.0), (199, 1.0), (200, 0.0)] {
            assert!((height(bucket) - expected).abs() < 1e-9, "{bucket}");
        }
        assert_eq!(Change { end: 110, ..ramp }.risen(100), 1.0, "a short one has no time to rise");
    }

    #[test]
    fn a_new_version_stays() {
        let deploy = Change::deploy(100, 2.0, 3.0);
        let after = Figures { ln_ms: 3.0 + 2.0_f64.ln(), errors: 0.03, ..CALM };
        assert_eq!([99, 103, 100_000].map(|bucket| at(&deploy, bucket)), [CALM, after, after]);
        assert_eq!(at(&deploy, 102), Figures { count: 70.0, ..after });
    }

    #[test]
    fn a_label_tells_the_figures_that_a_kind_has() {
        let names = |change: Change| change.params().into_keys().collect::<Vec<_>>().join(" ");
        assert_eq!(names(change(Kind::Outage)), "factor share");
        assert_eq!(names(change(Kind::Silence)), "");
        assert_eq!(names(change(Kind::ErrorBurst)), "share");
        assert_eq!(names(change(Kind::TrafficDrop)), "factor");
        assert_eq!(names(Change::deploy(1, 1.0, 1.0)), "error_factor factor");
    }
}
