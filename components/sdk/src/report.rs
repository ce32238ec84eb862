//! What a component's `check` finds wrong with its settings.
//!
//! `check` names keys, not lines: the loader knows where each key stands in the file and turns every [`Problem`] into a
//! diagnostic with file, line and caret. All problems of all components are reported in one run, so `check` goes on after
//! the first.

use std::fmt;
use std::ops::Range;

use crate::settings::{Fault, TextFile};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration can't be used.
    Error,
    /// It can be used, but probably does not do what was meant.
    Warning,
}

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A key of a table.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// Where a setting stands, from the component's table down: `aggregates.p99.q`, `incidents[0].at`. Empty means the
/// component as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(pub Vec<Segment>);

/// One thing that is wrong, made by [`Report::error`] or [`Report::warning`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The setting it is about; a key that is not in the file stands for the nearest table above it that is.
    pub key: KeyPath,
    /// The bytes of the setting's text (as it is after `${VAR}` was put in) that are wrong, if not the whole of it.
    pub within: Option<Range<usize>>,
    /// The file that the setting names, if the mistake is in that file: then `within` is of its text.
    pub file: Option<TextFile>,
    /// What is wrong, in one line, without a full stop.
    pub message: String,
    /// A few words to stand at the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// The problems found so far.
///
/// ```
/// # use logd_sdk::report::Report;
/// let mut report = Report::default();
/// report.error(["aggregates", "p99", "q"], "`q` must lie between 0 and 1").help("write q = 0.99");
/// assert!(report.has_errors());
/// ```
#[derive(Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// Adds an error about the setting at `key` and returns it, to add a label, a place or help.
    pub fn error(&mut self, key: impl Into<KeyPath>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, key.into(), message.into())
    }

    /// Adds a warning about the setting at `key` and returns it, to add a label, a place or help.
    pub fn warning(&mut self, key: impl Into<KeyPath>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, key.into(), message.into())
    }

    /// Adds a fault of the text at `key` as an error.
    pub fn fault(&mut self, key: impl Into<KeyPath>, fault: Fault) -> &mut Problem {
        let problem = self.error(key, fault.message);
        problem.within = fault.within;
        problem.label = fault.label;
        problem.help = fault.help;
        problem
    }

    /// Adds what was found apart from it.
    pub fn append(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    /// Adds what was found apart from it, in the table at `key`.
    pub fn append_in(&mut self, key: &KeyPath, other: Self) {
        let problems = other.problems.into_iter();
        self.problems.extend(problems.map(|problem| Problem { key: key.clone().join(problem.key), ..problem }));
    }

    /// What was found, in the order in which it was found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// As [`problems`](Self::problems), to be kept.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Whether one of the problems is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    fn add(&mut self, severity: Severity, key: KeyPath, message: String) -> &mut Problem {
        let place = self.problems.len();
        self.problems.push(Problem { severity, key, within: None, file: None, message, label: None, help: None });
        &mut self.problems[place]
    }
}

impl Problem {
    /// Puts a few words at the caret.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do about it.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Narrows the problem to these bytes of the setting's text, for programs and templates.
    pub fn within(&mut self, within: Range<usize>) -> &mut Self {
        self.within = Some(within);
        self
    }

    /// Says that the mistake is in the file that the setting names.
    pub fn in_file(&mut self, file: &TextFile) -> &mut Self {
        self.file = Some(file.clone());
        self
    }
}

impl KeyPath {
    /// This path and one key more.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(Segment::Key(key.into()));
        self
    }

    /// The path of what stands at `inner` in what stands at this path.
    #[must_use]
    pub fn join(mut self, inner: Self) -> Self {
        self.0.extend(inner.0);
        self
    }

    /// This path and one element more.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Segment::Index(index));
        self
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if place == 0 => formatter.write_str(key)?,
                Segment::Key(key) => write!(formatter, ".{key}")?,
                Segment::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<String> for Segment {
    fn from(key: String) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A single key; a dot in it does not separate.
impl From<&str> for KeyPath {
    fn from(key: &str) -> Self {
        Self(vec![key.into()])
    }
}

/// The component as a whole.
impl From<()> for KeyPath {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl<S: Into<Segment>, const N: usize> From<[S; N]> for KeyPath {
    fn from(segments: [S; N]) -> Self {
        Self(segments.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collects_problems() {
        let mut report = Report::default();
        report.warning("clock", "odd");
        assert!(!report.has_errors());
        report.error(KeyPath::from("incidents").index(0).key("at"), "wrong").label("here").within(2..5);
        report.fault(["source"], Fault::new("bad").at(1..2).help("better"));
        assert!(report.has_errors());
        let keys: Vec<_> = report.problems().iter().map(|problem| problem.key.to_string()).collect();
        assert_eq!(keys, ["clock", "incidents[0].at", "source"]);
        assert_eq!(report.problems()[1].within, Some(2..5));
        assert_eq!(report.problems()[2].help.as_deref(), Some("better"));
        let mut whole = Report::default();
        whole.append_in(&["api", "logs"].into(), report);
        let keys: Vec<_> = whole.problems().iter().map(|problem| problem.key.to_string()).collect();
        assert_eq!(keys, ["api.logs.clock", "api.logs.incidents[0].at", "api.logs.source"]);
    }
}
