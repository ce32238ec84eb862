//! Whether what came is what was expected, and what to show if not.

use logd_sdk::condition::{Condition, Reads};
use logd_sdk::event::write_json;
use logd_sdk::{Batch, Columns, Time};

use super::{Expectation, Wanted};

/// How a test has ended.
pub(crate) struct Verdict {
    /// The pipeline in whose file it stands.
    pub(crate) pipeline: String,
    /// Its name.
    pub(crate) name: String,
    /// That file.
    pub(crate) path: String,
    /// What does not hold, or why it could not be run.
    pub(crate) result: Result<Vec<Failure>, String>,
}

impl Verdict {
    /// Whether all holds.
    pub(crate) fn passed(&self) -> bool {
        self.result.as_ref().is_ok_and(Vec::is_empty)
    }
}

/// An expectation that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In which line of the file it stands, from 1.
    pub(crate) line: usize,
    /// What was expected, and what was found, in one line.
    pub(crate) message: String,
    /// Each condition with how many of the events meet it.
    pub(crate) conditions: Vec<(String, usize)>,
    /// The events that came, a line of JSON each, by time.
    pub(crate) events: Vec<String>,
}

/// Judges what came: of each expectation, by its way.
pub(super) fn judge(expectations: &[Expectation], ways: &[usize], came: &[Batch]) -> Vec<Failure> {
    let of_way = |way: usize| came.iter().filter(move |batch| batch.input() == way).collect::<Vec<_>>();
    expectations.iter().zip(ways).filter_map(|(expectation, way)| expectation.judge(&of_way(*way))).collect()
}

impl Expectation {
    fn judge(&self, came: &[&Batch]) -> Option<Failure> {
        let mut met = vec![0; self.conditions.len()];
        let (mut all, mut counted) = (0, 0);
        for batch in came {
            let mut counts = vec![true; batch.len()];
            for ((_, condition), met) in self.conditions.iter().zip(&mut met) {
                let answers = ask(condition.as_ref(), batch);
                *met += answers.iter().filter(|answer| **answer).count();
                counts.iter_mut().zip(answers).for_each(|(counts, answer)| *counts &= answer);
            }
            all += batch.len();
            counted += counts.into_iter().filter(|counts| *counts).count() as u64;
        }
        let (holds, wanted) = match self.wanted {
            Wanted::Exactly(0) => (counted == 0, "no event".to_owned()),
            Wanted::Exactly(1) => (counted == 1, "one event".to_owned()),
            Wanted::Exactly(count) => (counted == count, format!("{count} events")),
            Wanted::AtLeast(1) => (counted >= 1, "an event".to_owned()),
            Wanted::AtLeast(count) => (counted >= count, format!("{count} events or more")),
        };
        if holds {
            return None;
        }
        let found = match (self.conditions.is_empty(), all) {
            (_, 0) => "none came".to_owned(),
            (true, all) => format!("{all} came"),
            (false, all) => format!("{counted} of {all} did so"),
        };
        let output = self.output();
        let message = if self.conditions.is_empty() {
            format!("{wanted} should have come from `{output}`, and {found}")
        } else {
            format!("{wanted} from `{output}` should have met the conditions, and {found}")
        };
        let conditions = self.conditions.iter().map(|(source, _)| source.clone()).zip(met).collect();
        Some(Failure { line: self.line, message, conditions, events: shown(came) })
    }

    /// As it is named in a file.
    fn output(&self) -> String {
        let id = self.component.id();
        if self.port.is_empty() { id.to_owned() } else { format!("{id}.{}", self.port) }
    }
}

fn ask(condition: &dyn Condition, batch: &Batch) -> Vec<bool> {
    let columns = match condition.reads() {
        Reads::Fields(fields) => Columns::new(fields.iter().cloned()),
        Reads::Whole => Columns::new([]),
    };
    let mut answers = Vec::with_capacity(batch.len());
    // An event on which it fails does not meet it.
    condition.test(&batch.with_fields(&columns), &mut answers);
    answers
}

/// All events by their times; of one time, by what they are: which of several ways was faster must not be seen.
fn shown(came: &[&Batch]) -> Vec<String> {
    let mut lines: Vec<(Time, String)> = Vec::new();
    for batch in came {
        for row in 0..batch.len() {
            let mut json = Vec::new();
            write_json(batch, row, &mut json);
            lines.push((batch.rows()[row].time, String::from_utf8_lossy(&json).into_owned()));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use logd_sdk::{Block, Body, ComponentId, Partition, Row};

    use super::*;

    /// Events `{"n": NUMBER}`, each at the second of its number.
    fn came(numbers: &[i64]) -> Batch {
        let (mut text, mut rows) = (String::new(), Vec::new());
        for number in numbers {
            let start = text.len() as u32;
            text += &format!("{{\"n\":{number}}}");
            let line = Row::line(start, text.len() as u32, start.into(), Time::from_micros(number * 1_000_000));
            rows.push(Row { body: Body::Json, ..line });
        }
        Batch::new(Block::new(Bytes::from(text), Partition::new("p/a", "")), rows)
    }

    fn message(conditions: &[&str], wanted: Wanted, batches: &[Batch]) -> Option<String> {
        let compile = |source: &&str| ((*source).to_owned(), logd_parse::conditions().compile(source).expect("VRL"));
        let expectation = Expectation {
            component: ComponentId::new("p", "a"),
            port: "late".to_owned(),
            line: 7,
            conditions: conditions.iter().map(compile).collect(),
            wanted,
        };
        let mut failures = judge(&[expectation], &[0], batches);
        assert!(failures.len() <= 1);
        failures.pop().map(|failure| failure.message)
    }

    #[test]
    fn events_that_meet_all_conditions_count() {
        let both = [came(&[3, 1]), came(&[2])];
        let conditions = [".n > 1", ".n < 3"];
        assert_eq!(message(&conditions, Wanted::Exactly(1), &both), None);
        assert_eq!(message(&conditions, Wanted::AtLeast(1), &both), None);
        assert_eq!(
            message(&conditions, Wanted::Exactly(2), &both).as_deref(),
            Some("2 events from `a.late` should have met the conditions, and 1 of 3 did so")
        );
        assert_eq!(message(&[], Wanted::Exactly(3), &both), None);
        assert_eq!(
            message(&[], Wanted::Exactly(0), &both).as_deref(),
            Some("no event should have come from `a.late`, and 3 came")
        );
        assert_eq!(
            message(&[], Wanted::AtLeast(1), &[]).as_deref(),
            Some("an event should have come from `a.late`, and none came")
        );
        // One that can't be judged does not meet the condition.
        assert_eq!(message(&["string!(.n) == \"1\""], Wanted::Exactly(0), &both), None);
    }

    #[test]
    fn a_failure_shows_which_conditions_were_met_and_what_came_by_time() {
        let never: Arc<dyn Condition> = logd_parse::conditions().compile(".n > 5").expect("VRL");
        let often = logd_parse::conditions().compile(".n > 1").expect("VRL");
        let expectation = Expectation {
            component: ComponentId::new("p", "a"),
            port: String::new(),
            line: 7,
            conditions: vec![(".n > 5".to_owned(), never), (".n > 1".to_owned(), often)],
            wanted: Wanted::AtLeast(1),
        };
        let failures = judge(&[expectation], &[0], &[came(&[3, 1]), came(&[2])]);
        assert_eq!(failures[0].conditions, [(".n > 5".to_owned(), 0), (".n > 1".to_owned(), 2)]);
        assert_eq!(failures[0].events, [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
        assert_eq!(failures[0].line, 7);
    }
}
