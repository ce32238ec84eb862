//! The sentence of a novelty: what is unlike what, in figures.
//!
//! `cpu 91 %, its last 32 values stranger than 99.2 % of the 3,000 before (novelty 0.992, threshold 0.975)`

use std::time::Duration;

use super::conformal::Rank;
use super::{Compared, NoveltyEvidence};
use crate::explain::Measure;
use crate::explain::figures::{fixed, short, span, two_digits};
use crate::incident::{Peak, Reason};

/// What a sentence is made of.
pub(super) struct Sentence<'a> {
    pub(super) fields: Fields<'a>,
    /// That of the worst value.
    pub(super) evidence: &'a NoveltyEvidence,
    /// The value at hand, of the first field.
    pub(super) value: f64,
}

impl Sentence<'_> {
    /// What is novel.
    pub(super) fn novel(&self) -> String {
        let NoveltyEvidence { threshold, rank, compared, .. } = self.evidence;
        let (what, how) = match compared {
            Compared::Shingle { range, .. } if compared.beyond() > 0.0 => {
                (self.first(self.value), format!("beyond all values before it, {}", self.fields.span(0, *range)))
            }
            Compared::Shingle { values, .. } => {
                (self.first(self.value), format!("its last {} values {}", values.len(), stranger(rank)))
            }
            Compared::Place { values, ranges, .. } => {
                let fields = values.iter().enumerate().map(|(field, &value)| self.fields.amount(field, value));
                let what = fields.collect::<Vec<_>>().join(", ");
                let outside = values.iter().zip(ranges).enumerate().filter_map(|(field, (&value, &range))| {
                    let outside = value < range.0 || range.1 < value;
                    outside
                        .then(|| format!("; {} outside {}", self.fields.label(field), self.fields.span(field, range)))
                });
                (what, format!("together {}{}", stranger(rank), outside.collect::<String>()))
            }
        };
        let score = score(self.evidence.score().unwrap_or_default());
        format!("{what}, {how} (novelty {score}, threshold {})", short(*threshold))
    }

    /// How it ended.
    pub(super) fn resolved(&self, reason: Reason, lasted: Duration, peak: &Peak) -> String {
        let (value, lasted) = (self.first(self.value), span(lasted));
        let peak = format!("peak {} (novelty {})", self.fields.figure(0, peak.value), score(peak.score));
        match reason {
            Reason::BackToNormal => format!("{value}, nothing novel any more after {lasted}, {peak}"),
            Reason::NewNormal => format!("{value}, the new normal after {lasted}, {peak}"),
            Reason::NoData => format!("{value} at last, then no data, {peak}"),
            Reason::NoLongerWatched => format!("{value} at last, no longer watched after {lasted}, {peak}"),
        }
    }

    /// The first field with its value.
    fn first(&self, value: f64) -> String {
        self.fields.amount(0, value)
    }
}

/// How the fields are spoken of, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [Measure]);

impl Fields<'_> {
    pub(super) fn label(&self, field: usize) -> &str {
        self.0.get(field).map_or("", |measure| &measure.label)
    }

    /// A field's label and value: `cpu 91 %`.
    pub(super) fn amount(&self, field: usize, value: f64) -> String {
        format!("{} {}", self.label(field), self.figure(field, value))
    }

    /// A field's value with its unit.
    pub(super) fn figure(&self, field: usize, value: f64) -> String {
        let Some(Measure { unit, scale, .. }) = self.0.get(field) else { return two_digits(value) };
        format!("{}{}{unit}", two_digits(value * scale), if unit.is_empty() { "" } else { " " })
    }

    /// A range of a field's values.
    pub(super) fn span(&self, field: usize, (low, high): (f64, f64)) -> String {
        format!("{} to {}", self.figure(field, low), self.figure(field, high))
    }
}

/// Than how many.
fn stranger(rank: &Rank) -> String {
    let of = fixed(rank.of as f64, 0);
    if rank.strangeness > rank.greatest {
        format!("stranger than all of the {of} before")
    } else {
        format!("stranger than {} % of the {of} before", fixed(rank.score() * 100.0, 1))
    }
}

/// A score with as many digits as tell it from the threshold.
pub(super) fn score(score: f64) -> String {
    fixed(score, if score < 1.0 { 3 } else { 2 })
}
