//! The body of a call: a shape with templates in it.
//!
//! The templates are the texts of a TOML table or list, and the body is made of what they become by a JSON encoder. So
//! nothing in an event can break out of its text, whatever it is, and nobody has to think of quotes.

use std::fmt;

use logd_sdk::Field;
use logd_sdk::settings::{FieldPath, Template};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use vrl::value::Value as EventValue;

use crate::fields::Fields;

/// A shape, with templates for texts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A template.
    Text(Template),
    /// A number, true or false.
    Fixed(Value),
    /// A list.
    List(Vec<Shape>),
    /// A table.
    Table(Vec<(String, Shape)>),
}

/// The key that the TOML reader gives to a time of day.
const TOML_TIME: &str = "$__toml_private_datetime";

impl Shape {
    /// The fields that its templates read.
    pub(super) fn fields(&self) -> Vec<&FieldPath> {
        match self {
            Self::Text(template) => template.fields().collect(),
            Self::Fixed(_) => Vec::new(),
            Self::List(elements) => elements.iter().flat_map(Self::fields).collect(),
            Self::Table(members) => members.iter().flat_map(|(_, shape)| shape.fields()).collect(),
        }
    }

    /// What it is for an event. A template that is a field and nothing else has the field's value, be it a number or an
    /// object; `None` where the event has no such field, so that the member or element is left out. In a longer text a
    /// field that is not there is empty: an alarm with a gap is better than none.
    pub(super) fn fill(&self, event: Fields<'_>) -> Option<Value> {
        match self {
            Self::Text(template) => match template.only_field() {
                Some(path) => match event.get(path) {
                    Field::Missing => None,
                    field => Some(serde_json::to_value(EventValue::from(field)).unwrap_or_default()),
                },
                None => Some(Value::String(text(template, event))),
            },
            Self::Fixed(value) => Some(value.clone()),
            Self::List(elements) => Some(elements.iter().filter_map(|shape| shape.fill(event)).collect()),
            Self::Table(members) => {
                let members = members.iter().filter_map(|(key, shape)| Some((key.clone(), shape.fill(event)?)));
                Some(Value::Object(members.collect::<Map<_, _>>()))
            }
        }
    }
}

/// A template filled in; a field that is not there is empty.
pub(super) fn text(template: &Template, event: Fields<'_>) -> String {
    let text = template.render(event.time(), |path| Some(event.text(path).unwrap_or_default()));
    text.map(std::borrow::Cow::into_owned).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a number, a boolean, a list or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Shape, E> {
                text.parse().map(Shape::Text).map_err(E::custom)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Shape, E> {
                Ok(Shape::Fixed(value.into()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Shape, E> {
                Ok(Shape::Fixed(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Shape, E> {
                Ok(Shape::Fixed(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Shape, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element()? {
                    list.push(element);
                }
                Ok(Shape::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
                let mut table = Vec::new();
                while let Some(key) = members.next_key::<String>()? {
                    if key == TOML_TIME {
                        return Err(A::Error::custom("JSON has no times: write it as a text"));
                    }
                    table.push((key, members.next_value()?));
                }
                Ok(Shape::Table(table))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl JsonSchema for Shape {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BodyTemplate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text, list or table, whose texts are templates with fields (`{{ service }}`) in them.",
            "type": ["string", "array", "object"],
            "examples": [{ "text": "{{ explanation }}" }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[derive(serde::Deserialize)]
    struct Settings {
        body: Shape,
    }

    fn shape(text: &str) -> Shape {
        toml::from_str::<Settings>(text).unwrap().body
    }

    fn filled(text: &str, json: &str) -> String {
        let shape = shape(text);
        let batch = event(json, shape.fields());
        shape.fill(Fields::of(&batch, 0)).unwrap().to_string()
    }

    #[test]
    fn a_field_alone_keeps_its_type() {
        let text = "body = { n = '{{ n }}', o = '{{ o }}', z = '{{ z }}', gone = '{{ x }}', s = '{{ n }} {{ x }}!', t = true }";
        let made = filled(text, r#"{"n":4.5,"o":{"a":[1,"b"]},"z":null}"#);
        assert_eq!(made, r#"{"n":4.5,"o":{"a":[1,"b"]},"s":"4.5 !","t":true,"z":null}"#);
    }

    #[test]
    fn tables_and_lists_nest() {
        let text = "[[body]]\nlabels = { service = '{{ key.service }}', fixed = 1 }\n[[body]]\nat = '%Y-%m-%d'\nlist = [1.5, 'a', ['{{ x }}']]";
        let made = filled(text, r#"{"key":{"service":"api"}}"#);
        assert_eq!(made, r#"[{"labels":{"fixed":1,"service":"api"}},{"at":"2026-11-23","list":[1.5,"a",[]]}]"#);
    }

    #[test]
    fn no_event_breaks_out_of_its_text() {
        let evil = r#"","evil":"yes"} \ \n {{ b }} ${HOME} %Y é 𝄞 "#;
        let event = serde_json::json!({ "a": format!("{evil}\n\r\t\u{0}\u{1b}\u{2028}"), "b": "no" }).to_string();
        for text in ["body = { text = '{{ a }}' }", "body = { text = 'x{{ a }}x' }"] {
            let made: Value = serde_json::from_str(&filled(text, &event)).unwrap();
            assert_eq!(made.as_object().unwrap().len(), 1, "{made}");
            assert!(made["text"].as_str().unwrap().contains(evil), "{made}");
        }
        let text = "body = { '{{ a }}' = 1 }";
        assert_eq!(filled(text, &event), r#"{"{{ a }}":1}"#, "keys are not templates");
    }

    #[test]
    fn says_what_is_no_shape() {
        let error = |text: &str| toml::from_str::<Settings>(text).err().unwrap().message().to_owned();
        assert!(error("body = { at = 2026-11-23T14:03:10Z }").contains("write it as a text"));
        assert!(error("body = { a = ['{{ b'] }").contains("`{{` without `}}`"));
    }
}
