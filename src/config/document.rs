//! A file as TOML, and the way from its values back to its text.

use std::ops::Range;
use std::sync::Arc;

use logd_sdk::report::{KeyPath, Problem, Segment, Severity};
use logd_sdk::settings::{Fault, TextFile};
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::literal;
use super::source_file::SourceFile;
use super::substitute::{Environment, Substituted, Substitutions};
use super::syntax::{self, Recovered};

/// A file without its syntax errors; tables borrow from it.
#[derive(Debug)]
pub struct Document {
    file: Arc<SourceFile>,
    readable: Recovered,
    may_lack_tables: bool,
}

impl Document {
    /// Finds the syntax errors of `file`, and keeps the rest.
    pub fn new(file: Arc<SourceFile>, diagnostics: &mut Diagnostics) -> Self {
        let readable = syntax::recover(file.text());
        for (span, fault) in &readable.faults {
            diagnostics.push(with_fault(Diagnostic::error(&file, span.clone(), ""), fault.clone()));
        }
        let may_lack_tables = readable.may_lack_tables(file.text());
        Self { file, readable, may_lack_tables }
    }

    /// The file.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// The file's table, with the variables put in.
    pub fn table(&self, environment: Environment<'_>, diagnostics: &mut Diagnostics) -> (DeTable<'_>, Origin<'_>) {
        // The text parses: what does not was taken out of it.
        let (table, _) = DeTable::parse_recoverable(&self.readable.text);
        let mut table = table.into_inner();
        let mut substitutions = Substitutions::default();
        let mistakes = substitutions.apply(&mut table, environment);
        for mistake in mistakes {
            let within = mistake.fault.within.clone().unwrap_or(0..usize::MAX);
            let span = literal::locate(self.file.text(), mistake.literal, within);
            diagnostics.push(with_fault(Diagnostic::error(&self.file, span, ""), mistake.fault));
        }
        (table, Origin { document: self, substitutions })
    }
}

/// Where the values of a file's tables come from.
#[derive(Debug)]
pub struct Origin<'d> {
    document: &'d Document,
    substitutions: Substitutions,
}

impl Origin<'_> {
    /// The file.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.document.file
    }

    /// Whether the file has syntax errors: then not all of it is known.
    pub fn is_broken(&self) -> bool {
        !self.document.readable.faults.is_empty()
    }

    /// Whether a component that seems to be missing may stand where a syntax error is.
    pub(super) fn may_lack_tables(&self) -> bool {
        self.document.may_lack_tables
    }

    /// Whether a key that seems to be missing in the table at `span` may stand where a syntax error is.
    pub(super) fn may_lack_keys(&self, span: &Range<usize>) -> bool {
        self.may_lack_tables() || self.document.readable.may_lack_keys(self.file().text(), span)
    }

    /// An error at `span`, without the values of variables in its text.
    pub(super) fn error(&self, span: Range<usize>, message: &str) -> Diagnostic {
        Diagnostic::error(self.file(), span, self.redact(message))
    }

    /// An error about the value at `value`: its place in that value, its label and its help are the fault's. `None` if a
    /// variable in that value is missing, which has been said.
    pub(super) fn fault(&self, value: Range<usize>, fault: Fault) -> Option<Diagnostic> {
        if self.substituted(&value).is_some_and(|found| found.failed) {
            return None;
        }
        let span = self.place(value, fault.within.clone());
        let redact = |text: Option<String>| text.map(|text| self.redact(&text));
        let Fault { message, label, help, within: _ } = fault;
        let fault = Fault { message: self.redact(&message), within: None, label: redact(label), help: redact(help) };
        Some(with_fault(self.error(span, ""), fault))
    }

    /// An error in the text of a file that the setting at `value` names.
    fn fault_in(&self, file: &TextFile, value: Range<usize>, fault: Fault) -> Diagnostic {
        let file = SourceFile::new(file.path(), file.text().unwrap_or_default());
        let span = fault.within.clone().unwrap_or(0..0);
        with_fault(Diagnostic::error(&file, span, ""), fault).related(self.file(), value, "this file")
    }

    /// The variables in the string at `value`.
    pub(super) fn substituted(&self, value: &Range<usize>) -> Option<&Substituted> {
        self.substitutions.at(value.start)
    }

    /// `text` with the names of variables in place of their values.
    pub(super) fn redact(&self, text: &str) -> String {
        self.substitutions.redact(text)
    }

    /// Turns what a component found wrong with its settings into diagnostics: `table` is what it was read from, which
    /// stands at `span`.
    pub fn report<'p>(
        &self,
        table: &DeTable<'_>,
        span: Range<usize>,
        problems: impl IntoIterator<Item = &'p Problem>,
        diagnostics: &mut Diagnostics,
    ) {
        for problem in problems {
            let found = find(table, &problem.key);
            // What seems to be missing may stand where a syntax error is.
            if found.is_none() && self.may_lack_keys(&span) {
                continue;
            }
            let value = found.unwrap_or_else(|| span.clone());
            let Problem { severity, key: _, within, file, message, label, help } = problem.clone();
            let fault = Fault { message, within, label, help };
            let found = match file {
                Some(file) => Some(self.fault_in(&file, value, fault)),
                None => self.fault(value, fault),
            };
            if let Some(mut found) = found {
                found.severity = severity;
                // A file with syntax errors may look odd only for what it lacks.
                if severity == Severity::Error || !self.is_broken() {
                    diagnostics.push(found);
                }
            }
        }
    }

    /// The bytes of the file that bytes `within` of the value at `value` come from.
    fn place(&self, value: Range<usize>, within: Option<Range<usize>>) -> Range<usize> {
        let Some(within) = within else { return value };
        let written = self.substituted(&value).map_or(within.clone(), |found| found.written(within));
        literal::locate(self.file().text(), value, written)
    }
}

/// Where the value at `key` stands, or the nearest table above it that there is.
pub(super) fn find(table: &DeTable<'_>, key: &KeyPath) -> Option<Range<usize>> {
    let mut place = None;
    let mut segments = key.0.iter();
    let Some(Segment::Key(first)) = segments.next() else { return None };
    let mut next = table.get(first.as_str());
    while let Some(value) = next {
        place = Some(value.span());
        next = match (segments.next(), value.get_ref()) {
            (Some(Segment::Key(key)), DeValue::Table(table)) => table.get(key.as_str()),
            (Some(Segment::Index(index)), DeValue::Array(elements)) => elements.get(*index),
            _ => None,
        };
    }
    place
}

/// `diagnostic` with the words of `fault`.
pub(super) fn with_fault(diagnostic: Diagnostic, fault: Fault) -> Diagnostic {
    Diagnostic { message: fault.message, label: fault.label, help: fault.help, ..diagnostic }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logd_sdk::report::Report;

    fn load(text: &str) -> (Document, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let document = Document::new(SourceFile::new("a.toml", text), &mut diagnostics);
        (document, diagnostics)
    }

    #[test]
    fn reports_point_into_the_file() {
        let text = "[t]\nsource = '''\n.a = 1\n.b = ${N:-22} + x\n'''\nlist = [1, 2]\n";
        let (document, mut diagnostics) = load(text);
        let (table, origin) = document.table(&|_| None, &mut diagnostics);
        let inner = table["t"].get_ref().as_table().unwrap();
        let mut report = Report::default();
        report.error("source", "x is unknown").within(17..18).label("here");
        report.warning([Segment::from("list"), 1.into()], "odd");
        report.error(["list", "deeper"], "wrong");
        report.error("nothing", "missing");
        origin.report(inner, table["t"].span(), report.problems(), &mut diagnostics);
        let found: Vec<_> =
            diagnostics.sorted().iter().map(|found| text[found.span.clone().unwrap()].to_owned()).collect();
        assert_eq!(found, ["[t]", "x", "[1, 2]", "2"]);
    }

    #[test]
    fn a_missing_variable_is_said_once() {
        let (document, mut diagnostics) = load("a = \"${NONE}\"\n");
        let (table, origin) = document.table(&|_| None, &mut diagnostics);
        let mut report = Report::default();
        report.error("a", "wrong");
        origin.report(&table, 0..0, report.problems(), &mut diagnostics);
        let found: Vec<_> = diagnostics.sorted().iter().map(Diagnostic::to_string).collect();
        assert_eq!(found, ["a.toml:1:6: error: the environment variable `NONE` is not set"]);
    }

    #[test]
    fn values_of_variables_are_not_shown() {
        let (document, mut diagnostics) = load("a = \"${WORD}\"\n");
        let (_, origin) = document.table(&|_| Some("hunter2".to_owned()), &mut diagnostics);
        let fault = Fault::new("no `hunter2`").help("not hunter2").label("hunter2");
        let found = origin.fault(4..13, fault).unwrap();
        assert_eq!(format!("{} {:?} {:?}", found.message, found.help, found.label).matches("hunter2").count(), 0);
    }
}
