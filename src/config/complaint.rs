//! What serde complains of, taken apart: its errors are sentences, and the reader needs what they are about.
//!
//! The sentences are those of serde's `Error::custom`, `invalid_type` and so on, which its documentation fixes, and a
//! few of the `toml` crate's own. What is none of them is a [`Fault`] of a setting's type.

use logd_sdk::settings::Fault;

/// One error of serde's.
#[derive(Debug, PartialEq)]
pub(super) enum Complaint {
    /// Keys that the table has not, and those that it has.
    UnknownKeys { keys: Vec<String>, known: Vec<String> },
    /// A key that must be there.
    MissingKey(String),
    /// A value of the wrong type: what it is, and what it must be, in our words.
    WrongType { found: &'static str, expected: String },
    /// A value out of range: what it is, and what it must be, in our words.
    WrongValue { found: String, expected: String },
    /// A word that is none of those known.
    UnknownWord { word: String, known: Vec<String> },
    /// What a setting's own type has to say.
    Fault(Fault),
}

impl Complaint {
    /// Takes the message of serde's error apart.
    pub(super) fn parse(message: &str) -> Self {
        Self::recognise(message).unwrap_or_else(|| Self::Fault(Fault::parse(message)))
    }

    fn recognise(message: &str) -> Option<Self> {
        if let Some(rest) = message.strip_prefix("unknown field `") {
            let (key, known) = rest.rsplit_once("`, ")?.cut_at_list(rest);
            return Some(Self::UnknownKeys { keys: vec![key], known });
        }
        if let Some(rest) = message.strip_prefix("unknown variant `") {
            let (word, known) = rest.rsplit_once("`, ")?.cut_at_list(rest);
            return Some(Self::UnknownWord { word, known });
        }
        if let Some(rest) = message.strip_prefix("unexpected keys in table: ") {
            let (keys, known) = rest.rsplit_once(", available keys: ")?;
            let list = |text: &str| text.split(", ").map(str::to_owned).collect();
            return Some(Self::UnknownKeys { keys: list(keys), known: list(known) });
        }
        if let Some(rest) = message.strip_prefix("missing field `") {
            return Some(Self::MissingKey(rest.trim_end_matches('`').to_owned()));
        }
        if let Some(rest) = message.strip_prefix("invalid type: ") {
            let (found, expected) = rest.rsplit_once(", expected ")?;
            return Some(Self::WrongType { found: found_type(found), expected: plain(expected) });
        }
        if let Some(rest) = message.strip_prefix("invalid value: ") {
            let (found, expected) = rest.rsplit_once(", expected ")?;
            let found = found.split_once(' ').map_or(found, |(_, value)| value).trim_matches('`');
            return Some(Self::WrongValue { found: found.to_owned(), expected: plain(expected) });
        }
        // The value of an enum that is neither: its words are not in the message.
        (message == "wanted string or table").then(|| Self::WrongType { found: "", expected: "a string".to_owned() })
    }
}

/// Splits `NAME`, expected one of `A`, `B`` where the list begins, for the name may hold anything.
trait CutAtList {
    fn cut_at_list(self, whole: &str) -> (String, Vec<String>);
}

impl CutAtList for (&str, &str) {
    fn cut_at_list(self, whole: &str) -> (String, Vec<String>) {
        let (name, list) = whole.rsplit_once("`, expected ").unwrap_or(self);
        (name.to_owned(), list.split('`').skip(1).step_by(2).map(str::to_owned).collect())
    }
}

/// What serde found, in TOML's words.
fn found_type(found: &str) -> &'static str {
    match found.split_whitespace().next().unwrap_or_default() {
        "string" | "character" => "a string",
        "integer" => "a whole number",
        "floating" => "a number with a fraction",
        "boolean" => "a boolean",
        "sequence" => "an array",
        "map" => "a table",
        _ => "something else",
    }
}

/// What serde expected, in TOML's words.
fn plain(expected: &str) -> String {
    match expected {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "i8" => format!("a whole number from {} to {}", i8::MIN, i8::MAX),
        "i16" => format!("a whole number from {} to {}", i16::MIN, i16::MAX),
        "i32" => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        "u64" | "usize" | "u128" => "a whole number, 0 or more".to_owned(),
        "i64" | "isize" | "i128" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "a table".to_owned(),
        "a character" => "a single character".to_owned(),
        _ if expected.starts_with("a nonzero") => "a whole number, 1 or more".to_owned(),
        _ if expected.starts_with("struct ") => "a table".to_owned(),
        _ => expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::HashMap;

    #[expect(dead_code, reason = "never read: reading fails")]
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        count: u16,
        share: Option<f64>,
        word: Option<Word>,
        words: Option<HashMap<String, bool>>,
        limit: Option<std::num::NonZeroU32>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Up,
        Down,
        Both {},
    }

    fn complaint(text: &str) -> Complaint {
        let table = toml::de::DeTable::parse(text).unwrap();
        let error = Settings::deserialize(serde::de::IntoDeserializer::into_deserializer(table)).unwrap_err();
        Complaint::parse(error.message())
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn takes_serdes_sentences_apart() {
        let known = words(&["count", "share", "word", "words", "limit"]);
        assert_eq!(complaint("cuont = 1"), Complaint::UnknownKeys { keys: words(&["cuont"]), known: known.clone() });
        assert_eq!(complaint("'a`, b' = 1"), Complaint::UnknownKeys { keys: words(&["a`, b"]), known });
        assert_eq!(complaint(""), Complaint::MissingKey("count".to_owned()));
        let wrong = |found, expected: &str| Complaint::WrongType { found, expected: expected.to_owned() };
        assert_eq!(complaint("count = 'x, expected y'"), wrong("a string", "a whole number from 0 to 65535"));
        assert_eq!(complaint("share = [1]"), wrong("an array", "a number"));
        assert_eq!(complaint("words = 1.5"), wrong("a number with a fraction", "a table"));
        assert_eq!(complaint("words = { a = {} }"), wrong("a table", "true or false"));
        assert_eq!(complaint("word = 5"), wrong("", "a string"));
        let unknown = Complaint::UnknownWord { word: "left".to_owned(), known: words(&["up", "down", "both"]) };
        assert_eq!(complaint("word = 'left'"), unknown);
        assert_eq!(
            complaint("word = { both = { x = 1, y = 2 } }"),
            Complaint::UnknownKeys { keys: words(&["x", "y"]), known: words(&[""]) }
        );
        let value = |found: &str, expected: &str| Complaint::WrongValue {
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        assert_eq!(complaint("count = -1"), value("-1", "a whole number from 0 to 65535"));
        assert_eq!(complaint("limit = 0"), value("0", "a whole number, 1 or more"));
    }
}
