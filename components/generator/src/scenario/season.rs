//! How busy a service is by the time of day and week.

use std::f64::consts::TAU;

use rand_distr::{Distribution, StandardNormal};

use super::Service;
use super::chance::{Chance, Purpose};

/// Seconds in an hour.
const HOUR: f64 = 3600.0;

/// Seconds in a day.
const DAY: f64 = 24.0 * HOUR;

/// The weekend comes and goes over so many seconds.
const TURN: f64 = 8.0 * HOUR;

/// A quiet night leaves at least this share of the traffic.
const LEAST: f64 = 0.05;

/// The load of a service over the week, as a share of its mean.
#[derive(Clone, Debug)]
pub(crate) struct Season {
    diurnal: f64,
    weekend: f64,
    /// The busiest hour of the day, about two in the afternoon.
    peak: f64,
}

impl Season {
    /// The season of a service.
    pub(crate) fn new(service: &Service, chance: Chance) -> Self {
        let lag: f64 = StandardNormal.sample(&mut chance.stream(Purpose::Season, 0));
        Self { diurnal: service.diurnal, weekend: service.weekend, peak: 14.0 + lag }
    }

    /// The load at a time, in microseconds since the epoch: that of the hour (two harmonics of the day) times that of
    /// the day of the week.
    pub(crate) fn load(&self, time: i64) -> f64 {
        let seconds = time.div_euclid(1_000_000) as f64;
        let angle = TAU * (seconds.rem_euclid(DAY) / HOUR - self.peak) / 24.0;
        let day = 1.0 + self.diurnal * (angle.cos() + 0.3 * (2.0 * angle).cos());
        day.max(LEAST) * (1.0 + (self.weekend - 1.0) * weekend(seconds))
    }
}

/// How much of the eight hours around a time, in seconds since the epoch, lies in a weekend.
fn weekend(seconds: f64) -> f64 {
    // The epoch was a Thursday; what is counted here begins with the Monday before it.
    let time = (seconds + 3.0 * DAY).rem_euclid(7.0 * DAY);
    let within = |saturday: f64| {
        let (from, to) = ((time - TURN / 2.0).max(saturday), (time + TURN / 2.0).min(saturday + 2.0 * DAY));
        (to - from).max(0.0)
    };
    (within(5.0 * DAY) + within(-2.0 * DAY)) / TURN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    /// 2024-01-01, a Monday, in seconds.
    const MONDAY: f64 = 1_704_067_200.0;

    #[test]
    fn a_weekend_comes_and_goes_over_eight_hours() {
        for (hours, share) in
            [(0.0, 0.5), (4.0, 0.0), (50.0, 0.0), (116.0, 0.0), (120.0, 0.5), (124.0, 1.0), (150.0, 1.0), (166.0, 0.75)]
        {
            assert_eq!(weekend(MONDAY + hours * HOUR), share, "{hours}");
        }
    }

    #[test]
    fn the_day_is_busiest_about_two_in_the_afternoon() {
        let service = &Scenario::incidents().services[0];
        let season = Season { diurnal: service.diurnal, weekend: 1.0, peak: 14.0 };
        let load = |hour: f64| season.load(((MONDAY + hour * HOUR) * 1e6) as i64);
        assert!((load(14.0) - 1.78).abs() < 1e-9);
        assert!((load(2.0) - 0.58).abs() < 1e-9);
        let mean = (0..240).map(|tenth| load(f64::from(tenth) / 10.0)).sum::<f64>() / 240.0;
        assert!((mean - 1.0).abs() < 1e-9);
    }
}
