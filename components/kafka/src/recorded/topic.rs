//! How a topic is named where files are: `kafka://BROKER[,BROKER…]/TOPIC`.

use std::fmt;
use std::str::FromStr;

use crate::connection;

/// How it begins.
const SCHEME: &str = "kafka://";

/// A topic, and whom to ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    brokers: String,
    name: String,
}

impl Topic {
    /// Whether a text is meant to be one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Brokers, with commas between.
    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'));
        let is_broker = |broker: &str| !broker.is_empty() && !broker.contains(char::is_whitespace);
        match parts {
            Some((brokers, name)) if connection::is_name(name) && brokers.split(',').all(is_broker) => {
                Ok(Self { brokers: brokers.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("`{text}` names no topic: write {SCHEME}BROKER:PORT/TOPIC, with commas between brokers")),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.brokers, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_and_a_name_are_needed() {
        let text = "kafka://a:9092,b/logs.v1";
        let topic: Topic = text.parse().unwrap();
        assert_eq!((topic.brokers(), topic.name(), topic.to_string().as_str()), ("a:9092,b", "logs.v1", text));
        for wrong in ["kafka://a:9092", "kafka:///logs", "kafka://a,/logs", "kafka://a/", "kafka://a/b/c", "a/logs"] {
            let error = wrong.parse::<Topic>().unwrap_err();
            assert!(error.starts_with(&format!("`{wrong}` names no topic: ")), "{error}");
        }
    }
}
