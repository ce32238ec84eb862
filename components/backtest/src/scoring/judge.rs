//! The verdict on each alarm, and the alarm that found each incident.

use std::collections::BTreeMap;

use logd_sdk::Time;

use super::{CHAIN, DEPLOY, FOUND_LATE, Question, RECOVERY, Verdict};
use crate::kinds::BIG_DEPLOY;
use crate::labels::Label;

/// What came of everything.
pub(super) struct Judgement {
    /// One for each alarm.
    pub(super) verdicts: Vec<Verdict>,
    /// For each label the place of the alarm that found it: none if none did, or it can't be found.
    pub(super) finders: Vec<Option<usize>>,
}

/// Judges. The alarms come in the order of their times.
pub(super) fn judge(question: Question<'_>) -> Judgement {
    let Question { labels, alarms, from, .. } = question;
    let mut of_service: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, label) in labels.iter().enumerate() {
        of_service.entry(&label.service).or_default().push(place);
    }
    let mut finders: Vec<Option<usize>> = vec![None; labels.len()];
    let mut last_false: BTreeMap<&str, Time> = BTreeMap::new();
    let mut verdicts = Vec::with_capacity(alarms.len());
    for (place, alarm) in alarms.iter().enumerate() {
        if alarm.at < from {
            verdicts.push(Verdict::WarmUp);
            continue;
        }
        let mut verdict = Verdict::False;
        for &at in of_service.get(alarm.service.as_str()).into_iter().flatten() {
            let label = &labels[at];
            if finds(label, alarm.at) && label.start >= from {
                let is_first = finders[at].is_none();
                finders[at].get_or_insert(place);
                // One alarm may tell of two incidents at once: it is a duplicate only if it is new to neither.
                if is_first || verdict == Verdict::Found {
                    verdict = Verdict::Found;
                } else {
                    verdict = Verdict::Duplicate;
                }
            } else if verdict == Verdict::False && is_neutral(label, alarm.at) {
                verdict = Verdict::Neutral;
            }
        }
        if verdict == Verdict::False {
            let before = last_false.insert(&alarm.service, alarm.at);
            if before.is_some_and(|before| alarm.at.since(before) <= CHAIN) {
                verdict = Verdict::FalseAgain;
            }
        }
        verdicts.push(verdict);
    }
    Judgement { verdicts, finders }
}

/// Whether an alarm at this time tells of it.
fn finds(label: &Label, at: Time) -> bool {
    !label.benign && (label.start..label.end.after(FOUND_LATE)).contains(&at)
}

/// Whether an alarm at this time is neither right nor wrong because of it.
fn is_neutral(label: &Label, at: Time) -> bool {
    if label.benign {
        label.kind == BIG_DEPLOY && (label.start..label.start.after(DEPLOY)).contains(&at)
    } else {
        // An incident of the warm-up can't be found, and nobody is wrong who tells of it.
        (label.start..label.end.after(RECOVERY)).contains(&at)
    }
}
