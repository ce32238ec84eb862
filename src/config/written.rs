//! What stands in a component's table, setting by setting, and in the files that it names; but not where it stands.

use std::hash::{DefaultHasher, Hash, Hasher};

use logd_sdk::Plan;
use toml::de::{DeTable, DeValue};

use super::document::Origin;
use super::secrets::names_a_secret;
use crate::topology::{Setting, Written};

/// What stands in place of a secret.
const SECRET: &str = "(secret)";

/// The settings of a component of this type, with this table.
pub(super) fn written(type_name: &str, table: &DeTable<'_>, plan: &mut Plan, origin: &Origin) -> Written {
    let mut written = Written::default();
    written.add("type".to_owned(), setting(&type_name, type_name.to_owned()));
    add_table("", table, origin, &mut written);
    for (key, file) in plan.files() {
        let said = format!("{} bytes", file.text().map_or(0, str::len));
        written.add_file(&key.to_string(), setting(&(file.path(), file.text()), said));
    }
    written
}

fn add_table(prefix: &str, table: &DeTable<'_>, origin: &Origin, written: &mut Written) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        match value.get_ref() {
            DeValue::Table(table) if !names_a_secret(key.get_ref()) => add_table(&name, table, origin, written),
            value => {
                let text = text(value);
                let shown = if names_a_secret(key.get_ref()) { SECRET.to_owned() } else { origin.redact(&text) };
                written.add(name, setting(&text, shown));
            }
        }
    }
}

/// One setting, as it is shown.
pub(super) fn setting(value: &impl Hash, shown: String) -> Setting {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    Setting { shown, hash: hasher.finish() }
}

/// A value as TOML has it, on one line.
fn text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| text(value.get_ref())).collect();
            format!("[{}]", values.join(", "))
        }
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{} = {}", key.get_ref(), text(value.get_ref())));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}
