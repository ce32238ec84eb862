//! The incident of one template, or of many that change alike at once (a *storm*): from signs to what is told.
//!
//! It opens with an anomaly, and is over when for five minutes nothing was seen that is half of one (hysteresis); for
//! the next five minutes the template opens no other (cool-down). What has lasted for two hours is the new normal. In between it is told
//! again where it is markedly worse: by a severity, or by twice the score.

use serde::{Deserialize, Serialize};

use super::rate::{Change, Figures, Sign};
use crate::incident::{MARKEDLY, Peak, Reason, Severity, State};
use crate::time::Micros;

/// So many buckets without a sign end an incident, and so many after it open no other: five minutes.
pub(super) const CALM: i64 = 30;

/// What has lasted for so many buckets is the new normal: two hours.
pub(super) const LASTING: i64 = 720;

/// An incident that is open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Open {
    /// Names it.
    pub(super) id: u128,
    /// The start of the stretch that opened it.
    pub(super) since: Micros,
    /// What it was opened by, or the last sign of it.
    pub(super) figures: Figures,
    /// How many templates are in it.
    pub(super) templates: usize,
    /// The worst of it.
    pub(super) peak: Peak,
    /// How many changes were told.
    pub(super) changes: u32,
    /// The highest severity told.
    pub(super) severity: Severity,
    told_score: f64,
    /// In which bucket it opened,
    opened: i64,
    /// and when the last sign of it was seen.
    seen: i64,
}

/// An incident, if there is one, and when the last one ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Slot {
    /// In a box, for most templates have none.
    open: Option<Box<Open>>,
    resolved: Option<i64>,
}

/// What a bucket says, as far as an incident cares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Which bucket,
    pub(super) bucket: i64,
    /// and when it ended.
    pub(super) end: Micros,
    /// What was seen of the incident's change.
    pub(super) sign: Option<Sign>,
    /// Whether there is still something of the incident, if only that nothing comes any more where less did.
    pub(super) holds: bool,
    /// How bad it is, and how bad that is.
    pub(super) score: f64,
    pub(super) severity: Severity,
    /// How many templates are in it.
    pub(super) templates: usize,
}

/// A change to tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) state: State,
    /// Why it was resolved.
    pub(super) reason: Option<Reason>,
    /// When it changed.
    pub(super) at: Micros,
    /// The incident after the change.
    pub(super) incident: Open,
}

impl Slot {
    /// The incident that is open.
    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_deref()
    }

    /// Whether the last incident ended so short a time ago that no other opens.
    pub(super) fn rests(&self, bucket: i64) -> bool {
        self.resolved.is_some_and(|resolved| bucket - resolved < CALM)
    }

    /// Whether an incident of this change opened within the last five minutes.
    pub(super) fn opened_lately(&self, change: Change, bucket: i64) -> bool {
        self.open().is_some_and(|open| open.figures.change == change && bucket - open.opened < CALM)
    }

    /// Opens an incident, whose name `id` makes of its start.
    pub(super) fn begin(&mut self, seen: &Seen, sign: &Sign, id: impl FnOnce(Micros) -> u128) -> Told {
        let lasted = i64::try_from(sign.figures.seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let since = Micros(seen.end.0.saturating_sub(lasted));
        let incident = Open {
            id: id(since),
            since,
            figures: sign.figures,
            templates: seen.templates,
            peak: peak(seen, sign),
            changes: 1,
            severity: seen.severity,
            told_score: seen.score,
            opened: seen.bucket,
            seen: seen.bucket,
        };
        self.open = Some(Box::new(incident));
        Told { state: State::Open, reason: None, at: seen.end, incident }
    }

    /// Takes one more bucket into the incident that is open.
    pub(super) fn step(&mut self, seen: &Seen) -> Option<Told> {
        let open = self.open.as_mut()?;
        if seen.holds {
            open.seen = seen.bucket;
        }
        if let Some(sign) = &seen.sign {
            open.figures = sign.figures;
            open.templates = open.templates.max(seen.templates);
            if seen.score > open.peak.score {
                open.peak = peak(seen, sign);
            }
        }
        if seen.bucket - open.seen >= CALM {
            return self.resolve(Reason::BackToNormal, seen.bucket, seen.end);
        }
        if seen.bucket - open.opened >= LASTING {
            return self.resolve(Reason::NewNormal, seen.bucket, seen.end);
        }
        if seen.sign.is_none() || (seen.severity <= open.severity && seen.score < open.told_score * MARKEDLY) {
            return None;
        }
        open.severity = open.severity.max(seen.severity);
        open.told_score = open.told_score.max(seen.score);
        open.changes += 1;
        Some(Told { state: State::Update, reason: None, at: seen.end, incident: **open })
    }

    /// Ends the incident, if one is open.
    pub(super) fn resolve(&mut self, reason: Reason, bucket: i64, at: Micros) -> Option<Told> {
        let mut incident = *self.open.take()?;
        self.resolved = Some(bucket);
        incident.changes += 1;
        Some(Told { state: State::Resolved, reason: Some(reason), at, incident })
    }
}

fn peak(seen: &Seen, sign: &Sign) -> Peak {
    Peak { value: sign.figures.count as f64, score: seen.score, timestamp: seen.end }
}
