//! Keeps what is secret in a configuration file out of the diagnostics that show the file.
//!
//! Which settings are secret follows from the schema of all components and of `logd.toml`: those of the type `Secret`. What counts here is
//! the name alone, wherever it stands, and a misspelt one too: a secret may stand in a component of an unknown type, in
//! the wrong table, or in a line that is no TOML. Where it is shown, `***` takes its place, of the same length, so that
//! carets and columns stay where they are. A variable is no secret: its value is never shown.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::suggest;
use super::syntax::recover;
use crate::catalogue;
use crate::config::daemon::DaemonSettings;

/// What stands in place of a secret.
const STARS: &str = "***";

/// The names of all settings that are secret.
static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut own: Vec<Value> =
        catalogue::components().iter().map(|(_, component)| (component.schema)(&mut generator).to_value()).collect();
    own.push(generator.subschema_for::<DaemonSettings>().to_value());
    let mut names = BTreeSet::new();
    own.iter().chain(generator.definitions().values()).for_each(|schema| collect(schema, &generator, &mut names));
    names
});

/// Adds the names of the secret properties anywhere in `schema`.
fn collect(schema: &Value, generator: &SchemaGenerator, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                let secret = properties.iter().filter(|(_, schema)| is_secret(schema, generator.definitions()));
                names.extend(secret.map(|(name, _)| name.clone()));
            }
            object.values().for_each(|inner| collect(inner, generator, names));
        }
        Value::Array(elements) => elements.iter().for_each(|inner| collect(inner, generator, names)),
        _ => {}
    }
}

/// Whether a property is a secret, or an array, a map or a choice of secrets.
fn is_secret(schema: &Value, definitions: &Map<String, Value>) -> bool {
    let inner = |key| schema.get(key).is_some_and(|inner: &Value| is_secret(inner, definitions));
    let any = |key| {
        let several = schema.get(key).and_then(Value::as_array);
        several.is_some_and(|several| several.iter().any(|one| is_secret(one, definitions)))
    };
    let named = schema.get("$ref").and_then(Value::as_str).and_then(|path| definitions.get(path.rsplit('/').next()?));
    schema.get("writeOnly") == Some(&Value::Bool(true))
        || named.is_some_and(|named| is_secret(named, definitions))
        || inner("items")
        || inner("additionalProperties")
        || any("anyOf")
        || any("oneOf")
        || any("allOf")
}

/// Whether a key is, or was probably meant to be, the name of a secret.
pub(super) fn names_a_secret(key: &str) -> bool {
    suggest::closest(key, NAMES.iter().map(String::as_str)).is_some()
}

/// The bytes of the secrets in a configuration file, in order.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let readable = recover(text);
    let (table, _) = DeTable::parse_recoverable(&readable.text);
    in_table(table.get_ref(), text, &mut places);
    for bad in &readable.blanked {
        in_broken_lines(text, bad.clone(), &mut places);
    }
    places.sort_by_key(|place| place.start);
    places
}

fn in_table(table: &DeTable<'_>, text: &str, places: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        // The name of a component may be like that of a secret.
        let secret =
            if value.get_ref().is_table() { NAMES.contains(&**key.get_ref()) } else { names_a_secret(key.get_ref()) };
        in_value(value.span(), value.get_ref(), secret, text, places);
    }
}

/// A secret that is a table or an array hides all that is in it.
fn in_value(span: Range<usize>, value: &DeValue<'_>, secret: bool, text: &str, places: &mut Vec<Range<usize>>) {
    match value {
        DeValue::Table(table) if !secret => in_table(table, text, places),
        DeValue::Table(table) => {
            table.values().for_each(|value| in_value(value.span(), value.get_ref(), true, text, places));
        }
        DeValue::Array(elements) => {
            elements.iter().for_each(|value| in_value(value.span(), value.get_ref(), secret, text, places));
        }
        _ if secret && !text.get(span.clone()).is_some_and(is_variable) => places.push(span),
        _ => {}
    }
}

/// Whether what is written is a variable, and nothing more: `${NAME}`, `${NAME:-}` or `${NAME:?message}`. A default is
/// written out.
fn is_variable(written: &str) -> bool {
    let inner = written.trim_matches(['"', '\'']).strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| {
        let rest = inner.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
        rest.len() < inner.len() && !rest.contains('}') && (["", ":-"].contains(&rest) || rest.starts_with(":?"))
    })
}

/// In lines that are no TOML everything behind the name of a secret and `=` is hidden, to the end.
fn in_broken_lines(text: &str, bad: Range<usize>, places: &mut Vec<Range<usize>>) {
    let written = &text[bad.clone()];
    let in_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let secret = written.match_indices('=').find(|(equals, _)| {
        let key = written[..*equals].trim_end().trim_end_matches(['"', '\'']);
        names_a_secret(&key[key.trim_end_matches(in_name).len()..])
    });
    if let Some((equals, _)) = secret {
        let value = &written[equals + 1..];
        let start = bad.start + equals + 1 + (value.len() - value.trim_start_matches([' ', '\t']).len());
        let value = text[start..bad.end].trim_end();
        if !is_variable(value) {
            places.push(start..start + value.len());
        }
    }
}

/// `text` with stars at `places`, and spaces behind them: of the same length in bytes, with the same lines.
pub(super) fn mask(text: &str, places: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for place in places.iter().filter(|place| !place.is_empty()) {
        let Some(between) = text.get(done..place.start) else { continue };
        masked.push_str(between);
        let written = &text[place.clone()];
        let is_long = written.starts_with("\"\"\"") || written.starts_with("'''");
        let quote = written.chars().next().filter(|first| matches!(first, '"' | '\'') && !is_long);
        let mut stars = quote.into_iter().chain(STARS.chars()).chain(quote);
        for byte in written.bytes() {
            if byte == b'\n' {
                stars.by_ref().for_each(drop);
                masked.push('\n');
            } else {
                masked.push(stars.next().unwrap_or(' '));
            }
        }
        done = place.end;
    }
    masked + &text[done..]
}

/// `sentence` without what stands at `places` of `text`, quoted or not.
pub(super) fn redact(sentence: &str, text: &str, places: &[Range<usize>]) -> String {
    let written = places.iter().map(|place| text[place.clone()].trim_matches(['"', '\'']).trim());
    // The longest first, for one may be a part of another.
    let mut written: Vec<_> = written.filter(|written| !written.is_empty()).collect();
    written.sort_by_key(|written| std::cmp::Reverse(written.len()));
    written.iter().fold(sentence.to_owned(), |sentence, written| sentence.replace(written, STARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let masked = mask(text, &places(text));
        assert_eq!(masked.len(), text.len(), "{masked}");
        masked
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in ["token", "password"] {
            assert!(NAMES.contains(name), "{:?}", *NAMES);
        }
        assert!(!names_a_secret("username") && !names_a_secret("address"));
        assert!(names_a_secret("pasword") && names_a_secret("Token"));
    }

    #[test]
    fn stars_take_the_place_of_a_secret() {
        for (text, expected) in [
            ("token = \"canary\" # c", "token = \"***\"    # c"),
            ("a.token = 'canary'", "a.token = '***'   "),
            ("token = \"ca\"", "token = \"***"),
            ("token = 12345678", "token = ***     "),
            ("auth = { x = 1, token = \"canary\", y = 2 }", "auth = { x = 1, token = \"***\"   , y = 2 }"),
            ("password = '''\ncanary\ncanary'''\nx = 1", "password = ***\n      \n         \nx = 1"),
            ("tokens = ['canary', 'canary']", "tokens = ['***'   , '***'   ]"),
            ("[token]\na = 'canary'", "[token]\na = '***'   "),
            ("token = '${TOKEN}'", "token = '${TOKEN}'"),
            ("token = '${TOKEN:-}'", "token = '${TOKEN:-}'"),
            ("token = '${TOKEN:?say it}'", "token = '${TOKEN:?say it}'"),
            ("token = '${A:?}canary${B}'", "token = '***'             "),
            ("token = '${TOKEN:-canary}'", "token = '***'             "),
            ("source = '.token = 1'", "source = '.token = 1'"),
            ("[broken]\nx = 'y'", "[broken]\nx = 'y'"),
            ("x = 'token'", "x = 'token'"),
            ("token = \"canäry\"", "token = \"***\"    "),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn broken_lines_hide_them_too() {
        for text in [
            "token = \"canary\nx = 1",
            "token = canary",
            "auth = { x = 1, token = canary }",
            "auth = { \"token\" = 'canary', }}",
            "password = \"\"\"\ncanary\ncanary",
            "password == 'canary'",
            "token = 'canary' 'canary'",
            "token = \"canary\\q\"",
            "[a]\ntoken = 'canary'\ntoken = 'canary'",
        ] {
            assert!(!masked(text).contains("canary"), "{}", masked(text));
        }
        assert_eq!(masked("token = ${TOKEN}"), "token = ${TOKEN}");
    }

    #[test]
    fn sentences_do_not_tell_them() {
        let text = "token = canary";
        assert_eq!(redact("`canary` is not a value", text, &places(text)), "`***` is not a value");
    }
}
