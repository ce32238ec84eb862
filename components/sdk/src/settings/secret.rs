//! Text that is never shown.
//!
//! A secret turns up where nobody looks for it: in a debug line, a schema's default, a plan, an error. So the type itself
//! shows nothing, and only [`Secret::expose`] gives the text away, which is easy to search for.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A password, token or key: wiped from memory when dropped, and printed as `***` wherever it turns up.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text itself; never log it or put it into an error.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same text, or there are none: to notice an edit, and not to let somebody in.
    #[must_use]
    pub fn are_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        one.map(Self::expose) == other.map(Self::expose)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// As `***`: what is written out is for people to read, never to be read back.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// Without an example that is a secret, and marked as not to be shown by editors.
impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A secret, best taken from the environment; it is never shown.",
            "examples": ["${PASSWORD}"],
            "writeOnly": true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_shown() {
        let secret = Secret::from("canary".to_owned());
        assert_eq!(secret.expose(), "canary");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        let other = Secret::from("other".to_owned());
        assert!(Secret::are_same(Some(&secret), Some(&secret.clone())) && Secret::are_same(None, None));
        assert!(!Secret::are_same(Some(&secret), Some(&other)) && !Secret::are_same(Some(&secret), None));
    }
}
