//! `logd schema`: the JSON Schema of a pipeline file, for editors, and what else says what may be written to logd.

use clap::Args;
use logd_sdk::Component;
use logd_sdk::component::Kind;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Exit;
use super::settings::print;
use crate::buffer::BufferSettings;
use crate::catalogue;
use crate::config::daemon::DaemonSettings;
use crate::pipeline_tests::TestSettings;
use crate::topology::Migrate;

/// Print the JSON Schema of a pipeline file
#[derive(Args, Debug)]
pub(super) struct Schema {
    /// Of logd.toml instead
    #[arg(long)]
    daemon: bool,

    /// The OpenAPI document of the API instead
    #[arg(long, conflicts_with = "daemon")]
    api: bool,
}

impl Schema {
    pub(super) fn execute(self) -> Exit {
        if self.api {
            // The API's tests read it.
            return print(&(logd_api::openapi().unwrap_or_default() + "\n"));
        }
        let mut generator = SchemaSettings::draft07().into_generator();
        let mut schema = if self.daemon {
            generator.into_root_schema_for::<DaemonSettings>().to_value()
        } else {
            pipeline(&mut generator)
        };
        allow_variables(&mut schema);
        // Maps with string keys can always be written.
        print(&(serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"))
    }
}

/// Lets a string with a variable stand wherever a number or a boolean does: what the variable stands for is read as that.
fn allow_variables(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let is_scalar = |name: &Value| [json!("integer"), json!("number"), json!("boolean")].contains(name);
            let types = match object.get("type") {
                Some(name) if is_scalar(name) => Some(vec![name.clone()]),
                Some(Value::Array(names)) if names.iter().any(is_scalar) => Some(names.clone()),
                _ => None,
            };
            if let Some(mut types) = types.filter(|_| !object.contains_key("const")) {
                types.push(json!("string"));
                object.insert("type".to_owned(), types.into());
                // Of strings only: a pattern says nothing of numbers.
                object.insert("pattern".to_owned(), json!(r"\$"));
            }
            object.values_mut().for_each(allow_variables);
        }
        Value::Array(elements) => elements.iter_mut().for_each(allow_variables),
        _ => {}
    }
}

/// A pipeline file: three tables of components, each of one of the types there are, and tests.
fn pipeline(generator: &mut SchemaGenerator) -> Value {
    let mut tables = Map::new();
    for (table, kind) in [("sources", Kind::Source), ("transforms", Kind::Transform), ("sinks", Kind::Sink)] {
        let types: Vec<Value> = catalogue::components()
            .into_iter()
            .filter(|(_, component)| component.kind == kind)
            .map(|(_, component)| {
                let own = (component.schema)(generator).to_value();
                with_common_keys(own, generator, component)
            })
            .collect();
        tables.insert(table.to_owned(), json!({ "type": "object", "additionalProperties": { "oneOf": types } }));
    }
    let tests = generator.subschema_for::<TestSettings>().to_value();
    tables.insert("tests".to_owned(), json!({ "type": "array", "items": tests }));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A logd pipeline",
        "type": "object",
        "additionalProperties": false,
        "properties": tables,
        "definitions": generator.definitions(),
    })
}

/// Adds `type`, `inputs`, `migrate` and `buffer`, which the loader takes out, to a component's own keys.
fn with_common_keys(own: Value, generator: &mut SchemaGenerator, component: &Component) -> Value {
    let &Component { kind, name, aliases, inputs, .. } = component;
    let buffer = generator.subschema_for::<BufferSettings>().to_value();
    let migrate = generator.subschema_for::<Migrate>().to_value();
    let resolved = own.get("$ref").and_then(Value::as_str).and_then(|reference| {
        let key = reference.rsplit('/').next()?;
        generator.definitions().get(key).cloned()
    });
    let mut schema = resolved.unwrap_or(own);
    let names: Vec<&str> = std::iter::once(name).chain(aliases.iter().copied()).collect();
    let Some(object) = schema.as_object_mut() else { return schema };
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    let mut required = vec![json!("type")];
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("type".to_owned(), json!({ "enum": names }));
        if kind != Kind::Source && inputs.is_empty() {
            properties
                .insert("inputs".to_owned(), json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }));
            required.push(json!("inputs"));
        }
        if kind == Kind::Transform {
            properties.insert("migrate".to_owned(), migrate);
        }
        if kind == Kind::Sink {
            properties.insert("buffer".to_owned(), buffer);
        }
    }
    if let Some(list) = object.entry("required").or_insert_with(|| json!([])).as_array_mut() {
        list.extend(required);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_stand_for_a_number() {
        let mut schema = json!({ "properties": {
            "type": { "enum": ["x"] },
            "rate": { "type": "integer", "minimum": 0 },
            "limit": { "type": ["number", "null"] },
            "name": { "type": "string" },
        }});
        allow_variables(&mut schema);
        let expected = json!({ "properties": {
            "type": { "enum": ["x"] },
            "rate": { "type": ["integer", "string"], "minimum": 0, "pattern": r"\$" },
            "limit": { "type": ["number", "null", "string"], "pattern": r"\$" },
            "name": { "type": "string" },
        }});
        assert_eq!(schema, expected);
    }
}
