//! The account of an anomaly: the steps by which its evidence leads to its verdict, for whoever asks why; and whether it
//! leads there again. Each method has evidence of its own: [`rule`], [`signals`], [`pattern`].

mod pattern;
mod rule;
mod signals;

use serde::Serialize;

use crate::incident::{Anomaly, Evidence, State};
use crate::rule::Side;
use crate::time::Interval;

/// How an anomaly came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// The rule with its figures, as a formula.
    pub rule: String,
    /// What would have made no anomaly of it: a phrase each, `a value of 603.2 or less`.
    pub quiet: Vec<String>,
    /// The last points, oldest first; the last one is that of the event.
    pub steps: Vec<Step>,
}

/// A point, and what its rule says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What it stands for.
    pub window: Interval,
    /// Its value.
    pub value: f64,
    /// What was usual; `None` while too little was known.
    pub expected: Option<f64>,
    /// How far out it is, in the unit of the threshold; `None` where there is no verdict.
    pub score: Option<f64>,
    /// On which side it exceeds the rule; `None` if it does not.
    pub exceeds: Option<Side>,
}

/// A figure of an event that does not follow from its evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event says that {what} is {said}, and from its evidence follows {follows}")]
pub struct Disagreement {
    /// Which figure.
    pub what: &'static str,
    /// What the event says.
    pub said: String,
    /// What follows from the evidence.
    pub follows: String,
}

impl Account {
    /// How an anomaly came about.
    #[must_use]
    pub fn of(anomaly: &Anomaly) -> Self {
        match &anomaly.evidence {
            Evidence::Rule(evidence) => rule::account(evidence),
            Evidence::Signals(evidence) => signals::account(evidence),
            Evidence::Pattern(evidence) => pattern::account(evidence),
        }
    }
}

/// Computes the verdict of an anomaly again from the evidence in it, and compares all that follows with what it says.
///
/// # Errors
/// Something else follows.
pub fn verify(anomaly: &Anomaly) -> Result<(), Disagreement> {
    match &anomaly.evidence {
        Evidence::Rule(evidence) => rule::verify(anomaly, evidence),
        Evidence::Signals(evidence) => signals::verify(anomaly, evidence),
        Evidence::Pattern(evidence) => pattern::verify(anomaly, evidence),
    }
}

/// Whether figures that the event says follow, each with its name.
fn agree<const N: usize>(figures: [(&'static str, f64, f64); N]) -> Result<(), Disagreement> {
    match figures.into_iter().find(|&(_, said, follows)| !is_same(said, follows)) {
        Some((what, said, follows)) => Err(Disagreement { what, said: said.to_string(), follows: follows.to_string() }),
        None => Ok(()),
    }
}

/// What an event says of itself that no evidence bears out.
fn unfounded(anomaly: &Anomaly) -> Disagreement {
    let said = format!("{:?} since {}", anomaly.r#type, anomaly.since);
    Disagreement { what: "it", said, follows: "no anomaly".to_owned() }
}

/// Whether it says that something is out of the usual: at its end nothing is any more.
fn is_alarm(anomaly: &Anomaly) -> bool {
    anomaly.state != State::Resolved
}

/// Figures may have lost their last bits on the way through JSON.
fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// Five digits tell a bound well enough; `rounded` to the quiet side of it.
fn figure(value: f64, rounded: fn(f64) -> f64) -> String {
    let size = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let decimals = (4.0 - size).clamp(0.0, 9.0);
    let scale = 10_f64.powf(decimals);
    format!("{:.*}", decimals as usize, rounded(value * scale) / scale)
}
