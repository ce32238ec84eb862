//! Regular expressions and grok patterns with named captures, which the user writes.
//!
//! The regular expressions are those of the `regex` crate, which take time linear in the text. Grok patterns are
//! Oniguruma's, which goes back and tries again: it gives up after ten million steps, and can't be interrupted before.
//! So the texts that it is handed are short.

use std::collections::BTreeMap;

use logd_sdk::settings::Fault;
use regex::Regex;

use super::{Flat, Line, Reason};
use crate::program::one_line;

/// The longest text that a regular expression is handed, in bytes.
const LONGEST: usize = 1024 * 1024;
/// The longest text that a grok pattern is handed, in bytes: at worst it takes steps in the square of it.
const LONGEST_FOR_GROK: usize = 16 * 1024;

/// Reads by a regular expression.
pub(in crate::parse) struct Expression {
    regex: Regex,
    /// The groups that have names, in the order of the fields.
    groups: Vec<usize>,
    numbers: bool,
}

impl Expression {
    /// The expression `pattern`, and the names of its captures.
    pub(in crate::parse) fn new(pattern: &str, numbers: bool) -> Result<(Self, Vec<String>), Fault> {
        let regex = Regex::new(pattern).map_err(|error| regex_fault(&error.to_string(), pattern))?;
        let named = regex.capture_names().enumerate().filter_map(|(group, name)| Some((group, name?.to_owned())));
        let (groups, names): (Vec<_>, Vec<_>) = named.unzip();
        if names.is_empty() {
            return Err(Fault::new("the expression captures nothing").help("name what you want: `(?P<status>\\d+)`"));
        }
        Ok((Self { regex, groups, numbers }, names))
    }
}

/// The crate draws a pattern of one line with a caret below it: `    (\d+\n    ^\nerror: unclosed group`.
fn regex_fault(drawing: &str, pattern: &str) -> Fault {
    let fault = Fault::new(one_line(drawing));
    let lines: Vec<_> = drawing.lines().collect();
    let [_, _, caret, _] = lines[..] else { return fault };
    let byte = |column: usize| pattern.char_indices().nth(column).map_or(pattern.len(), |(byte, _)| byte);
    match caret.find('^').and_then(|start| start.checked_sub(4)) {
        Some(start) => fault.at(byte(start)..byte(caret.trim_end().len() - 4)),
        None => fault,
    }
}

impl Flat for Expression {
    fn read(&self, line: &mut Line<'_>) -> Result<(), Reason> {
        let text = line.text;
        if text.len() > LONGEST {
            return Err(Reason::too_long(text.len(), LONGEST));
        }
        let captures = self.regex.captures(text).ok_or_else(|| Reason::mismatch("the expression does not match"))?;
        for (field, &group) in self.groups.iter().enumerate() {
            if let Some(found) = captures.get(group) {
                if self.numbers { line.put_typed(field, found.as_str()) } else { line.put(field, found.as_str()) }
            }
        }
        Ok(())
    }
}

/// Reads by a grok pattern.
pub(in crate::parse) struct Grok {
    pattern: grok::Pattern,
    names: Vec<String>,
    numbers: bool,
}

impl Grok {
    /// The pattern `pattern`, which may use the patterns `definitions` beside the common ones, and its names.
    pub(in crate::parse) fn new(
        pattern: &str,
        definitions: &BTreeMap<String, String>,
        numbers: bool,
    ) -> Result<(Self, Vec<String>), Fault> {
        let mut grok = grok::Grok::with_default_patterns();
        for (name, definition) in definitions {
            grok.add_pattern(name.clone(), definition.clone());
        }
        let compiled = grok.compile(pattern, true).map_err(|error| grok_fault(&error.to_string(), pattern))?;
        let names: Vec<_> = compiled.capture_names().map(str::to_owned).collect();
        if names.is_empty() {
            return Err(Fault::new("the pattern captures nothing").help("name what you want: `%{NUMBER:status}`"));
        }
        Ok((Self { pattern: compiled, names: names.clone(), numbers }, names))
    }
}

/// An unknown pattern's name stands in quotes in the message.
fn grok_fault(message: &str, pattern: &str) -> Fault {
    let fault = Fault::new(one_line(message));
    let name = message.split('"').nth(1).filter(|name| !name.is_empty());
    let place = name.and_then(|name| pattern.find(&format!("%{{{name}")).map(|at| at + 2..at + 2 + name.len()));
    match place {
        Some(place) => fault.at(place),
        None => fault,
    }
}

impl Flat for Grok {
    fn read(&self, line: &mut Line<'_>) -> Result<(), Reason> {
        let text = line.text;
        if text.len() > LONGEST_FOR_GROK {
            return Err(Reason::too_long(text.len(), LONGEST_FOR_GROK));
        }
        let matches = self.pattern.match_against(text).ok_or_else(|| Reason::mismatch("the pattern does not match"))?;
        for (name, found) in matches.into_iter() {
            if let Some(field) = self.names.iter().position(|known| known == name) {
                if self.numbers { line.put_typed(field, found) } else { line.put(field, found) }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::format::open::slot_value;
    use logd_sdk::Slot;

    fn read(format: &dyn Flat, names: &[String], text: &str) -> Result<Vec<String>, Reason> {
        let mut slots = vec![Slot::Missing; names.len()];
        format.read(&mut Line { text, base: 0, slots: &mut slots, copied: &mut String::new() })?;
        let shown = names.iter().zip(&slots).filter_map(|(name, slot)| Some((name, slot_value(slot, text, "")?)));
        Ok(shown.map(|(name, value)| format!("{name}={value}")).collect())
    }

    #[test]
    fn named_captures_are_the_fields() {
        let (regex, names) = Expression::new(r"^(?P<verb>\w+) (\w+)( in (?P<ms>[\d.]+))?", true).expect("compiles");
        assert_eq!(read(&regex, &names, "get it in 3.5 ms").expect("matches"), ["verb=\"get\"", "ms=3.5"]);
        assert_eq!(read(&regex, &names, "get it").expect("matches"), ["verb=\"get\""]);
        assert_eq!(read(&regex, &names, "!").expect_err("no match").kind, "format_mismatch");
        let (regex, names) = Expression::new("(?P<id>.*)", false).expect("compiles");
        assert_eq!(read(&regex, &names, "42").expect("matches"), ["id=\"42\""]);
    }

    #[test]
    fn grok_names_are_the_fields() {
        let definitions = BTreeMap::from([("CODE".to_owned(), "[A-Z]{3}".to_owned())]);
        let (grok, names) = Grok::new("%{IP:client} %{CODE:code} %{NUMBER:n}", &definitions, true).expect("compiles");
        let fields = read(&grok, &names, "10.0.0.1 ABC 7").expect("matches");
        assert_eq!(fields, ["client=\"10.0.0.1\"", "code=\"ABC\"", "n=7"]);
        assert_eq!(read(&grok, &names, "nobody").expect_err("no match").kind, "format_mismatch");
    }

    #[test]
    fn faults_stand_at_their_bytes() {
        let fault = Expression::new(r"a(\d+", true).map(drop).expect_err("unclosed");
        assert_eq!((fault.message.as_str(), fault.within), ("unclosed group", Some(1..2)));
        let fault = Expression::new(r"é[z-a]", true).map(drop).expect_err("a range");
        assert!(fault.message.starts_with("invalid character class range"), "{}", fault.message);
        assert_eq!(fault.within, Some(3..6));
        assert!(Expression::new("(?x)\n a(", true).is_err_and(|fault| fault.message == "unclosed group"));
        assert!(Expression::new(r"\d+", true).is_err());
        let fault = Grok::new("x %{NOPE:a}", &BTreeMap::new(), true).map(drop).expect_err("unknown");
        assert_eq!(fault.within, Some(4..8));
        assert!(Grok::new("%{IP}", &BTreeMap::new(), true).is_err());
    }

    #[test]
    fn hostile_texts_are_bounded() {
        let start = tokio::time::Instant::now();
        let (regex, names) = Expression::new(r"^(?P<a>(x+x+)+)y", true).expect("compiles");
        assert!(read(&regex, &names, &"x".repeat(100_000)).is_err());
        assert_eq!(read(&regex, &names, &"x".repeat(10_000_000)).expect_err("long").kind, "too_long");
        let (grok, names) = Grok::new("(?<a>(x+x+)+)y", &BTreeMap::new(), true).expect("compiles");
        assert!(read(&grok, &names, &"x".repeat(16_000)).is_err());
        assert_eq!(read(&grok, &names, &"x".repeat(10_000_000)).expect_err("long").kind, "too_long");
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }
}
