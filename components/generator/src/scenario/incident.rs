//! What goes wrong: figures drawn for each kind, and how much evidence there then is that something is.

use super::chance::{Stream, below, between};
use super::change::Change;
use super::{Kind, buckets};

/// A service as it would be without the incident, over the time of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Calm {
    /// How many requests come on average.
    pub(crate) count: f64,
    /// The share of them that fails.
    pub(crate) errors: f64,
    /// The standard deviation of the logarithm of response times.
    pub(crate) sigma: f64,
}

/// A drawn length, in buckets, between two numbers of seconds, both possible.
fn length(stream: &mut Stream, least: u64, greatest: u64) -> u64 {
    buckets(least) + below(stream, buckets(greatest) - buckets(least) + 1)
}

/// How long an incident of a kind lasts, in buckets.
pub(crate) fn duration(kind: Kind, stream: &mut Stream) -> u64 {
    const MINUTE: u64 = 60;
    let (least, greatest) = match kind {
        Kind::LatencyShift | Kind::TrafficDrop | Kind::TrafficSurge => (5 * MINUTE, 30 * MINUTE),
        Kind::LatencySpike => (30, 90),
        Kind::TailLatency => (10 * MINUTE, 30 * MINUTE),
        Kind::SlowRamp => (70 * MINUTE, 190 * MINUTE),
        Kind::ErrorBurst => (MINUTE, 10 * MINUTE),
        Kind::ErrorSlowBurn => (60 * MINUTE, 180 * MINUTE),
        Kind::Silence => (3 * MINUTE, 20 * MINUTE),
        Kind::Outage => (2 * MINUTE, 15 * MINUTE),
        // What is benign is not drawn here.
        Kind::Cron | Kind::Blip | Kind::Deploy | Kind::BigDeploy => (0, 0),
    };
    length(stream, least, greatest)
}

/// The factor and the share of an incident of a kind, where `errors` is the share of requests that fails without it.
pub(crate) fn figures(kind: Kind, errors: f64, stream: &mut Stream) -> (f64, f64) {
    let mut draw = |(least, greatest): (f64, f64)| between(stream, least, greatest);
    match kind {
        Kind::LatencyShift => (draw((1.5, 4.0)), 0.0),
        Kind::LatencySpike => (draw((5.0, 20.0)), 0.0),
        Kind::TailLatency => (draw((8.0, 30.0)), draw((0.03, 0.10))),
        Kind::SlowRamp => (draw((2.0, 4.0)), 0.0),
        Kind::ErrorBurst => (1.0, draw((0.15, 0.6))),
        Kind::ErrorSlowBurn => (1.0, (errors + draw((0.02, 0.06)).max(2.5 * errors)).min(1.0)),
        Kind::TrafficDrop => (draw((0.05, 0.4)), 0.0),
        Kind::TrafficSurge => (draw((3.0, 8.0)), 0.0),
        Kind::Outage => (draw((2.0, 6.0)), draw((0.3, 0.9))),
        Kind::Silence | Kind::Cron | Kind::Blip | Kind::Deploy | Kind::BigDeploy => (1.0, 0.0),
    }
}

/// The evidence for an incident in nats: by how much, on average, the logarithm of the likelihood of what is seen is
/// greater with the incident than without it, to somebody who knows both exactly.
pub(crate) fn evidence(change: &Change, calm: Calm) -> f64 {
    /// So many requests are slow anyway.
    const SLOW: f64 = 0.01;
    let Calm { count, errors, sigma } = calm;
    let (factor, share) = (change.factor, change.share);
    let shift = factor.ln().powi(2) / (2.0 * sigma * sigma);
    count
        * match change.kind {
            Kind::LatencyShift | Kind::LatencySpike => shift,
            // The mean of the square over a line that rises from 0 is a third of that at its end.
            Kind::SlowRamp => shift / 3.0,
            Kind::TailLatency => divergence((share + SLOW).min(1.0), SLOW),
            Kind::ErrorBurst | Kind::ErrorSlowBurn | Kind::Outage => divergence(share, errors),
            // Of a Poisson distribution; x ln x is 0 at 0.
            Kind::TrafficDrop | Kind::TrafficSurge => {
                if factor > 0.0 {
                    factor * factor.ln() - factor + 1.0
                } else {
                    1.0
                }
            }
            Kind::Silence => 1.0,
            Kind::Cron | Kind::Blip | Kind::Deploy | Kind::BigDeploy => 0.0,
        }
}

/// The divergence of a share from an expected one in nats a request (Kullback and Leibler 1951).
fn divergence(share: f64, expected: f64) -> f64 {
    let expected = expected.clamp(1e-6, 1.0 - 1e-6);
    let part = |share: f64, expected: f64| if share > 0.0 { share * (share / expected).ln() } else { 0.0 };
    part(share, expected) + part(1.0 - share, 1.0 - expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::chance::{Chance, Purpose};

    const CALM: Calm = Calm { count: 100.0, errors: 0.01, sigma: 0.5 };

    fn evidence_of(kind: Kind, factor: f64, share: f64) -> f64 {
        evidence(&Change { kind, start: 0, end: 1, factor, share, evidence: 0.0 }, CALM)
    }

    #[test]
    fn evidence_is_what_the_formulas_say() {
        for (kind, factor, share, expected) in [
            (Kind::LatencyShift, 2.0, 0.0, 96.0906),
            (Kind::SlowRamp, 2.0, 0.0, 32.0302),
            (Kind::Silence, 1.0, 0.0, 100.0),
            (Kind::TrafficDrop, 0.0, 0.0, 100.0),
            (Kind::TrafficSurge, 3.0, 0.0, 129.5837),
            (Kind::ErrorBurst, 1.0, 0.5, 161.4463),
            (Kind::Outage, 2.0, 0.5, 161.4463),
            (Kind::ErrorBurst, 1.0, 0.01, 0.0),
            (Kind::TailLatency, 8.0, 0.04, 4.1291),
        ] {
            let found = evidence_of(kind, factor, share);
            assert!((found - expected).abs() < 1e-3, "{kind:?}: {found}");
        }
        assert!(evidence_of(Kind::ErrorBurst, 1.0, 1.0).is_finite());
    }

    #[test]
    fn figures_fill_their_ranges() {
        let mut stream = Chance::new(7, "figures").stream(Purpose::Incidents, 0);
        for (kind, seconds, factors, shares) in [
            (Kind::LatencyShift, (300, 1800), (1.5, 4.0), (0.0, 0.0)),
            (Kind::LatencySpike, (30, 90), (5.0, 20.0), (0.0, 0.0)),
            (Kind::TailLatency, (600, 1800), (8.0, 30.0), (0.03, 0.10)),
            (Kind::SlowRamp, (4200, 11_400), (2.0, 4.0), (0.0, 0.0)),
            (Kind::ErrorBurst, (60, 600), (1.0, 1.0), (0.15, 0.6)),
            (Kind::ErrorSlowBurn, (3600, 10_800), (1.0, 1.0), (0.035, 0.07)),
            (Kind::TrafficDrop, (300, 1800), (0.05, 0.4), (0.0, 0.0)),
            (Kind::TrafficSurge, (300, 1800), (3.0, 8.0), (0.0, 0.0)),
            (Kind::Silence, (180, 1200), (1.0, 1.0), (0.0, 0.0)),
            (Kind::Outage, (120, 900), (2.0, 6.0), (0.3, 0.9)),
        ] {
            let draws: Vec<(u64, (f64, f64))> =
                (0..2000).map(|_| (duration(kind, &mut stream) * 10, figures(kind, 0.01, &mut stream))).collect();
            let lengths = || draws.iter().map(|(length, _)| *length);
            let slack = (seconds.1 - seconds.0) / 50;
            assert!(lengths().min() >= Some(seconds.0) && lengths().min() <= Some(seconds.0 + slack), "{kind:?}");
            assert!(lengths().max() <= Some(seconds.1) && lengths().max() >= Some(seconds.1 - slack), "{kind:?}");
            assert_range(draws.iter().map(|(_, (factor, _))| *factor), factors, kind);
            assert_range(draws.iter().map(|(_, (_, share))| *share), shares, kind);
        }
    }

    fn assert_range(figures: impl Iterator<Item = f64> + Clone, (least, greatest): (f64, f64), kind: Kind) {
        let (low, high) = (figures.clone().fold(f64::MAX, f64::min), figures.fold(f64::MIN, f64::max));
        let slack = (greatest - least) / 50.0;
        assert!(low >= least && low <= least + slack, "{kind:?}: {low}");
        assert!(high <= greatest && high >= greatest - slack, "{kind:?}: {high}");
    }
}
