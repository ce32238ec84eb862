//! From a byte of a string's value back to the byte of the TOML text that it was written with.
//!
//! A VRL program or a template in a pipeline file is a TOML string: the place of an error in it must be shown in the
//! file, behind the opening quotes and through escapes.

use std::ops::Range;

/// The bytes of `source` with which bytes `within` of the value of the string literal at `literal` are written; the
/// literal as a whole if it is no string.
pub(super) fn locate(source: &str, literal: Range<usize>, within: Range<usize>) -> Range<usize> {
    let Some(raw) = source.get(literal.clone()) else { return literal };
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| raw.starts_with(quotes));
    let Some(quotes) = quotes.filter(|quotes| raw.len() >= 2 * quotes.len() && raw.ends_with(quotes)) else {
        return literal;
    };
    let (quotes, escapes) = (quotes.len(), quotes.starts_with('"'));
    let end = raw.len() - quotes;
    let mut at = quotes;
    if quotes == 3 {
        // A newline right behind the opening quotes is not part of the value.
        at += raw[at..end]
            .strip_prefix("\r\n")
            .or(raw[at..end].strip_prefix('\n'))
            .map_or(0, |rest| end - at - rest.len());
    }
    let mut value = 0;
    let mut start = None;
    while at < end && (value < within.end || start.is_none()) {
        let (written, meant) = element(&raw[at..end], escapes);
        if start.is_none() && value + meant > within.start {
            start = Some(at);
            if within.is_empty() {
                break;
            }
        }
        at += written;
        value += meant;
    }
    literal.start + start.unwrap_or(at)..literal.start + at
}

/// The length of the first character or escape as it is written, and as it is in the value.
fn element(rest: &str, escapes: bool) -> (usize, usize) {
    let mut characters = rest.chars();
    let first = characters.next().map_or(1, char::len_utf8);
    if !escapes || !rest.starts_with('\\') {
        return (first, first);
    }
    let hexadecimal = |digits: usize| {
        let code = rest.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        (2 + digits.min(rest.len() - 2), code.and_then(char::from_u32).map_or(1, char::len_utf8))
    };
    match characters.next() {
        Some('x') => hexadecimal(2),
        Some('u') => hexadecimal(4),
        Some('U') => hexadecimal(8),
        // A backslash at the end of a line hides all white space up to the next line's text.
        Some(' ' | '\t' | '\r' | '\n') => (rest.len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len(), 0),
        Some(other) => (1 + other.len_utf8(), 1),
        None => (1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text behind `within` of the value of `literal`.
    fn written(literal: &str, within: Range<usize>) -> &str {
        &literal[locate(literal, 0..literal.len(), within)]
    }

    #[test]
    fn finds_the_place_in_every_kind_of_string() {
        assert_eq!(written("'.a == 1'", 0..2), ".a");
        assert_eq!(written("\".a == 1\"", 3..5), "==");
        assert_eq!(written("'''\n.a\n.b == 1'''", 3..5), ".b");
        assert_eq!(written("\"\"\"\r\n.a\r\n.b\"\"\"", 4..6), ".b");
        assert_eq!(written("\"a\\\"b\\u00e9c\"", 1..2), "\\\"");
        assert_eq!(written("\"a\\\"b\\u00e9c\"", 3..5), "\\u00e9");
        assert_eq!(written("\"a\\\"b\\u00e9c\"", 5..6), "c");
        assert_eq!(written("\"\"\"a \\\n   b\"\"\"", 2..3), "b");
        assert_eq!(written("'ß = 1'", 0..1), "ß");
    }

    #[test]
    fn an_empty_range_is_a_place() {
        assert_eq!(locate("'abc'", 0..5, 1..1), 2..2);
        assert_eq!(locate("'abc'", 0..5, 3..3), 4..4);
        assert_eq!(locate("'abc'", 0..5, 99..100), 4..4);
        assert_eq!(locate("''", 0..2, 0..0), 1..1);
        assert_eq!(locate("12345", 0..5, 1..2), 0..5);
    }

    proptest! {
        #[test]
        fn every_character_is_found(text in "[a-zß\"\\\\\u{1}\t\n]{0,12}") {
            let literal = toml::Value::String(text.clone()).to_string();
            let value = toml::de::DeValue::parse(&literal).unwrap();
            prop_assert_eq!(value.get_ref().as_str().unwrap(), &text);
            for (start, character) in text.char_indices() {
                let place = locate(&literal, value.span(), start..start + character.len_utf8());
                let quoted = format!("\"\"\"{}\"\"\"", &literal[place.clone()]);
                let raw = &literal[place];
                let decoded = toml::de::DeValue::parse(&quoted).map(|value| value.get_ref().as_str().unwrap().to_owned());
                prop_assert!(raw == character.to_string() || decoded.unwrap() == character.to_string());
            }
        }

        #[test]
        fn any_text_is_survived(text in ".{0,20}", start in 0_usize..30, length in 0_usize..30) {
            let place = locate(&text, 0..text.len(), start..start + length);
            prop_assert!(text.get(place).is_some());
        }
    }
}
