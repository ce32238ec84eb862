//! A condition of a test: a VRL expression, or a table with its `type`, as Vector writes it.

use std::borrow::Cow;
use std::fmt;

use logd_sdk::report::KeyPath;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A VRL expression that must be true of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConditionSetting {
    /// The expression.
    pub(crate) source: String,
    /// Whether it stands in a table.
    in_table: bool,
}

impl ConditionSetting {
    /// Where the expression stands, if the condition is at `key`.
    pub(crate) fn key(&self, key: KeyPath) -> KeyPath {
        if self.in_table { key.key("source") } else { key }
    }
}

/// The longer form.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "type")]
    _type: Type,
    source: String,
}

/// There is one language.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Vrl,
}

struct ConditionVisitor;

impl<'de> Visitor<'de> for ConditionVisitor {
    type Value = ConditionSetting;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a VRL expression like '.count == 3'")
    }

    fn visit_str<E: Error>(self, source: &str) -> Result<ConditionSetting, E> {
        Ok(ConditionSetting { source: source.to_owned(), in_table: false })
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<ConditionSetting, M::Error> {
        let Table { source, .. } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ConditionSetting { source, in_table: true })
    }
}

impl<'de> Deserialize<'de> for ConditionSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionVisitor)
    }
}

impl JsonSchema for ConditionSetting {
    fn schema_name() -> Cow<'static, str> {
        "ConditionSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A VRL expression that must be true of an event.",
            "examples": [".count == 3"],
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "type": { "enum": ["vrl"] }, "source": { "type": "string" } },
                    "required": ["type", "source"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConditionSetting, String> {
        let table: Result<std::collections::BTreeMap<String, ConditionSetting>, _> = toml::from_str(text);
        table.map(|table| table["c"].clone()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn both_forms_are_the_same() {
        let short = read("c = '.a == 1'").unwrap();
        let long = read("c = { type = 'vrl', source = '.a == 1' }").unwrap();
        assert_eq!(short.source, long.source);
        let keys = [short, long].map(|condition| condition.key(KeyPath::from("c")).to_string());
        assert_eq!(keys, ["c", "c.source"]);
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        for (text, message) in [
            ("c = { type = 'lua', source = 'x' }", "unknown variant `lua`"),
            ("c = { type = 'vrl', source = 'x', more = 1 }", "unknown field `more`"),
            ("c = { type = 'vrl' }", "missing field `source`"),
            ("c = 5", "expected a VRL expression"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
