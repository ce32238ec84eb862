//! Serde and schema for settings that are written as text.
//!
//! Such a type brings `FromStr` and `Display`; [`text_setting!`] makes the rest of them. A number in place of the text is
//! the usual mistake of those who know settings with units in their names, so it gets a hint and not only "wrong type".

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};

use super::Fault;

/// Reads a `T` from a string; a bare number is refused with the hint that `bare_number` makes of it.
pub(super) fn deserialize<'de, D, T>(
    deserializer: D,
    expected: &'static str,
    bare_number: Option<fn(&str) -> Fault>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = Fault>,
{
    deserializer.deserialize_str(TextVisitor { expected, bare_number, target: PhantomData })
}

/// Takes text, and refuses numbers kindly.
struct TextVisitor<T> {
    expected: &'static str,
    bare_number: Option<fn(&str) -> Fault>,
    target: PhantomData<T>,
}

impl<T> TextVisitor<T> {
    /// The error for a number: the type's own hint, or that a string was expected.
    fn refuse<E: Error>(&self, number: &str, unexpected: serde::de::Unexpected<'_>) -> E {
        match self.bare_number {
            Some(hint) => E::custom(hint(number)),
            None => E::invalid_type(unexpected, &self.expected),
        }
    }
}

impl<T: FromStr<Err = Fault>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Err(self.refuse(&number.to_string(), serde::de::Unexpected::Signed(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Err(self.refuse(&number.to_string(), serde::de::Unexpected::Unsigned(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        Err(self.refuse(&number.to_string(), serde::de::Unexpected::Float(number)))
    }
}

/// Implements `Serialize` (as its `Display`), `Deserialize` (by its `FromStr`) and `JsonSchema` for a setting.
macro_rules! text_setting {
    ($type:ident, expected: $expected:literal, bare_number: $bare_number:expr, schema: $schema:tt) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::text::deserialize(deserializer, $expected, $bare_number)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

pub(super) use text_setting;
