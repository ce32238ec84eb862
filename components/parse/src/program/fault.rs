//! VRL's diagnostics as faults of a setting, so that the loader shows them at their line in the TOML.

use std::ops::Range;

use logd_sdk::settings::Fault;
use vrl::compiler::codes::ExprCode;
use vrl::diagnostic::{Diagnostic, DiagnosticList, Note};

use super::Purpose;

/// A help that is longer lists every token of the language, and helps nobody.
const LONGEST_HELP: usize = 200;

/// The problems among `diagnostics`, in order. That a condition can fail at run time is none, for that is handled.
pub(super) fn faults(diagnostics: &DiagnosticList, source: &str, purpose: Purpose) -> Vec<Fault> {
    let problems = || diagnostics.iter().filter(|diagnostic| diagnostic.is_problem());
    let handled = |problem: &&Diagnostic| purpose == Purpose::Ask && is_fallibility(problem);
    let faults: Vec<_> = problems().filter(|problem| !handled(problem)).map(|problem| fault(problem, source)).collect();
    if faults.is_empty() { problems().map(|problem| fault(problem, source)).collect() } else { faults }
}

/// One diagnostic, be it an error or a warning.
pub(super) fn fault(diagnostic: &Diagnostic, source: &str) -> Fault {
    let mut fault = Fault::new(one_line(&diagnostic.message));
    let main = diagnostic.labels.iter().find(|label| label.primary);
    if let Some(label) = main {
        let text = one_line(&label.message).replace("\"LQuery\"", "a path");
        fault = fault.label(text.trim_start_matches("help: "));
        if let Some(place) = place(label.span.start()..label.span.end(), source) {
            fault = fault.at(place);
        }
    }
    let help = help(diagnostic);
    match help.filter(|help| help.len() <= LONGEST_HELP) {
        Some(help) => fault.help(help),
        None => fault,
    }
}

/// Whether the problem is only that something can fail at run time.
fn is_fallibility(diagnostic: &Diagnostic) -> bool {
    let unsure = |code: ExprCode| diagnostic.code == code as usize;
    // An argument of another type is wrong for certain; one of which the type is not known may be right.
    let unknown_type = || !diagnostic.labels.iter().any(|label| label.message.contains("exact type"));
    unsure(ExprCode::FallibleExpression)
        || unsure(ExprCode::FallibleAssignment)
        || unsure(ExprCode::InvalidArgumentKind) && unknown_type()
}

/// Whether a function is not known.
pub(super) fn is_undefined_function(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == ExprCode::UndefinedFunction as usize
}

/// What VRL says beside the main point: a note that is no link, or the other labels.
fn help(diagnostic: &Diagnostic) -> Option<String> {
    if is_fallibility(diagnostic) {
        return Some("say what to do then: `… ?? default`, or `function!(…)` to give up on the event".to_owned());
    }
    let note = diagnostic.notes.iter().find_map(|note| match note {
        Note::Hint(text) | Note::Basic(text) | Note::UserErrorMessage(text) if !text.trim().is_empty() => {
            Some(one_line(text))
        }
        _ => None,
    });
    note.or_else(|| {
        let labels = diagnostic.labels.iter().filter(|label| !label.primary && !label.message.is_empty());
        labels.map(|label| one_line(&label.message)).next()
    })
}

/// A regex's own message draws the pattern over several lines: what is wrong stands in the last of them. Some messages
/// begin with how they came about: `function compilation error: error[E315] …`.
pub(crate) fn one_line(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find_map(|line| line.strip_prefix("error: "));
    let line = error.or_else(|| lines().next()).unwrap_or_default();
    line.strip_prefix("function compilation error: ")
        .and_then(|line| line.split_once("] "))
        .map_or(line, |it| it.1)
        .to_owned()
}

/// A span of VRL's within the source, at least one character wide; `None` where VRL names no place.
fn place(span: Range<usize>, source: &str) -> Option<Range<usize>> {
    if span == (0..0) {
        return None;
    }
    let start = source.floor_char_boundary(span.start.min(source.trim_end().len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    if start < end {
        return Some(start..end);
    }
    match source[start..].chars().next() {
        Some(next) => Some(start..start + next.len_utf8()),
        None => source.char_indices().last().map(|(last, _)| last..source.len()),
    }
}
