//! What is wrong with the user's files: collected, never thrown, so that one run reports every mistake.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use logd_sdk::report::Severity;

use super::source_file::SourceFile;

/// One mistake, where it stands, and what to do about it.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file it is in.
    pub file: Arc<SourceFile>,
    /// The bytes it is about; `None` if it is about the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong, in one line, complete without the label.
    pub message: String,
    /// A few words at the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
}

/// Another place that a diagnostic shows.
#[derive(Clone, Debug)]
pub struct Related {
    /// The file it is in.
    pub file: Arc<SourceFile>,
    /// Its bytes.
    pub span: Range<usize>,
    /// What it has to do with the mistake.
    pub label: String,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(file: &Arc<SourceFile>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, Some(span), message.into())
    }

    /// A warning at `span`.
    pub fn warning(file: &Arc<SourceFile>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, file, Some(span), message.into())
    }

    /// An error about the file as a whole.
    pub fn of_file(file: &Arc<SourceFile>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, None, message.into())
    }

    /// A warning about the file as a whole.
    pub fn warning_of_file(file: &Arc<SourceFile>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, file, None, message.into())
    }

    fn new(severity: Severity, file: &Arc<SourceFile>, span: Option<Range<usize>>, message: String) -> Self {
        let span = span.map(|span| file.clamp(span));
        Self { severity, file: file.clone(), span, message, label: None, help: None, related: Vec::new() }
    }

    /// Puts a few words at the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Shows another place.
    #[must_use]
    pub fn related(mut self, file: &Arc<SourceFile>, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related.push(Related { file: file.clone(), span: file.clamp(span), label: label.into() });
        self
    }
}

/// In one line, as for a log: `pipelines/demo.toml:12:8: error: unknown key `treshold``.
impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file.path().display())?;
        if let Some(span) = &self.span {
            let position = self.file.position(span.start);
            write!(formatter, "{}:{}:", position.line, position.column)?;
        }
        write!(formatter, " {}: {}", severity_name(self.severity), self.message)
    }
}

/// `error` or `warning`.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// All that was found so far, in any order.
#[derive(Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.0.len() - self.errors()
    }

    /// Whether there is an error in this file.
    pub fn has_errors_in(&self, file: &SourceFile) -> bool {
        self.0.iter().any(|found| found.severity == Severity::Error && found.file.path() == file.path())
    }

    /// All of them by file and position, each once, with no word of what is secret in their files.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        for Diagnostic { file, span, message, label, help, .. } in &mut self.0 {
            let Some(span) = span else { continue };
            let texts = std::iter::once(message).chain(label).chain(help);
            texts.for_each(|text| *text = file.redact(text, span));
        }
        fn order(one: &Diagnostic) -> impl Ord {
            let span = one.span.as_ref().map(|span| (span.start, span.end));
            (one.file.path(), span, one.severity, &one.message)
        }
        self.0.sort_by(|one, other| order(one).cmp(&order(other)));
        self.0.dedup_by(|one, other| order(one) == order(other));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_file_and_position() {
        let (a, b) = (SourceFile::new("a.toml", "12345\n6789"), SourceFile::new("b.toml", "1"));
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic::error(&b, 0..1, "third"));
        diagnostics.push(Diagnostic::warning(&a, 7..8, "second"));
        diagnostics.push(Diagnostic::error(&a, 2..3, "first"));
        diagnostics.push(Diagnostic::error(&a, 2..3, "first"));
        diagnostics.push(Diagnostic::of_file(&a, "zeroth"));
        assert_eq!((diagnostics.errors(), diagnostics.warnings()), (4, 1));
        assert!(diagnostics.has_errors_in(&b));
        let lines: Vec<_> = diagnostics.sorted().iter().map(Diagnostic::to_string).collect();
        let expected = [
            "a.toml: error: zeroth",
            "a.toml:1:3: error: first",
            "a.toml:2:2: warning: second",
            "b.toml:1:1: error: third",
        ];
        assert_eq!(lines, expected);
    }
}
