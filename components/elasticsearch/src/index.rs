//! Which index or data stream an event goes to, and that the name is one that Elasticsearch takes.
//!
//! A name that it would not take is found here, so that it costs the event and not a round trip, and so that no event
//! can reach an index outside those that the template's beginning allows.

use std::borrow::Cow;
use std::iter::once;

use logd_sdk::settings::{FieldPath, NameTemplate};
use logd_sdk::{Batch, Time};

/// The longest name, in bytes.
const LONGEST: usize = 255;

/// Names indices by a template.
#[derive(Debug)]
pub(crate) struct Indices(NameTemplate);

/// The names for one batch.
pub(crate) struct Names<'n> {
    template: &'n NameTemplate,
    /// Whose events they are.
    batch: &'n Batch,
    /// The template's fields, and where they stand in the batch.
    columns: Vec<(&'n FieldPath, Option<usize>)>,
}

impl Indices {
    /// By this template.
    pub(crate) fn new(template: NameTemplate) -> Self {
        Self(template)
    }

    /// The pattern, with a `*` where they differ, that all its names match.
    pub(crate) fn pattern(&self) -> String {
        match self.0.render(Time::EPOCH, |_| None) {
            Ok(Cow::Borrowed(name)) => name.to_owned(),
            _ => format!("{}*", self.0.prefix()),
        }
    }

    /// The names for the events of a batch.
    pub(crate) fn of<'n>(&'n self, batch: &'n Batch) -> Names<'n> {
        let columns = self.0.fields().map(|field| (field, batch.columns().find(field.path()))).collect();
        Names { template: &self.0, batch, columns }
    }
}

impl<'n> Names<'n> {
    /// The name for an event; it needs no escapes within JSON.
    ///
    /// # Errors
    /// The event makes none: why.
    pub(crate) fn name(&self, row: usize) -> Result<Cow<'n, str>, String> {
        let Self { template, batch, columns } = self;
        let name = template.render(batch.rows()[row].time, |field| {
            let column = columns.iter().find_map(|(path, column)| (*path == field).then_some(*column)).flatten()?;
            batch.field(row, column).display().map(Cow::into_owned)
        });
        let name = name.map_err(|field| format!("the event has no field `{field}`, which its index's name needs"))?;
        match fault(&name) {
            Some(fault) => Err(format!("{:?} is no name of an index: {fault}", shortened(&name))),
            None => Ok(name),
        }
    }
}

/// Why Elasticsearch would not take this name, if it would not.
///
/// The rules are those of its "create index" API. A dot at the beginning is for its own hidden indices.
pub(crate) fn fault(name: &str) -> Option<&'static str> {
    let illegal = |character: char| {
        character.is_control()
            || matches!(character, '\\' | '/' | '*' | '?' | '"' | '<' | '>' | '|' | ' ' | ',' | '#' | ':')
    };
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > LONGEST {
        Some("it has more than 255 bytes")
    } else if name.starts_with(['-', '_', '+', '.']) {
        Some("it begins with `-`, `_`, `+` or `.`")
    } else if name.chars().any(illegal) {
        Some("it has a character out of \\ / * ? \" < > | , # : and space, or one that is not printed")
    } else if name.chars().any(|character| !character.to_lowercase().eq(once(character))) {
        Some("it is not in lower case")
    } else {
        None
    }
}

/// As much of a name as an error should repeat.
fn shortened(name: &str) -> &str {
    let end = name.char_indices().map(|(start, _)| start).nth(60).unwrap_or(name.len());
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, json};

    fn name(template: &str, service: &str) -> Result<String, String> {
        let template: NameTemplate = template.parse().unwrap();
        let event = serde_json::json!({ "service": service, "other": 1 }).to_string();
        let mut batch = json([event.as_str()]);
        batch.require(&logd_sdk::Columns::new(template.fields().map(|field| field.path().clone())));
        Indices::new(template).of(&batch).name(0).map(Cow::into_owned)
    }

    #[test]
    fn fields_and_times_make_a_name() {
        assert!(NOW.to_string().starts_with("2026-11-23"));
        assert_eq!(name("logs-{{ service }}-%Y.%m.%d", "api").unwrap(), "logs-api-2026.11.23");
        assert_eq!(name("logs", "").unwrap(), "logs");
        assert_eq!(name("logs-{{ other }}", "").unwrap(), "logs-1");
        assert_eq!(name("logs-{{ service }}", "größe").unwrap(), "logs-größe");
        let reason = name("logs-{{ host }}", "").unwrap_err();
        assert_eq!(reason, "the event has no field `host`, which its index's name needs");
    }

    #[test]
    fn a_name_that_elasticsearch_would_not_take_costs_the_event() {
        for evil in ["A", "Ä", "ǅ", "a b", "a/b", "a\\b", "*", "a,b", "a#b", "a:b", "a\"b", "a\nb", "a\0b", "<now/d>"]
        {
            assert!(name("logs-{{ service }}", evil).is_err(), "{evil:?}");
        }
        assert!(name("logs-{{ service }}", &"x".repeat(250)).is_ok());
        assert!(name("logs-{{ service }}", &"x".repeat(251)).is_err());
        assert!(name("logs-{{ service }}", &"x".repeat(10_000)).unwrap_err().len() < 150);
        let reason = name("logs-{{ service }}", "Api").unwrap_err();
        assert_eq!(reason, "\"logs-Api\" is no name of an index: it is not in lower case");
        for start in ["-", "_", "+", "."] {
            assert!(fault(&format!("{start}logs")).is_some());
        }
        assert!(fault("").is_some());
    }

    #[test]
    fn a_pattern_matches_all_names() {
        let pattern = |template: &str| Indices::new(template.parse().unwrap()).pattern();
        assert_eq!(pattern("logs"), "logs");
        assert_eq!(pattern("logs-{{ service }}-%Y.%m.%d"), "logs-*");
    }
}
