//! The sentence of an anomaly of templates.
//!
//! `“Connection from <*> refused” 480 times in 1 min, usually 24 (score 31, threshold 6.05)`

use std::time::Duration;

use super::figures::{fixed, short, span, two_digits};
use crate::incident::Reason;
use crate::pattern::{Change, PatternEvidence};

/// A template is quoted up to here.
const QUOTED: usize = 120;

/// What is out of the usual.
pub(crate) fn anomalous(evidence: &PatternEvidence) -> String {
    let PatternEvidence { figures, .. } = evidence;
    let (what, lasted) = (subject(evidence), span(Duration::from_secs(figures.seconds)));
    let (count, usual) = (fixed(figures.count as f64, 0), two_digits(figures.expected));
    let by = format!("score {}, threshold {}", two_digits(evidence.score()), hundredths(figures.threshold()));
    let worst = if evidence.total > 1 { "the worst " } else { "" };
    match figures.change {
        Change::New if evidence.total > 1 => what,
        Change::New => {
            let times = if figures.count == 1 { "once".to_owned() } else { format!("{count} times") };
            format!("{what}, {times} in {lasted}")
        }
        Change::Vanished => format!("{what} for {lasted}, {worst}usually {usual} times by now ({by})"),
        Change::More | Change::Fewer => format!("{what} {worst}{count} times in {lasted}, usually {usual} ({by})"),
    }
}

/// How it ended.
pub(crate) fn resolved(evidence: &PatternEvidence, reason: Reason, lasted: Duration) -> String {
    let (what, lasted) = (subject(evidence), span(lasted));
    match (reason, evidence.figures.change) {
        (Reason::BackToNormal, Change::New) => format!("{what}, not seen any more after {lasted}"),
        (Reason::BackToNormal, _) => format!("{what}, back to normal after {lasted}"),
        (Reason::NewNormal, _) => format!("{what}, the new normal after {lasted}"),
        (Reason::NoData, _) => format!("{what}, then no data for {lasted}"),
        (Reason::NoLongerWatched, _) => format!("{what}, no longer watched after {lasted}"),
    }
}

/// What it is about.
fn subject(evidence: &PatternEvidence) -> String {
    let example = evidence.templates.first().map(|shown| quoted(&shown.template));
    let PatternEvidence { figures, total, .. } = evidence;
    if *total > 1 {
        let what = match figures.change {
            Change::New => "new templates",
            Change::Vanished => "templates missing",
            Change::More => "templates more often",
            Change::Fewer => "templates less often",
        };
        return match example {
            Some(example) => format!("{total} {what}, such as {example},").trim_end_matches(',').to_owned(),
            None => format!("{total} {what}"),
        };
    }
    let example = example.unwrap_or_default();
    match figures.change {
        Change::New => format!("new: {example}"),
        Change::Vanished => format!("missing: {example}"),
        Change::More | Change::Fewer => example,
    }
}

/// The template in quotation marks, or its beginning.
fn quoted(template: &str) -> String {
    if template.len() <= QUOTED {
        return format!("“{template}”");
    }
    format!("“{}…”", &template[..template.floor_char_boundary(QUOTED)])
}

/// A threshold, with no more digits than are of use.
fn hundredths(value: f64) -> String {
    short((value * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Figures, TemplateShown};

    fn evidence(change: Change, count: u64, expected: f64, total: usize) -> PatternEvidence {
        let figures = Figures { change, seconds: 60, count, expected, spread: 0.01 };
        let template = "Connection from <*> refused".to_owned();
        PatternEvidence { figures, total, templates: vec![TemplateShown { template_id: "1".to_owned(), template }] }
    }

    #[test]
    fn every_change_has_its_words() {
        for (change, count, expected, total, words) in [
            (Change::New, 1, 0.0, 1, "new: “Connection from <*> refused”, once in 1 min"),
            (Change::New, 3, 0.0, 1, "new: “Connection from <*> refused”, 3 times in 1 min"),
            (Change::New, 3, 0.0, 27, "27 new templates, such as “Connection from <*> refused”"),
            (
                Change::More,
                480,
                24.0,
                1,
                "“Connection from <*> refused” 480 times in 1 min, usually 24 (score 40, threshold 6.05)",
            ),
            (
                Change::Vanished,
                0,
                24.0,
                1,
                "missing: “Connection from <*> refused” for 1 min, usually 24 times by now (score 22, threshold 13.82)",
            ),
        ] {
            assert_eq!(anomalous(&evidence(change, count, expected, total)), words);
        }
    }

    #[test]
    fn every_end_has_its_words() {
        let end = |change, reason| resolved(&evidence(change, 1, 0.0, 1), reason, Duration::from_secs(310));
        assert_eq!(
            [
                end(Change::New, Reason::BackToNormal),
                end(Change::More, Reason::BackToNormal),
                end(Change::Vanished, Reason::NewNormal),
            ],
            [
                "new: “Connection from <*> refused”, not seen any more after 5 min 10 s",
                "“Connection from <*> refused”, back to normal after 5 min 10 s",
                "missing: “Connection from <*> refused”, the new normal after 5 min 10 s",
            ]
        );
    }

    #[test]
    fn a_long_template_is_cut() {
        let mut long = evidence(Change::New, 1, 0.0, 1);
        long.templates[0].template = "é".repeat(1000);
        assert!(anomalous(&long).len() < 200);
    }
}
