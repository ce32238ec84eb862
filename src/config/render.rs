//! Diagnostics for people (as rustc prints them) and for programs (JSON).
//!
//! ```text
//! error: unknown key `treshold`
//!   --> pipelines/demo.toml:27:1
//!    |
//! 27 | treshold = 3.0
//!    | ^^^^^^^^ did you mean `threshold`?
//! ```
//!
//! What is shown comes from the user's files, which may hold anything: control characters are made harmless by the
//! renderer in source lines, messages and labels, and by [`normalize_untrusted_str`] in hints.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde::Serialize;

use super::diagnostic::{Diagnostic, Severity, severity_name};
use super::source_file::SourceFile;

/// Each diagnostic with its source line, a caret and the hint, and a blank line behind.
///
/// `color` is for a terminal. Without it the text is the same wherever it is made: golden files can hold it.
pub fn text(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    diagnostics.iter().map(|diagnostic| renderer.render(&[group(diagnostic)]) + "\n\n").collect()
}

/// One JSON array: `file`, `line`, `column`, `end_line`, `end_column` (from 1, the end exclusive; null if it is about
/// the file as a whole), `severity`, `message`, `help`.
pub fn json(diagnostics: &[Diagnostic]) -> String {
    let entries: Vec<_> = diagnostics.iter().map(Entry::new).collect();
    // Strings and numbers can always be written.
    serde_json::to_string_pretty(&entries).unwrap_or_default()
}

/// A diagnostic as an editor wants it: places as people count, and no rendered text.
#[derive(Serialize)]
struct Entry<'d> {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    severity: &'static str,
    message: &'d str,
    help: Option<&'d str>,
}

impl<'d> Entry<'d> {
    fn new(diagnostic: &'d Diagnostic) -> Self {
        let start = diagnostic.span.as_ref().map(|span| diagnostic.file.position(span.start));
        let end = diagnostic.span.as_ref().map(|span| diagnostic.file.position(span.end));
        Self {
            file: diagnostic.file.path().display().to_string(),
            line: start.map(|start| start.line),
            column: start.map(|start| start.column),
            end_line: end.map(|end| end.line),
            end_column: end.map(|end| end.column),
            severity: severity_name(diagnostic.severity),
            message: &diagnostic.message,
            help: diagnostic.help.as_deref(),
        }
    }
}

/// A place to show in a snippet.
struct Mark<'d> {
    file: &'d Arc<SourceFile>,
    kind: AnnotationKind,
    span: Range<usize>,
    label: Option<&'d str>,
}

/// The parts that the renderer wants: title, snippets (one for each file), hint.
fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message));
    let Some(span) = &diagnostic.span else {
        group = group.element(Origin::path(path(&diagnostic.file)));
        return with_help(group, diagnostic);
    };
    let (kind, label) = (AnnotationKind::Primary, diagnostic.label.as_deref());
    let mut marks = vec![Mark { file: &diagnostic.file, kind, span: span.clone(), label }];
    marks.extend(diagnostic.related.iter().map(|related| {
        let (kind, label) = (AnnotationKind::Context, Some(related.label.as_str()));
        Mark { file: &related.file, kind, span: related.span.clone(), label }
    }));
    while let Some(first) = marks.first() {
        let file = first.file;
        let here: Vec<_> = marks.extract_if(.., |mark| Arc::ptr_eq(mark.file, file)).collect();
        group = group.element(snippet(file, &here));
    }
    with_help(group, diagnostic)
}

/// Adds the hint, if there is one.
fn with_help<'d>(group: Group<'d>, diagnostic: &'d Diagnostic) -> Group<'d> {
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
        None => group,
    }
}

/// The lines of `file` that the marks touch; the rest of the file would only be folded away.
fn snippet<'d>(file: &'d SourceFile, marks: &[Mark<'d>]) -> Snippet<'d, annotate_snippets::Annotation<'d>> {
    let start = marks.iter().map(|mark| mark.span.start).min().unwrap_or_default();
    let end = marks.iter().map(|mark| mark.span.end).max().unwrap_or_default();
    let (lines, number) = file.lines(&(start..end));
    let annotations = marks.iter().map(|mark| {
        let span = mark.span.start - lines.start..mark.span.end - lines.start;
        mark.kind.span(span).label(mark.label)
    });
    Snippet::source(file.shown()[lines.clone()].to_owned()).line_start(number).path(path(file)).annotations(annotations)
}

fn path(file: &SourceFile) -> String {
    file.path().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One with all parts, behind a tab and a character of two bytes.
    fn sample() -> Diagnostic {
        let file = SourceFile::new("pipelines/demo.toml", "[sources.a]\ntype = \"x\"\n\tß = 5 # five\n");
        Diagnostic::error(&file, 29..30, "`ß` has no unit").label("a number").help("write \"5s\"").related(
            &file,
            1..10,
            "in this source",
        )
    }

    #[test]
    fn shows_line_caret_and_help() {
        let expected = r#"error: `ß` has no unit
 --> pipelines/demo.toml:3:6
  |
1 | [sources.a]
  |  --------- in this source
2 | type = "x"
3 |     ß = 5 # five
  |         ^ a number
  |
  = help: write "5s"

"#;
        assert_eq!(text(&[sample()], false), expected);
        assert!(text(&[sample()], true).contains("\u{1b}["));
    }

    #[test]
    fn shows_other_files_and_whole_files() {
        let other = SourceFile::new("b.toml", "x");
        let expected =
            "warning: odd\n --> a.toml:1:1\n  |\n1 | y\n  | ^\n  |\n ::: b.toml:1:1\n  |\n1 | x\n  | - see\n\n";
        let diagnostic = Diagnostic::warning(&SourceFile::new("a.toml", "y"), 0..1, "odd").related(&other, 0..1, "see");
        assert_eq!(text(&[diagnostic], false), expected);
        let unreadable = Diagnostic::of_file(&other, "can't be read").help("look");
        assert_eq!(text(&[unreadable], false), "error: can't be read\n--> b.toml\n = help: look\n\n");
    }

    #[test]
    fn writes_json() {
        let value: serde_json::Value = serde_json::from_str(&json(&[sample()])).unwrap();
        let expected = serde_json::json!([{
            "file": "pipelines/demo.toml", "line": 3, "column": 6, "end_line": 3, "end_column": 7,
            "severity": "error", "message": "`ß` has no unit", "help": "write \"5s\""
        }]);
        assert_eq!(value, expected);
    }
}
