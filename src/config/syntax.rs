//! All syntax errors of a TOML file, and the text without them.
//!
//! TOML's parser recovers from an error, but then drops keys or takes the rest of a file into an unclosed array, and one
//! slip shows as ten. So the first error is taken, the statement it is in is blanked (spaces, so that all places stay),
//! and the text is parsed again: what is found then is a mistake of its own, and the rest of the file can be checked.

use std::ops::Range;

use logd_sdk::settings::Fault;
use toml::de::{DeTable, DeValue};

/// More than these are not listed.
const MOST_FAULTS: usize = 50;

/// What is left of a file without its syntax errors.
#[derive(Debug)]
pub(super) struct Recovered {
    /// The text, with spaces where the errors were; it parses.
    pub(super) text: String,
    /// The errors with their places.
    pub(super) faults: Vec<(Range<usize>, Fault)>,
    /// What was blanked.
    pub(super) blanked: Vec<Range<usize>>,
}

/// Finds the syntax errors of `source`.
pub(super) fn recover(source: &str) -> Recovered {
    let mut recovered = Recovered { text: source.to_owned(), faults: Vec::new(), blanked: Vec::new() };
    loop {
        let text = &recovered.text;
        let (table, errors) = DeTable::parse_recoverable(text);
        let place = |error: &toml::de::Error| error.span().unwrap_or_else(|| deepest_line(text));
        let Some(error) = errors.iter().min_by_key(|error| place(error).start) else { return recovered };
        let span = place(error);
        let end = text.ceil_char_boundary(span.end);
        let span = text.floor_char_boundary(span.start.min(end))..end;
        let (bad, span, fault) = explain(text, table.get_ref(), span, error.message());
        let all = 0..text.len();
        // What is blank already can't be made better: then nothing more can be known of the file.
        let is_hopeless = recovered.faults.len() == MOST_FAULTS || text[bad.clone()].trim().is_empty();
        let bad = if is_hopeless { all } else { bad };
        if recovered.faults.len() < MOST_FAULTS {
            recovered.faults.push((span, fault));
        }
        recovered.text = blank(text, bad.clone());
        recovered.blanked.push(bad);
    }
}

impl Recovered {
    /// Whether a table may have lost a key: if what was blanked follows the table's head, which stands at `span` of
    /// `source`, with no other header between.
    pub(super) fn may_lack_keys(&self, source: &str, span: &Range<usize>) -> bool {
        if source.get(span.clone()).is_some_and(|head| head.starts_with('{')) {
            return false;
        }
        let follows = |blanked: &&Range<usize>| {
            let between =
                source.get(span.end..blanked.start).map(|text| text.lines().skip(1).all(|line| header(line).is_none()));
            between.unwrap_or(blanked.start <= span.start && span.start < blanked.end)
        };
        self.blanked.iter().any(|blanked| follows(&blanked))
    }

    /// Whether a whole table of `source` may have been lost, for a header was blanked, or something outside of tables
    /// that have a table above them.
    pub(super) fn may_lack_tables(&self, source: &str) -> bool {
        self.blanked.iter().any(|blanked| {
            let above = source[..blanked.start].lines().rev().find_map(header);
            source[blanked.clone()].lines().any(|line| line.trim_start().starts_with('['))
                || above.is_none_or(|name| !name.contains('.'))
        })
    }
}

/// The parser gives no place for a key of too many parts: the line with the most dots.
fn deepest_line(text: &str) -> Range<usize> {
    let dots = |line: &Range<usize>| text[line.clone()].matches('.').count();
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1));
    starts.map(|start| line_at(text, start)).max_by_key(dots).unwrap_or(0..text.len())
}

/// `text` with spaces at `range`, of the same length in bytes and with the same lines.
fn blank(text: &str, range: Range<usize>) -> String {
    let spaces = text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    text[..range.start].chars().chain(spaces).chain(text[range.end..].chars()).collect()
}

/// The bytes to blank, the place to show, and what to say of the parser's error `message` at `span`.
fn explain(text: &str, table: &DeTable<'_>, span: Range<usize>, message: &str) -> (Range<usize>, Range<usize>, Fault) {
    // A variable without quotes ends for the parser at its first brace.
    let variable = text[span.start..].strip_prefix("${").and_then(|rest| rest.lines().next()?.find('}'));
    let span = variable.map_or(span.clone(), |length| span.start..span.start + length + 3);
    let line = line_at(text, span.start);
    let statement = statement_at(table, span.start);
    if let Some(value) = &statement
        && value.start < line.start
    {
        // The error shows on a later line than the value began on: perhaps because the value is not closed.
        let first = line_at(text, value.start).start;
        let at_end = text[span.start..].trim().is_empty();
        let written = &text[value.clone()];
        let (what, close) = match written.as_bytes() {
            [b'[', ..] => ("array", "]"),
            [b'{', ..] => ("inline table", "}"),
            [b'"', ..] => ("string", "\"\"\""),
            _ => ("string", "'''"),
        };
        if at_end || (what != "string" && begins_statement(&text[line.clone()])) {
            let opening = if what == "string" { 3 } else { 1 };
            let fault = Fault::new(format!("the {what} that begins here is not closed")).help(format!("add `{close}`"));
            let end = if at_end { text.len() } else { line.start };
            return (first..end, value.start..(value.start + opening).min(text.len()), fault);
        }
        return (first..line.end, span.clone(), reword(text, statement, span, message));
    }
    let bad = if text[line.clone()].trim_start().starts_with('[') {
        // Without its header a table's keys would fall to the table above.
        line.start..next_header(text, line.end)
    } else {
        line.start..end_of_value(text, line.end, statement.as_ref().map_or(line.end, |value| value.end))
    };
    (bad, span.clone(), reword(text, statement, span, message))
}

/// Says in plain words what the parser says in grammar.
fn reword(text: &str, value: Option<Range<usize>>, span: Range<usize>, message: &str) -> Fault {
    let given = text[span].trim();
    let quote = value.and_then(|value| text[value].chars().next());
    match message.split(", expected").next().unwrap_or(message) {
        "string values must be quoted" if given.is_empty() => missing_value(),
        "string values must be quoted" => {
            let help = match given.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" => "write true".to_owned(),
                "no" | "off" | "false" => "write false".to_owned(),
                _ => format!("write \"{given}\""),
            };
            Fault::new(format!("`{given}` is not a value: text stands in quotes")).help(help)
        }
        "invalid basic string" if quote == Some('"') => Fault::new("the string is not closed").help("add `\"`"),
        "invalid literal string" if quote == Some('\'') => Fault::new("the string is not closed").help("add `'`"),
        "invalid literal string" => missing_value(),
        "unclosed table" | "unclosed array table" => Fault::new("the header is not closed").help("add `]`"),
        "key with no value" => Fault::new("a key without a value").help("write key = value"),
        "missing escaped value" => Fault::new("`\\` begins an escape, and this is none")
            .help("write `\\\\`, or put the text into single quotes, where nothing is escaped"),
        "duplicate key" => {
            Fault::new(format!("`{given}` is defined twice")).help("each key and each table is written once")
        }
        "recursion limit" | "cannot recurse further; max recursion depth met" => Fault::new("nested too deep"),
        _ => Fault::new(message),
    }
}

fn missing_value() -> Fault {
    Fault::new("a value is missing").label("expected a value").help("write key = value")
}

/// The value of the innermost `key = value` around `offset`, as far as the parser made one of it.
fn statement_at(table: &DeTable<'_>, offset: usize) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        if key.span().start < value.span().start && (key.span().start..=value.span().end).contains(&offset) {
            return Some(value.span());
        }
        match value.get_ref() {
            // The span of a table with a header is that header, before or around the key.
            DeValue::Table(inner) => statement_at(inner, offset),
            DeValue::Array(elements) if value.span().start < key.span().start => elements
                .iter()
                .filter_map(|element| element.get_ref().as_table())
                .find_map(|inner| statement_at(inner, offset)),
            _ => None,
        }
    })
}

/// Whether a line looks like `key = …` or `[header]`.
fn begins_statement(line: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
    };
    let line = line.trim();
    header(line).is_some_and(word) || line.split_once('=').is_some_and(|(key, _)| word(key.trim()))
}

/// The name in a line `[NAME]` or `[[NAME]]`.
fn header(line: &str) -> Option<&str> {
    let (name, _) = line.trim().strip_prefix('[')?.split_once(']')?;
    Some(name.trim_start_matches('['))
}

/// The end of a value's last line, but before any line from `offset` on that looks like a statement of its own.
fn end_of_value(text: &str, mut offset: usize, end: usize) -> usize {
    while offset < end {
        let next = line_at(text, (offset + 1).min(text.len()));
        if begins_statement(&text[next.clone()]) {
            break;
        }
        offset = next.end.max(offset + 1);
    }
    offset.min(text.len())
}

/// The line around `offset`, without its newline.
fn line_at(text: &str, offset: usize) -> Range<usize> {
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |length| offset + length);
    start..end
}

/// Where the next line that begins with `[` starts, or the end.
fn next_header(text: &str, mut offset: usize) -> usize {
    while let Some(newline) = text[offset..].find('\n') {
        offset += newline + 1;
        if text[offset..].trim_start_matches([' ', '\t']).starts_with('[') {
            return offset;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The errors as `text at the caret: message`, and the keys that are left.
    fn check(source: &str) -> (Vec<String>, String) {
        let recovered = recover(source);
        let show = |(span, fault): &(Range<usize>, Fault)| format!("{:?}: {}", &source[span.clone()], fault.message);
        let rest = recovered.text.split_whitespace().collect::<Vec<_>>().join(" ");
        (recovered.faults.iter().map(show).collect(), rest)
    }

    fn one(source: &str, fault: &str, rest: &str) {
        assert_eq!(check(source), (vec![fault.to_owned()], rest.to_owned()), "{source}");
    }

    #[test]
    fn each_mistake_costs_its_statement_only() {
        one("a = 5s\nb = 2", "\"5s\": `5s` is not a value: text stands in quotes", "b = 2");
        one("a =\nb = 2", "\"\": a value is missing", "b = 2");
        one("a = { x = }\nb = 2", "\"\": a value is missing", "b = 2");
        one("a = \"x\nb = 2", "\"\": the string is not closed", "b = 2");
        one("a x\nb = 2", "\"\": a key without a value", "b = 2");
        one("a: 1\nb = 2", "\":\": invalid unquoted key, expected letters, numbers, `-`, `_`", "b = 2");
        one("a = '''x\nb = 2", "\"'''\": the string that begins here is not closed", "");
        one("a = \"\\d\"\nb = 2", "\"\": `\\` begins an escape, and this is none", "b = 2");
        one("a = 1\na = 2\nb = 2", "\"a\": `a` is defined twice", "a = 1 b = 2");
    }

    #[test]
    fn an_unclosed_bracket_is_shown_where_it_opens() {
        let fault = "\"[\": the array that begins here is not closed";
        one("a = [1, 2\nb = 2\n[c]\nd = 1", fault, "b = 2 [c] d = 1");
        one("a = [\n  1,\n[c]\nd = 1", fault, "[c] d = 1");
        one("a = [1,\n  2,", fault, "");
        one("[[x]]\na = { y = 1\nb = 2", "\"{\": the inline table that begins here is not closed", "[[x]] b = 2");
        one("a = [1, 2 3,\n 4]\nb = 2", "\"2 3\": `2 3` is not a value: text stands in quotes", "b = 2");
    }

    #[test]
    fn a_table_goes_with_its_header() {
        one("[a\nb = 1\n\n[c]\nd = 1", "\"\": the header is not closed", "[c] d = 1");
        one("[a]\nb = 1\n[a]\nc = 2\n[d]\n", "\"a\": `a` is defined twice", "[a] b = 1 [d]");
    }

    #[test]
    fn finds_all() {
        let (faults, rest) = check("a = 5s\nb = 2\nc = yes\n[d\ne = 1\n[f]\ng = 1\n");
        assert_eq!((faults.len(), rest.as_str()), (3, "b = 2 [f] g = 1"));
        let (faults, rest) = check(&"a = 5s\n".repeat(100));
        assert_eq!((faults.len(), rest.as_str()), (MOST_FAULTS, ""));
        one("a = ${B} # c", "\"${B}\": `${B}` is not a value: text stands in quotes", "");
        one(
            &format!("{}a = 1", "a.".repeat(500)),
            &format!("{:?}: nested too deep", format!("{}a = 1", "a.".repeat(500))),
            "",
        );
    }

    #[test]
    fn knows_what_may_be_lost() {
        let lost = |source: &str| {
            let recovered = recover(source);
            let keys = |table: &str| {
                let start = source.find(table).unwrap();
                recovered.may_lack_keys(source, &(start..start + table.len()))
            };
            (recovered.may_lack_tables(source), keys("[a.b]"), keys("[c.d]"))
        };
        assert_eq!(lost("[a.b]\nx = 1\n[c.d]\ny = 2\n"), (false, false, false));
        assert_eq!(lost("[a.b]\nx = 1s\n[c.d]\ny = 2\n"), (false, true, false));
        assert_eq!(lost("[a.b]\nx = 1\n[c.d]\ny = [2\n"), (false, false, true));
        assert_eq!(lost("z = 1s\n[a.b]\nx = 1\n[c.d]\ny = 2\n"), (true, false, false));
        assert_eq!(lost("[a.b]\nx = 1\n[c\n[c.d]\ny = 2\n"), (true, true, false));
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_that_parses(text in "[a-c=\\[\\]{}'\"\\\\,.# \n\r\tß0-9-]{0,60}") {
            let recovered = recover(&text);
            prop_assert!(DeTable::parse(&recovered.text).is_ok());
            prop_assert_eq!(recovered.text.len(), text.len());
        }
    }
}
