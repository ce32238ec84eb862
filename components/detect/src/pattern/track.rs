//! One template of a key over time: how often it comes, its incident, and what is told of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::evidence::TemplateShown;
use super::open::{Seen, Slot, Told};
use super::rate::{BUCKET, Change, Figures, Rate, Sign};
use crate::incident::Severity;
use crate::time::Micros;

/// An event, as evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// When it happened.
    pub(super) at: Micros,
    /// Its text, or the beginning of it.
    pub(super) line: Arc<str>,
}

/// A template that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Track {
    /// As it read in its last bucket.
    pub(super) text: Arc<str>,
    /// The first event of its last bucket.
    pub(super) sample: Sample,
    /// The last bucket that it was in.
    pub(super) last: i64,
    pub(super) rate: Rate,
    pub(super) slot: Slot,
    /// The storm that it is in.
    pub(super) storm: Option<Change>,
}

/// A change of an incident, with all that is to be told.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) told: Told,
    /// Which template it is of; none of a storm.
    pub(super) template: Option<u64>,
    /// The template, or some of the storm.
    pub(super) shown: Vec<TemplateShown>,
    /// An event of each of those.
    pub(super) samples: Vec<Sample>,
}

/// What an incident is named by, beside its key and start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Naming {
    Template(u64),
    Storm(Change),
}

impl Track {
    /// What its incident, or its storm, is about.
    pub(super) fn change(&self) -> Option<Change> {
        self.slot.open().map(|open| open.figures.change).or(self.storm)
    }

    /// Whether nothing is learned of its rate: a new template has none to keep.
    pub(super) fn is_frozen(&self) -> bool {
        self.change().is_some_and(|change| change != Change::New)
    }

    pub(super) fn shown(&self, id: u64) -> TemplateShown {
        TemplateShown { template_id: template_id(id), template: self.text.to_string() }
    }

    pub(super) fn finding(&self, id: u64, told: Told) -> Finding {
        Finding { told, template: Some(id), shown: vec![self.shown(id)], samples: vec![self.sample.clone()] }
    }
}

impl Seen {
    /// What a bucket says of one template.
    pub(super) fn of(bucket: i64, end: Micros, sign: Option<Sign>) -> Self {
        let score = sign.map_or(0.0, |sign| sign.figures.score());
        let severity = sign.map_or(Severity::Info, |sign| severity(&sign.figures));
        Self { bucket, end, sign, holds: sign.is_some(), score, severity, templates: 1 }
    }
}

/// Whether an incident of one change goes on with what is seen now: what comes less often may vanish, and come back so.
pub(super) fn goes_on(change: Change, seen: Change) -> bool {
    let is_less = |change| matches!(change, Change::Vanished | Change::Fewer);
    change == seen || (is_less(change) && is_less(seen))
}

/// As it stands in events.
pub(super) fn template_id(id: u64) -> String {
    format!("{id:016x}")
}

/// A new template, or an event of one that is new.
pub(super) fn new(events: u32, exceeds: bool) -> Sign {
    let seconds = (BUCKET / 1_000_000).unsigned_abs();
    let figures = Figures { change: Change::New, seconds, count: events.into(), expected: 0.0, spread: 0.0 };
    Sign { figures, exceeds }
}

/// By the score in multiples of its threshold; that a template is new is worth to know, and no more.
pub(super) fn severity(figures: &Figures) -> Severity {
    match figures.score() / figures.threshold() {
        _ if figures.change == Change::New => Severity::Info,
        times if times >= 4.0 => Severity::Critical,
        times if times >= 2.0 => Severity::Warning,
        _ => Severity::Info,
    }
}
