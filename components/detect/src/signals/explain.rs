//! The sentence of an incident: its worst signal in figures, and what else takes part.
//!
//! `response time 2.3 times the usual over 1 min: 412 ms, usually 180 ms at this time (z 12, threshold 8.8)`

use std::time::Duration;

use super::errors::ErrorFigures;
use super::incident::Told;
use super::latency::LatencyFigures;
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
