//! Paths to a field of an event, in VRL's syntax.
//!
//! They are parsed once, when a pipeline is read; what they were written as is kept for messages and labels.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use vrl::path::{OwnedValuePath, parse_value_path};

use super::Fault;
use super::text::text_setting;

/// The path of a field: `.http.status`, or `http.status` for short; `.labels."app name"`, `.hosts[0]`.
///
/// Two paths are equal when they name the same field, however they are written. `.`, the whole event, is refused: a
/// setting that allows it is an [`EventPath`].
#[derive(Clone, Debug)]
pub struct FieldPath {
    text: String,
    path: OwnedValuePath,
}

/// The path of a field, or `.` for the whole event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventPath(FieldPath);

const HELP: &str = r#"write a path like "http.status", ".hosts[0]" or '.labels."app name"'"#;

text_setting!(
    FieldPath,
    expected: "a field path like \"http.status\"",
    bare_number: None,
    schema: {
        "type": "string",
        "description": "The path of a field, in VRL's syntax; the first dot may be left out.",
        "examples": ["service", ".http.status", ".hosts[0]"]
    }
);

text_setting!(
    EventPath,
    expected: "a field path like \"http.status\", or \".\"",
    bare_number: None,
    schema: {
        "type": "string",
        "description": "The path of a field, in VRL's syntax, or `.` for the whole event.",
        "examples": [".", "service", ".http.status"]
    }
);

impl FieldPath {
    /// The field of this name at the top of the event.
    #[must_use]
    pub fn top(name: &str) -> Self {
        Self { text: name.to_owned(), path: OwnedValuePath::single_field(name) }
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed path, for [`vrl::value::Value`].
    pub fn path(&self) -> &OwnedValuePath {
        &self.path
    }

    /// The field's name, if the path is a single field at the top of the event: what a reader of raw JSON looks for.
    pub fn top_level(&self) -> Option<&str> {
        match self.path.segments.as_slice() {
            [vrl::path::OwnedSegment::Field(name)] => Some(name),
            _ => None,
        }
    }
}

impl EventPath {
    /// Whether this is the whole event.
    pub fn is_root(&self) -> bool {
        self.0.path.is_root()
    }

    /// The parsed path, for [`vrl::value::Value`]; without segments for the whole event.
    pub fn path(&self) -> &OwnedValuePath {
        &self.0.path
    }
}

/// Parses `text`; the fault points at what follows the longest part that is a path.
fn parse(text: &str) -> Result<FieldPath, Fault> {
    let wrong = |why: &str| Fault::new(format!("`{text}` is not a field path{why}")).help(HELP);
    if text.is_empty() {
        return Err(wrong(": it is empty"));
    }
    if text.starts_with('%') {
        return Err(wrong(": events have no metadata"));
    }
    // An index is a machine word; VRL's parser does not check for overflow.
    let longest_number = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    if text.contains('[') && longest_number > 9 {
        return Err(wrong(": an index has at most nine digits"));
    }
    match parse_value_path(text) {
        Ok(path) => Ok(FieldPath { text: text.to_owned(), path }),
        Err(_) => {
            let ends = text.char_indices().map(|(end, _)| end).take(200);
            let good = ends.filter(|end| parse_value_path(&text[..*end]).is_ok()).last().unwrap_or(0);
            Err(wrong("").at(good..text.len()))
        }
    }
}

/// Faults: no path, the whole event (`.`), or metadata (`%…`), which events do not have.
impl FromStr for FieldPath {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let path = parse(text)?;
        if path.path.is_root() {
            return Err(Fault::new("`.` is the whole event; a field is expected here").help(HELP));
        }
        Ok(path)
    }
}

impl FromStr for EventPath {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        parse(text).map(Self)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for EventPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl PartialEq for FieldPath {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for FieldPath {}

impl Hash for FieldPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_dot_may_be_left_out() {
        let short: FieldPath = "http.status".parse().unwrap();
        let long: FieldPath = r#"."http".status"#.parse().unwrap();
        assert_eq!(short, long);
        assert_eq!(short.to_string(), "http.status");
        assert_eq!(short.top_level(), None);
        assert_eq!(".level".parse::<FieldPath>().unwrap().top_level(), Some("level"));
    }

    #[test]
    fn the_whole_event_only_where_it_is_allowed() {
        assert!(".".parse::<FieldPath>().unwrap_err().message.contains("whole event"));
        assert!(".".parse::<EventPath>().unwrap().is_root());
    }

    #[test]
    fn points_at_what_is_no_path() {
        for (text, within) in [("foo bar", 3..7), ("a.$b", 1..4), ("a[", 1..2), ("é", 0..2)] {
            assert_eq!(text.parse::<FieldPath>().unwrap_err().within, Some(within), "{text}");
        }
        for text in ["", "%meta", "a[99999999999999999999]"] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }
}
