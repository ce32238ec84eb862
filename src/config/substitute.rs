//! Environment variables in string values: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, and `$$` for a dollar sign.
//!
//! | written           | becomes                                                             |
//! | ----------------- | ------------------------------------------------------------------- |
//! | `${VAR}`          | the variable's value; an error if it is not set                     |
//! | `${VAR:-default}` | the default, if the variable is not set or empty                    |
//! | `${VAR:?message}` | an error with this message, if the variable is not set or empty     |
//! | `$$`              | `$`; any other `$` stays too, as in a regular expression's `^a$`    |
//!
//! They are put in after parsing and in string values only, so that no variable can change a file's structure. What was
//! put in is remembered: a string that came from a variable may stand for a number or a boolean, a mistake in it must be
//! shown where it is written, and its value must not turn up in a message.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use logd_sdk::settings::Fault;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Looks a variable up; the process's environment, or a test's.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Tables nested deeper than this are refused, so that walking them needs little stack.
const DEEPEST: usize = 100;

/// What was put into one file, by the place of the string's literal.
#[derive(Debug, Default)]
pub struct Substitutions {
    strings: HashMap<usize, Substituted>,
    /// Values that came from the environment, with `${NAME}`.
    values: Vec<(String, String)>,
}

/// One string that variables were put into.
#[derive(Debug)]
pub(super) struct Substituted {
    /// The string afterwards.
    pub(super) text: String,
    /// Whether a variable was missing: what is wrong with the value then is no news.
    pub(super) failed: bool,
    pieces: Vec<Piece>,
}

/// A part of the string as it is written, and what it became; of the same length if it was copied.
#[derive(Clone, Debug)]
struct Piece {
    written: Range<usize>,
    became: Range<usize>,
}

/// A mistake in the string literal at `literal`; the fault's bytes are those of the value before anything was put in.
pub(super) struct Mistake {
    pub(super) literal: Range<usize>,
    pub(super) fault: Fault,
}

impl Substitutions {
    /// Puts the variables into all strings of `table`; returns what is wrong with them.
    pub(super) fn apply(&mut self, table: &mut DeTable<'_>, environment: Environment<'_>) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (_, value) in table.iter_mut() {
            self.apply_to(value, environment, 1, &mut mistakes);
        }
        mistakes
    }

    fn apply_to(
        &mut self,
        value: &mut Spanned<DeValue<'_>>,
        environment: Environment<'_>,
        depth: usize,
        mistakes: &mut Vec<Mistake>,
    ) {
        let literal = value.span();
        if depth > DEEPEST {
            mistakes.push(Mistake { literal, fault: Fault::new("nested too deep") });
            *value.get_mut() = DeValue::Boolean(false);
            return;
        }
        match value.get_mut() {
            DeValue::String(text) if text.contains('$') => {
                let mut substituted = Substituted { text: String::new(), failed: false, pieces: Vec::new() };
                for fault in self.expand(text, environment, &mut substituted) {
                    mistakes.push(Mistake { literal: literal.clone(), fault });
                    substituted.failed = true;
                }
                *text = substituted.text.clone().into();
                self.strings.insert(literal.start, substituted);
            }
            // A date is read as its text: so a setting may be written with quotes or without.
            DeValue::Datetime(date) => {
                let text = date.to_string();
                *value.get_mut() = DeValue::String(text.into());
            }
            DeValue::Array(elements) => {
                elements.iter_mut().for_each(|element| self.apply_to(element, environment, depth + 1, mistakes));
            }
            DeValue::Table(table) => {
                table.iter_mut().for_each(|(_, value)| self.apply_to(value, environment, depth + 1, mistakes));
            }
            _ => {}
        }
    }

    /// Writes `text` with its variables put in; one that can't be had stays as it is written.
    fn expand(&mut self, text: &str, environment: Environment<'_>, into: &mut Substituted) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut at = 0;
        while let Some(dollar) = text[at..].find('$').map(|found| at + found) {
            into.push(at..dollar, &text[at..dollar]);
            let rest = &text[dollar + 1..];
            at = dollar + 1;
            if rest.starts_with('$') {
                at += 1;
                into.push(dollar..at, "$");
            } else if rest.starts_with('{') {
                at = rest.find('}').map_or(text.len(), |close| at + close + 1);
                let expression = &text[dollar..at];
                match self.value(expression, environment) {
                    Ok(value) => into.push(dollar..at, &value),
                    Err(fault) => {
                        faults.push(fault.at(dollar..at));
                        into.push(dollar..at, expression);
                    }
                }
            } else {
                into.push(dollar..at, "$");
            }
        }
        into.push(at..text.len(), &text[at..]);
        faults
    }

    /// The value of `${…}`.
    fn value(&mut self, expression: &str, environment: Environment<'_>) -> Result<String, Fault> {
        let inner = expression.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let Some(inner) = inner else {
            return Err(Fault::new("`${` without `}`").help("write `${VAR}`, or `$$` for a dollar sign"));
        };
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, modifier) = inner.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Fault::new(format!("`{expression}` does not name a variable")).help("write `${VAR}`"));
        }
        let value = environment(name);
        // As in a shell, `:-` and `:?` take an empty variable for a missing one.
        let filled = value.clone().filter(|value| !value.is_empty());
        let (value, from_file) = if modifier.is_empty() {
            let missing = || {
                Fault::new(format!("the environment variable `{name}` is not set"))
                    .help(format!("set it, or write a default: `${{{name}:-…}}`"))
            };
            (value.ok_or_else(missing)?, None)
        } else if let Some(default) = modifier.strip_prefix(":-") {
            (filled.unwrap_or_default(), Some(default))
        } else if let Some(message) = modifier.strip_prefix(":?") {
            let help = format!("set the environment variable `{name}`");
            (filled.ok_or_else(|| Fault::new(message).help(help))?, None)
        } else {
            let help = format!("write `${{{name}}}`, `${{{name}:-default}}` or `${{{name}:?message}}`");
            return Err(Fault::new(format!("`{modifier}` after the name of a variable")).help(help));
        };
        match from_file {
            Some(default) if value.is_empty() => Ok(default.to_owned()),
            _ => {
                self.values.push((value.clone(), format!("${{{name}}}")));
                Ok(value)
            }
        }
    }

    /// What was put into the string whose literal starts at `start`.
    pub(super) fn at(&self, start: usize) -> Option<&Substituted> {
        self.strings.get(&start)
    }

    /// `message` with the names of variables in place of their values.
    pub(super) fn redact(&self, message: &str) -> String {
        // Shorter ones are no secrets, and would turn up in any text; one may be a part of another.
        let mut values: Vec<_> = self.values.iter().filter(|(value, _)| value.len() >= 4).collect();
        values.sort_by_key(|(value, _)| Reverse(value.len()));
        values.iter().fold(message.to_owned(), |message, (value, name)| message.replace(value, name))
    }
}

impl Substituted {
    fn push(&mut self, written: Range<usize>, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.pieces.push(Piece { written, became: start..self.text.len() });
    }

    /// The bytes of the string as it is written that became bytes `within`.
    pub(super) fn written(&self, within: Range<usize>) -> Range<usize> {
        let piece = |offset: usize, inclusive: bool| {
            let holds = |piece: &&Piece| offset < piece.became.end || (inclusive && offset == piece.became.end);
            self.pieces.iter().find(holds).or(self.pieces.last())
        };
        let copied = |piece: &Piece| piece.written.len() == piece.became.len();
        let start = piece(within.start, false).map_or(0, |piece| match copied(piece) {
            true => piece.written.start + within.start.min(piece.became.end) - piece.became.start,
            false => piece.written.start,
        });
        let end = piece(within.end, true).map_or(start, |piece| match copied(piece) {
            true => piece.written.start + within.end.min(piece.became.end) - piece.became.start,
            false => piece.written.end,
        });
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "RATE" => Some("1000".to_owned()),
            "PASSWORD" => Some("hunter2".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn expand(text: &str) -> (String, Vec<Fault>) {
        let mut into = Substituted { text: String::new(), failed: false, pieces: Vec::new() };
        let faults = Substitutions::default().expand(text, &environment, &mut into);
        (into.text, faults)
    }

    #[test]
    fn puts_variables_in() {
        for (text, expanded) in [
            ("a ${RATE} b", "a 1000 b"),
            ("${NONE:-5}/${EMPTY:-6}/${RATE:-7}", "5/6/1000"),
            ("${RATE:?needed}${EMPTY}", "1000"),
            ("$$ $${RATE} $RATE ^x$", "$ ${RATE} $RATE ^x$"),
            ("${NONE:-}", ""),
        ] {
            assert_eq!(expand(text), (expanded.to_owned(), vec![]), "{text}");
        }
    }

    #[test]
    fn says_what_is_missing() {
        for (text, message, within) in [
            ("a ${NONE}", "the environment variable `NONE` is not set", 2..9),
            ("${EMPTY:?say where}", "say where", 0..19),
            ("x${RATE", "`${` without `}`", 1..7),
            ("${}", "`${}` does not name a variable", 0..3),
            ("${RATE-5}", "`-5` after the name of a variable", 0..9),
        ] {
            let (expanded, faults) = expand(text);
            assert_eq!(expanded, text);
            assert_eq!((faults[0].message.as_str(), faults[0].within.clone()), (message, Some(within)));
        }
    }

    #[test]
    fn finds_the_way_back() {
        let mut into = Substituted { text: String::new(), failed: false, pieces: Vec::new() };
        Substitutions::default().expand("ab${RATE}cd$$ef", &environment, &mut into);
        assert_eq!(into.text, "ab1000cd$ef");
        for (within, written) in
            [(0..2, 0..2), (2..6, 2..9), (3..4, 2..9), (6..8, 9..11), (9..11, 13..15), (1..7, 1..10)]
        {
            assert_eq!(into.written(within.clone()), written, "{within:?}");
        }
        assert_eq!(into.written(50..60), 15..15);
    }

    #[test]
    fn walks_tables_and_remembers() {
        let text = "a = [\"x\", { b = \"${PASSWORD}\" }]\nc = '${NONE}'\n";
        let mut table = DeTable::parse(text).unwrap();
        let mut substitutions = Substitutions::default();
        let mistakes = substitutions.apply(table.get_mut(), &environment);
        assert_eq!(mistakes.len(), 1);
        assert_eq!(&text[mistakes[0].literal.clone()], "'${NONE}'");
        assert_eq!(table.get_ref()["a"].get_ref()[1].get_ref()["b"].get_ref().as_str(), Some("hunter2"));
        assert!(substitutions.at(16).is_some_and(|found| !found.failed));
        assert_eq!(substitutions.redact("no `hunter2`"), "no `${PASSWORD}`");
    }

    #[test]
    fn refuses_what_is_nested_too_deep() {
        let text = format!("x = {}{}{}", "{ a.a.a.a.a.a.a.a = ".repeat(70), 1, "}".repeat(70));
        let (mut table, _) = DeTable::parse_recoverable(&text);
        let mistakes = Substitutions::default().apply(table.get_mut(), &environment);
        assert_eq!(mistakes[0].fault.message, "nested too deep");
    }
}
