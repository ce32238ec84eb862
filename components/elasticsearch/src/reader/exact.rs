//! By which field a service is found by its name, and not by the words of it.
//!
//! A filter on a field of type `text` finds whatever has such a word in it, which must not decide what somebody may see.
//! The classic template makes `service` a `keyword`. Without a template Elasticsearch makes it `text`, with the `keyword`
//! `service.keyword` below it.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Types that hold a text as it is.
const EXACT: [&str; 3] = ["keyword", "constant_keyword", "wildcard"];

/// What Elasticsearch says of fields: under each name the types that it has in all indices.
#[derive(Deserialize)]
struct Capabilities {
    #[serde(default)]
    fields: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
}

/// The field for `name`, by what Elasticsearch says of it; none where no index has it.
///
/// # Errors
/// It has none that is right in all indices.
pub(super) fn field(name: &str, answer: &[u8]) -> anyhow::Result<Option<String>> {
    let Capabilities { fields } = serde_json::from_slice(answer).context("the types of fields can't be read")?;
    let is_exact = |types: &BTreeMap<String, IgnoredAny>| types.keys().all(|kind| EXACT.contains(&kind.as_str()));
    let Some(types) = fields.get(name) else { return Ok(None) };
    let below = format!("{name}.keyword");
    let is_text = types.keys().all(|kind| kind == "text" || kind == "match_only_text");
    if is_exact(types) {
        Ok(Some(name.to_owned()))
    } else if is_text && fields.get(&below).is_some_and(is_exact) {
        Ok(Some(below))
    } else {
        let types: Vec<&str> = types.keys().map(String::as_str).collect();
        bail!(
            "services can't be told apart: `{name}` is of type {} in Elasticsearch, and must be `keyword` in all indices \
             of `[api.logs]`, or `text` with a `keyword` below it in all",
            types.join(" and ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &str) -> Result<Option<String>, String> {
        let answer = format!(r#"{{"indices":["logs"],"fields":{fields}}}"#);
        field("service", answer.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_holds_names_as_they_are_will_do() {
        let keyword = r#"{"keyword":{"type":"keyword","searchable":true}}"#;
        assert_eq!(found(&format!(r#"{{"service":{keyword}}}"#)).unwrap().as_deref(), Some("service"));
        let text = r#"{"text":{"type":"text"}}"#;
        let both = found(&format!(r#"{{"service":{text},"service.keyword":{keyword}}}"#)).unwrap();
        assert_eq!(both.as_deref(), Some("service.keyword"));
        assert_eq!(found("{}").unwrap(), None);
        let error = found(&format!(r#"{{"service":{text}}}"#)).unwrap_err();
        assert!(error.contains("`service` is of type text in Elasticsearch"), "{error}");
        // A new template, and indices from before it.
        let mixed = r#"{"text":{"indices":["a"]},"keyword":{"indices":["b"]}}"#;
        let error = found(&format!(r#"{{"service":{mixed},"service.keyword":{keyword}}}"#)).unwrap_err();
        assert!(error.contains("of type keyword and text"), "{error}");
        assert!(field("service", b"<html>").is_err());
    }
}
