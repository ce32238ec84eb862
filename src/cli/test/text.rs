//! What came of tests, for people: a line each, and below it what does not hold.
//!
//! ```text
//! ok      shop: errors are counted
//! FAILED  shop: a burst of errors is told
//!         pipelines/shop.toml:41: an event from `errors.anomalies` should have met the conditions, and 0 of 2 did so
//!           1 of 2  .state == "open"
//!           0 of 2  .value > 0.5
//!         what came:
//!           {"state":"open","value":0.4}
//!           {"state":"resolved","value":0.1}
//!
//! 2 tests: 1 passed, 1 failed.
//! ```

use std::fmt::Write as _;

use crate::pipeline_tests::{Failure, Verdict};

/// So many events are shown.
const MOST: usize = 10;

/// All of it.
pub(super) fn text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        text +=
            &format!("{:8}{}: {}\n", if verdict.passed() { "ok" } else { "FAILED" }, verdict.pipeline, verdict.name);
        for line in reasons(verdict).lines() {
            text += &format!("{:8}{line}\n", "");
        }
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.passed()).count();
    text + &match verdicts.len() {
        0 => "There is no test in these files.\n".to_owned(),
        1 => format!("\n1 test: {} passed, {failed} failed.\n", 1 - failed),
        all => format!("\n{all} tests: {} passed, {failed} failed.\n", all - failed),
    }
}

/// What does not hold in a test, in lines; empty if all does.
pub(super) fn reasons(verdict: &Verdict) -> String {
    match &verdict.result {
        Ok(failures) => failures.iter().map(|failure| reason(&verdict.path, failure)).collect(),
        Err(error) => format!("it could not be run: {error}\n"),
    }
}

fn reason(path: &str, failure: &Failure) -> String {
    let Failure { line, message, conditions, events } = failure;
    let mut text = format!("{path}:{line}: {message}\n");
    for (condition, met) in conditions {
        // It may be a program of several lines.
        let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "  {met} of {}  {condition}", events.len());
    }
    if !events.is_empty() {
        text += "what came:\n";
    }
    for event in events.iter().take(MOST) {
        let _ = writeln!(text, "  {event}");
    }
    if events.len() > MOST {
        let _ = writeln!(text, "  … and {} more", events.len() - MOST);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One that holds, one that does not, one that could not be run.
    pub(in crate::cli::test) fn verdicts() -> Vec<Verdict> {
        let failure = Failure {
            line: 7,
            message: "2 events should have come, and 12 came".to_owned(),
            conditions: vec![(".n > 1 &&\n  .n < 3".to_owned(), 3)],
            events: (0..12).map(|n| format!("{{\"n\":{n}}}")).collect(),
        };
        [("a", Ok(Vec::new())), ("b <&> \u{1b}[1m", Ok(vec![failure])), ("c", Err("no room".to_owned()))]
            .map(|(name, result)| Verdict {
                pipeline: "p".to_owned(),
                name: name.to_owned(),
                path: "dir/p.toml".to_owned(),
                result,
            })
            .into()
    }

    #[test]
    fn shows_what_does_not_hold() {
        let shown = text(&verdicts());
        let mut lines = shown.lines();
        assert_eq!(lines.next(), Some("ok      p: a"));
        assert!(lines.next().is_some_and(|line| line.starts_with("FAILED  p: b")));
        assert_eq!(lines.next(), Some("        dir/p.toml:7: 2 events should have come, and 12 came"));
        assert_eq!(lines.next(), Some("          3 of 12  .n > 1 && .n < 3"));
        assert_eq!(lines.next(), Some("        what came:"));
        assert_eq!(lines.nth(9), Some("          {\"n\":9}"));
        assert_eq!(lines.next(), Some("          … and 2 more"));
        assert_eq!(lines.next(), Some("FAILED  p: c"));
        assert_eq!(lines.next(), Some("        it could not be run: no room"));
        assert_eq!(lines.last(), Some("3 tests: 1 passed, 2 failed."));
        assert_eq!(text(&[]), "There is no test in these files.\n");
    }
}
