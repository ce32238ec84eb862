//! In the figures' own unit: what was seen, what was expected, and what would just have been an alarm.
//!
//! Charts draw their band from it, and people ask how far it was from not being told.

use super::errors::ErrorFigures;
use super::latency_figures::LatencyFigures;
use super::outcome::Figures;
use super::silence::SilenceFigures;
use super::tail::TailFigures;
use super::traffic::TrafficFigures;

/// So many halvings bring a bound within a millionth.
const HALVINGS: usize = 24;

/// A value with its band, in the signal's unit: that of the latency field; a share, 0 to 1; events in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// What was seen.
    pub value: f64,
    /// What was expected.
    pub expected: f64,
    /// From here down it would exceed the limit; none if nothing would.
    pub lower: Option<f64>,
    /// From here up it would exceed the limit; none if nothing would.
    pub upper: Option<f64>,
    /// One standard deviation of the value, by chance and by what windows have shown.
    pub std: f64,
    /// How many events it is of.
    pub n: f64,
}

impl Figures {
    /// The value with its band.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        match self {
            Self::Latency(figures) => figures.bounds(),
            Self::TailLatency(figures) => figures.bounds(),
            Self::ErrorRate(figures) => figures.bounds(),
            Self::Traffic(figures) => figures.bounds(),
            Self::Silence(figures) => figures.bounds(),
        }
    }
}

impl LatencyFigures {
    fn bounds(&self) -> Bounds {
        let relative = (self.variance / self.latencies + self.between).sqrt();
        let least = (self.limit.threshold * relative).max(self.limit.min_effect.ln());
        Bounds {
            value: self.value,
            expected: self.usual,
            lower: None,
            upper: Some(self.usual * least.exp()),
            std: self.usual * relative,
            n: self.latencies,
        }
    }
}

impl TailFigures {
    fn bounds(&self) -> Bounds {
        let score = |share: f64| Self { slow: share * self.latencies, ..*self }.score();
        let least = least_above(self.usual, 1.0, |share| score(share) > self.limit.threshold);
        Bounds {
            value: self.slow / self.latencies,
            expected: self.usual,
            lower: None,
            upper: Some(least.max(self.limit.min_effect * self.usual)),
            std: (self.usual * (1.0 - self.usual) / self.latencies * self.dispersion.max(1.0)).sqrt(),
            n: self.latencies,
        }
    }
}

impl ErrorFigures {
    fn bounds(&self) -> Bounds {
        let score = |share: f64| Self { errors: share * self.events, ..*self }.score();
        let least = least_above(self.usual, 1.0, |share| score(share) > self.limit.threshold);
        let effect = (self.limit.min_effect * self.usual).max(self.usual + self.min_increase);
        Bounds {
            value: self.errors / self.events,
            expected: self.usual,
            lower: None,
            upper: Some(least.max(effect)),
            std: (self.usual * (1.0 - self.usual) / self.events * self.dispersion.max(1.0)).sqrt(),
            n: self.events,
        }
    }
}

impl TrafficFigures {
    fn bounds(&self) -> Bounds {
        let exceeds = |events: f64| Self { events, confirmed: true, ..*self }.fires();
        // As many as the effect asks for, and then as many as the score does.
        let most = (self.expected + 1.0) * self.limit.min_effect.max(1.0) * 64.0;
        Bounds {
            value: self.events,
            expected: self.expected,
            lower: exceeds(0.0)
                .then(|| self.expected - least_above(0.0, self.expected, |off| exceeds(self.expected - off))),
            upper: exceeds(most).then(|| least_above(self.expected, most, exceeds)),
            std: (self.expected * (1.0 + self.between * self.expected)).sqrt(),
            n: self.events,
        }
    }
}

impl SilenceFigures {
    fn bounds(&self) -> Bounds {
        Bounds {
            value: 0.0,
            expected: self.expected,
            lower: None,
            upper: None,
            std: (self.expected + self.uncertainty * self.expected * self.expected).sqrt(),
            n: 0.0,
        }
    }
}

/// The least value between `from` and `to` for which `exceeds` holds, as it does from there on; `to` if for none.
fn least_above(from: f64, to: f64, exceeds: impl Fn(f64) -> bool) -> f64 {
    let (mut within, mut beyond) = (from, to);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (within + beyond);
        if exceeds(middle) {
            beyond = middle;
        } else {
            within = middle;
        }
    }
    beyond
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signals::settings::Limit;

    proptest! {
        #[test]
        fn beyond_the_bound_is_an_alarm_and_within_it_is_none(
            events in 20.0..5000_f64,
            usual in 0.001..0.3_f64,
            between in 0.0009..0.05_f64,
            threshold in 3.0..9_f64,
        ) {
            let (events, seconds) = (events.round(), 60);
            let limit = Limit { threshold, min_effect: 2.0 };
            let errors = ErrorFigures {
                seconds, events, errors: 0.0, usual, dispersion: 1.0 + 100.0 * between, limit, min_increase: 0.01,
            };
            let upper = errors.bounds().upper.expect("there is one");
            let at = |share: f64| ErrorFigures { errors: share * events, ..errors };
            prop_assert!(!at(upper * 0.999).fires());
            prop_assert!(at(upper * 1.001).fires() || upper * events < 4.0 || upper > 0.999);

            let traffic = TrafficFigures { seconds, events, expected: events, between, confirmed: true, limit };
            let bounds = traffic.bounds();
            let at = |events: f64| TrafficFigures { events, ..traffic };
            for (bound, within, beyond) in [(bounds.lower, 1.001, 0.999), (bounds.upper, 0.999, 1.001)] {
                if let Some(bound) = bound {
                    prop_assert!(!at(bound * within).fires(), "{bound}");
                    prop_assert!(at(bound * beyond).fires() || bound == 0.0, "{bound}");
                }
            }
        }
    }
}
