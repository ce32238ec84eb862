//! The sentence of an incident: its worst signal in figures, and what else takes part.
//!
//! `response time 2.3 times the usual over 1 min: 412 ms, usually 180 ms at this time (z 12, threshold 8.8)`

use std::time::Duration;

use super::errors::ErrorFigures;
use super::incident::Told;
use super::latency_figures::LatencyFigures;
use super::outcome::Figures;
use super::silence::SilenceFigures;
use super::tail::TailFigures;
use super::traffic::TrafficFigures;
use crate::explain::Measure;
use crate::explain::figures::{short, span, two_digits};
use crate::incident::{Kind, Reason};

/// The sentence of a change; `measure` says how latencies are told.
pub(super) fn sentence(told: &Told, measure: &Measure) -> String {
    let (worst, _) = told.incident.worst;
    let mut sentence = figures(&worst, measure);
    let others = told.parts.iter().map(|part| part.joined.kind()).filter(|&kind| kind != worst.kind());
    for (place, kind) in others.enumerate() {
        sentence += if place == 0 { "; with it " } else { ", " };
        sentence += words(kind);
    }
    let lasted = span(told.at.since(told.incident.opened));
    match told.reason {
        None => sentence,
        Some(Reason::BackToNormal) => format!("back to normal after {lasted}; at worst {sentence}"),
        Some(Reason::NewNormal) => format!("the new normal after {lasted}; at worst {sentence}"),
        Some(Reason::NoData) => format!("no data after {lasted}; at worst {sentence}"),
        Some(Reason::NoLongerWatched) => format!("no longer watched after {lasted}; at worst {sentence}"),
    }
}

fn figures(figures: &Figures, measure: &Measure) -> String {
    match figures {
        Figures::Latency(figures) => latency(figures, measure),
        Figures::TailLatency(figures) => tail(figures, measure),
        Figures::ErrorRate(figures) => errors(figures),
        Figures::Traffic(figures) => traffic(figures),
        Figures::Silence(figures) => silence(figures),
    }
}

fn latency(figures: &LatencyFigures, measure: &Measure) -> String {
    let LatencyFigures { seconds, value, usual, .. } = *figures;
    format!(
        "{} {} times the usual over {}: {}, usually {} at this time ({})",
        measure.label,
        two_digits(value / usual),
        window(seconds),
        amount(value, measure),
        amount(usual, measure),
        by(figures.score(), figures.limit.threshold)
    )
}

fn tail(figures: &TailFigures, measure: &Measure) -> String {
    let TailFigures { seconds, latencies, slow, slow_from, usual, .. } = *figures;
    format!(
        "{} over {} in {} of {} requests in {}, usually in {} ({})",
        measure.label,
        amount(slow_from, measure),
        percent(slow / latencies),
        two_digits(latencies),
        window(seconds),
        percent(usual),
        by(figures.score(), figures.limit.threshold)
    )
}

fn errors(figures: &ErrorFigures) -> String {
    let ErrorFigures { seconds, events, errors, usual, .. } = *figures;
    format!(
        "error rate {} of {} requests in {}, usually {} ({})",
        percent(errors / events),
        two_digits(events),
        window(seconds),
        percent(usual),
        by(figures.score(), figures.limit.threshold)
    )
}

fn traffic(figures: &TrafficFigures) -> String {
    let TrafficFigures { seconds, events, expected, .. } = *figures;
    format!(
        "{} requests in {}, where {} are usual at this time ({})",
        two_digits(events),
        window(seconds),
        two_digits(expected),
        by(figures.score().abs(), figures.limit.threshold)
    )
}

fn silence(figures: &SilenceFigures) -> String {
    let SilenceFigures { seconds, expected, .. } = *figures;
    format!(
        "no request for {}, where {} are usual (−ln p {}, threshold {})",
        window(seconds),
        two_digits(expected),
        two_digits(figures.score()),
        short(figures.limit.threshold)
    )
}

/// A kind in words.
fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Latency => "slower answers",
        Kind::Degradation => "answers that became slower",
        Kind::TailLatency => "more very slow answers",
        Kind::ErrorRate => "more errors",
        Kind::TrafficDrop => "less traffic",
        Kind::TrafficSurge => "more traffic",
        Kind::Silence => "silence",
        _ => "other values",
    }
}

fn by(score: f64, threshold: f64) -> String {
    format!("z {}, threshold {}", two_digits(score), two_digits(threshold))
}

fn window(seconds: u32) -> String {
    span(Duration::from_secs(u64::from(seconds)))
}

pub(super) fn percent(share: f64) -> String {
    format!("{} %", two_digits(share * 100.0))
}

pub(super) fn amount(value: f64, measure: &Measure) -> String {
    let figure = two_digits(value * measure.scale);
    if measure.unit.is_empty() { figure } else { format!("{figure} {}", measure.unit) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::latency_figures::Confirmed;
    use crate::signals::settings::Limit;

    #[test]
    fn sentences_tell_what_an_engineer_asks_first() {
        let measure = Measure::of_field("response_time_ms", "");
        let limit = |threshold, min_effect| Limit { threshold, min_effect };
        let latency = LatencyFigures {
            seconds: 60,
            latencies: 50.0,
            value: 412.0,
            usual: 180.0,
            log_ratio: (412.0_f64 / 180.0).ln(),
            variance: 0.25,
            between: 0.0004,
            confirmed: Confirmed::WithoutWorst(Some(0.8)),
            limit: limit(6.6, 1.25),
        };
        let tail = TailFigures {
            seconds: 300,
            latencies: 310.0,
            slow: 31.0,
            slow_from: 1200.0,
            usual: 0.01,
            dispersion: 1.0,
            without_worst: Some((300.0, 29.0)),
            limit: limit(6.6, 2.0),
        };
        let errors = ErrorFigures {
            seconds: 60,
            events: 310.0,
            errors: 74.0,
            usual: 0.006,
            dispersion: 1.2,
            limit: limit(6.5, 2.0),
            min_increase: 0.01,
        };
        let traffic = TrafficFigures {
            seconds: 300,
            events: 12.0,
            expected: 120.0,
            between: 0.01,
            confirmed: true,
            limit: limit(6.05, 1.6),
        };
        let silence =
            SilenceFigures { seconds: 40, expected: 31.0, uncertainty: 0.01, longest: 3.0, limit: limit(15.4, 2.0) };
        let cases = [
            (
                Figures::Latency(latency),
                "response time 2.3 times the usual over 1 min: 412 ms, usually 180 ms at this time (z 11, threshold 6.6)",
            ),
            (
                Figures::TailLatency(tail),
                "response time over 1,200 ms in 10 % of 310 requests in 5 min, usually in 1.0 % (z 9.5, threshold 6.6)",
            ),
            (
                Figures::ErrorRate(errors),
                "error rate 24 % of 310 requests in 1 min, usually 0.60 % (z 19, threshold 6.5)",
            ),
            (
                Figures::Traffic(traffic),
                "12 requests in 5 min, where 120 are usual at this time (z 8.5, threshold 6.0)",
            ),
            (Figures::Silence(silence), "no request for 40 s, where 31 are usual (−ln p 27, threshold 15.4)"),
        ];
        for (found, sentence) in cases {
            assert_eq!(figures(&found, &measure), sentence);
            assert!(found.fires(), "{found:?}");
            assert_eq!(found.times(), found.score() / found.limit().threshold);
        }
    }
}
