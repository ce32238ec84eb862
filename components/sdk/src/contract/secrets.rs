//! Secrets are printed nowhere: a canary is put wherever the schema has a [`Secret`](crate::settings::Secret), and looked
//! for in all that the settings and their component say.

use serde_json::Value;
use toml::{Table, Value as Toml};

use super::{Bench, build, parse, problems, schema};
use crate::component::Component;

/// The secret that is looked for: long enough for what asks for long ones, and of characters that can stand anywhere.
pub const CANARY: &str = "canary-0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// How deep settings are looked through: a schema may refer to itself.
const DEPTH: usize = 12;

/// The example with a secret in it.
#[derive(Clone, Debug)]
pub struct Planted {
    /// Where the secret stands: `auth.token`.
    pub key: String,
    /// The settings, in TOML.
    pub settings: String,
}

/// The example's settings with [`CANARY`] as a secret, for each secret that the schema has. What stands there beside it
/// may not go with it, so `check` may have something to say.
#[must_use]
pub fn with_secrets(component: &Component) -> Vec<Planted> {
    let (schema, definitions) = schema(component);
    let schema = Node { schema: &schema, definitions: &definitions };
    let mut places = Vec::new();
    schema.find(&mut Vec::new(), &mut places);
    let example: Table = component.example.parse().unwrap_or_default();
    let plant = |place: &Vec<String>| {
        let mut settings = Toml::Table(example.clone());
        schema.plant(&mut settings, place);
        Planted { key: place.join("."), settings: settings.as_table().map(Table::to_string).unwrap_or_default() }
    };
    places.iter().map(plant).collect()
}

/// What shows a secret.
pub(super) fn check(component: &Component, bench: &Bench<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    for Planted { key, settings } in with_secrets(component) {
        let mut said = Vec::new();
        match parse(component, &settings) {
            Err(error) => {
                breaches.push(format!("with a secret as `{key}` its settings can't be read: {}", hide(&error)));
                said.push(("the reader", error));
            }
            Ok(plan) => {
                said.push(("Debug of its settings", format!("{plan:?}")));
                said.extend(problems(&plan, bench).iter().map(|problem| ("`check`", format!("{problem:?}"))));
                let built = build::tasks(component, &plan, bench);
                said.extend(built.err().map(|error| ("`build`", format!("{error:?}"))));
            }
        }
        let telling = said.iter().filter(|(_, text)| text.contains(CANARY));
        breaches.extend(telling.map(|(who, text)| format!("{who} shows the secret `{key}`: {}", hide(text))));
    }
    breaches
}

fn hide(text: &str) -> String {
    text.replace(CANARY, "(the secret)")
}

/// A place in a schema.
#[derive(Clone, Copy)]
struct Node<'s> {
    schema: &'s Value,
    definitions: &'s Value,
}

/// The key for a table whose keys are the user's.
const ANY_KEY: &str = "any";
/// The step into a list.
const FIRST: &str = "0";

impl<'s> Node<'s> {
    fn at(self, schema: &'s Value) -> Self {
        Self { schema, ..self }
    }

    /// What the schema is, or refers to: all that may stand here.
    fn choices(self) -> Vec<Self> {
        let definition = self.schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let named = definition.map(|name| self.at(&self.definitions[name]));
        let groups = ["anyOf", "oneOf", "allOf"].iter().filter_map(|group| self.schema[group].as_array()).flatten();
        let further = named.into_iter().chain(groups.map(|schema| self.at(schema))).flat_map(Self::choices);
        std::iter::once(self).chain(further).collect()
    }

    /// The steps that lead on from here.
    fn steps(self) -> Vec<(String, Self)> {
        let mut steps = Vec::new();
        for choice in self.choices() {
            let properties = choice.schema["properties"].as_object().into_iter().flatten();
            steps.extend(properties.map(|(key, schema)| (key.clone(), choice.at(schema))));
            let others = [(ANY_KEY, &choice.schema["additionalProperties"]), (FIRST, &choice.schema["items"])];
            let others = others.into_iter().filter(|(_, schema)| schema.is_object());
            steps.extend(others.map(|(key, schema)| (key.to_owned(), choice.at(schema))));
        }
        steps
    }

    fn find(self, path: &mut Vec<String>, places: &mut Vec<Vec<String>>) {
        let secret = |choice: &Self| choice.schema["writeOnly"] == true;
        if self.choices().iter().any(secret) {
            if !places.contains(path) {
                places.push(path.clone());
            }
        } else if path.len() < DEPTH {
            for (step, node) in self.steps() {
                path.push(step);
                node.find(path, places);
                path.pop();
            }
        }
    }

    /// Puts the canary at `path`, and around it what has to stand there.
    fn plant(self, value: &mut Toml, path: &[String]) {
        let Some((first, rest)) = path.split_first() else {
            *value = CANARY.into();
            return;
        };
        let Some((_, next)) = self.steps().into_iter().find(|(step, node)| step == first && node.leads(rest)) else {
            return;
        };
        let fresh = || next.sample();
        match value {
            Toml::Array(list) => {
                if list.is_empty() {
                    list.push(fresh());
                }
                next.plant(&mut list[0], rest);
            }
            Toml::Table(table) => next.plant(table.entry(first.clone()).or_insert_with(fresh), rest),
            other => {
                *other = self.sample();
                if other.is_table() || other.is_array() {
                    self.plant(other, path);
                }
            }
        }
    }

    /// Whether there is such a path from here.
    fn leads(self, path: &[String]) -> bool {
        path.split_first()
            .is_none_or(|(first, rest)| self.steps().into_iter().any(|(step, node)| step == *first && node.leads(rest)))
    }

    /// Something that may stand here: a table with what it must have.
    fn sample(self) -> Toml {
        let choices = self.choices();
        for choice in &choices {
            let schema = choice.schema;
            let given = [&schema["const"], &schema["enum"][0], &schema["examples"][0], &schema["default"]];
            let given = given.into_iter().find_map(|given| Toml::try_from(given).ok().filter(|_| !given.is_null()));
            if let Some(given) = given {
                return given;
            }
            match schema["type"].as_str().or_else(|| schema["type"][0].as_str()) {
                Some("object") => {
                    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                    let with = |key: &str| (key.to_owned(), choice.at(&schema["properties"][key]).sample());
                    return Toml::Table(required.map(with).collect());
                }
                Some("array") => return Toml::Array(Vec::new()),
                Some("integer" | "number") => return 1.into(),
                Some("boolean") => return true.into(),
                Some("string") => return "text".into(),
                _ => {}
            }
        }
        "text".into()
    }
}
