//! Scoring, event by event: a labelled incident is found or it is not, however many alarms tell of it.
//!
//! ```text
//!        start        end  end + 60 s       end + 600 s
//!  ────────┌────────────┬──────┐┌───────────────┐────────────
//!   false  │        finds it    ││   neutral     │   false
//! ```
//!
//! - An alarm from `start` until 60 s after `end` finds the incident; the next ones are *duplicates* and do no harm.
//! - Until 600 s after `end` an alarm is *neutral*: the way back is unusual too. So is one within an hour after the start
//!   of a big deploy.
//! - Every other alarm is *false*, also where a label says that it was something benign. False alarms of one service,
//!   each within five minutes of the one before, count as one.
//! - Nothing counts before `from`: detectors have to learn what is usual.
//!
//! Points are not scored: with some anomalous seconds in a day, who is never in alarm has nearly all points right.

mod figures;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use logd_sdk::Time;
use serde::Serialize;

use self::figures::Tally;
pub use self::figures::{Figures, KindFigures};
use self::judge::judge;
use crate::alarms::Alarm;
use crate::kinds;
use crate::labels::{Label, rfc3339};
use crate::population::{Population, RateClass};

/// An alarm so long after the end still finds the incident: a window has to close first.
pub const FOUND_LATE: Duration = Duration::from_secs(60);
/// An alarm so long after the end is neither right nor wrong.
pub const RECOVERY: Duration = Duration::from_secs(600);
/// After the start of a big deploy, nothing is right or wrong for so long.
pub const DEPLOY: Duration = Duration::from_secs(3600);
/// False alarms of one service that follow one another within this time are one.
pub const CHAIN: Duration = Duration::from_secs(300);

/// What is to be scored.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// What really happened.
    pub labels: &'q [Label],
    /// What was said, in the order of [`crate::alarms::sort`].
    pub alarms: &'q [Alarm],
    /// Of whom.
    pub population: &'q Population,
    /// From when on it counts.
    pub from: Time,
}

/// What came of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It came before the time that counts.
    WarmUp,
    /// It is the first that tells of an incident.
    Found,
    /// It tells of an incident that was found already.
    Duplicate,
    /// It is neither right nor wrong.
    Neutral,
    /// It is wrong.
    False,
    /// It is wrong, and follows so soon on another that both count as one.
    FalseAgain,
}

/// An alarm and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// What came of it.
    pub verdict: Verdict,
    /// The alarm.
    pub alarm: Alarm,
}

/// An incident that counts, and whether it was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The incident.
    pub label: Label,
    /// When it was found, if it was.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub at: Option<Time>,
    /// Whether the alarm that found it named the right kind; `None` if it was not found, or nobody knows what is right.
    pub kind_is_right: Option<bool>,
}

impl Found {
    /// How long after its start it was found, in microseconds.
    #[must_use]
    pub fn delay(&self) -> Option<u64> {
        let delay = self.at?.since(self.label.start);
        u64::try_from(delay.as_micros()).ok()
    }
}

/// What came of it all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Over all.
    pub total: Figures,
    /// For services with many and with few events; only those of which there are any.
    pub classes: BTreeMap<RateClass, Figures>,
    /// By what went wrong.
    pub kinds: BTreeMap<String, KindFigures>,
    /// How many false alarms came while something benign was going on, by what that was.
    pub false_in_benign: BTreeMap<String, u64>,
    /// The incidents that count, in the order of the labels.
    pub incidents: Vec<Found>,
    /// All alarms, in their order.
    pub alarms: Vec<Judged>,
}

/// Scores alarms.
#[must_use]
pub fn score(question: Question<'_>) -> Scores {
    let Question { labels, alarms, population, from } = question;
    let judgement = judge(question);
    let mut total = Tally::default();
    let mut classes: BTreeMap<RateClass, Tally> = BTreeMap::new();
    let mut kinds: BTreeMap<String, Tally> = BTreeMap::new();
    let mut false_in_benign: BTreeMap<String, u64> = BTreeMap::new();

    let span = population.span(from);
    for service in population.services.keys() {
        total.watch(span);
        classes.entry(population.class(service)).or_default().watch(span);
    }
    let mut incidents = Vec::new();
    for (label, finder) in labels.iter().zip(&judgement.finders) {
        if label.benign || label.start < from {
            continue;
        }
        let alarm = finder.map(|place| &alarms[place]);
        let is_right = |alarm: &Alarm| {
            let right = kinds::right(&label.kind)?;
            Some(alarm.signals.iter().any(|signal| right.contains(&signal.as_str())))
        };
        let found =
            Found { label: label.clone(), at: alarm.map(|alarm| alarm.at), kind_is_right: alarm.and_then(is_right) };
        total.incident(&found);
        classes.entry(population.class(&label.service)).or_default().incident(&found);
        kinds.entry(label.kind.clone()).or_default().incident(&found);
        incidents.push(found);
    }
    for (alarm, &verdict) in alarms.iter().zip(&judgement.verdicts) {
        total.alarm(verdict);
        classes.entry(population.class(&alarm.service)).or_default().alarm(verdict);
        if verdict == Verdict::False {
            let covers = |label: &&Label| {
                label.benign && label.service == alarm.service && (label.start..label.end).contains(&alarm.at)
            };
            for label in labels.iter().filter(covers) {
                *false_in_benign.entry(label.kind.clone()).or_default() += 1;
            }
        }
    }
    let judged = alarms.iter().cloned().zip(judgement.verdicts);
    Scores {
        total: total.figures(),
        classes: classes.into_iter().map(|(class, tally)| (class, tally.figures())).collect(),
        kinds: kinds.into_iter().map(|(kind, tally)| (kind, tally.of_kind())).collect(),
        false_in_benign,
        incidents,
        alarms: judged.map(|(alarm, verdict)| Judged { verdict, alarm }).collect(),
    }
}

fn maybe_rfc3339<S: serde::Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}
