//! Fields that a component reads and nothing before it makes: a misspelt field is no mistake that shows at run time, for
//! an event may always lack one.
//!
//! It can be known where the events come from a window, a detector or a source of plain lines, which make certain fields
//! and no others.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use logd_sdk::component::Makes;
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::FieldPath;
use logd_sdk::{ComponentId, Plan};
use toml::de::{DeTable, DeValue};
use vrl::path::OwnedValuePath;

use super::diagnostic::Diagnostics;
use super::pipeline::Pipeline;
use super::resolve::Edge;
use super::suggest;

/// Settings that are field paths. Elsewhere a text that spells one need not be one.
const PATHS: [&str; 3] = ["field", "group_by", "labels"];

/// Warns of each field that a component needs and the events that it is given can't have.
pub(super) fn warn_of_unknown_fields(
    pipelines: &[Pipeline<'_>],
    plans: &HashMap<ComponentId, Plan>,
    edges: &[Edge],
    conditions: &dyn Conditions,
    diagnostics: &mut Diagnostics,
) {
    for pipeline in pipelines {
        for component in pipeline.components.values() {
            let id = ComponentId::new(&pipeline.id, &component.id);
            let Some(plan) = plans.get(&id) else { continue };
            let Reads::Fields(reads) = plan.describe().needs(conditions) else { continue };
            let Some(made) = made_upstream(&id, plans, edges) else { continue };
            let known: BTreeSet<_> = made.iter().map(shown).collect();
            let mut report = Report::default();
            for path in reads.iter().filter(|path| !made.iter().any(|made| overlap(made, path))) {
                let name = shown(path);
                let (key, within) = find(component.table.get_ref(), path).unwrap_or_default();
                let problem = report.warning(key, format!("nothing upstream makes the field `{name}`"));
                problem.within = within;
                problem.label = meant(&name, &known).map(|meant| format!("did you mean `{meant}`?"));
                let known = known.iter().map(String::as_str);
                problem.help(suggest::listed("the only field here is", "the fields here are", known));
            }
            pipeline.report(component, report.problems(), diagnostics);
        }
    }
}

/// The field that `name` was probably meant to be: one that ends in it, as the key of an anomaly does, or is nearly it.
fn meant<'k>(name: &str, known: &'k BTreeSet<String>) -> Option<&'k str> {
    let ending = format!(".{name}");
    let names = || known.iter().map(String::as_str);
    names().find(|known| known.ends_with(&ending)).or_else(|| suggest::closest(name, names()))
}

fn shown(path: &OwnedValuePath) -> String {
    path.to_string().trim_start_matches('.').to_owned()
}

/// Whether one path leads to the other.
fn overlap(one: &OwnedValuePath, other: &OwnedValuePath) -> bool {
    one.segments.iter().zip(&other.segments).all(|(one, other)| one == other)
}

/// All fields that the events given to `id` can have; `None` where that is not known.
fn made_upstream(id: &ComponentId, plans: &HashMap<ComponentId, Plan>, edges: &[Edge]) -> Option<Vec<OwnedValuePath>> {
    let mut made = Vec::new();
    // Those whose events come from further up; each is asked once, for there may be a cycle.
    let mut asked = vec![id];
    let mut next = 0;
    while let Some(&to) = asked.get(next) {
        next += 1;
        for edge in edges.iter().filter(|edge| edge.to == *to) {
            match plans.get(&edge.from)?.describe().makes(edge.port.as_deref().unwrap_or("")) {
                Makes::Fields(fields) => made.extend(fields),
                Makes::Same if asked.contains(&&edge.from) => {}
                Makes::Same => asked.push(&edge.from),
                Makes::Anything => return None,
            }
        }
    }
    (!made.is_empty()).then_some(made)
}

/// Where the settings in `table` name the field `path`: the setting, and the bytes of its text if it is a program or a
/// template.
fn find(table: &DeTable<'_>, path: &OwnedValuePath) -> Option<(KeyPath, Option<Range<usize>>)> {
    let mut texts = Vec::new();
    for (key, value) in table {
        collect(KeyPath::from(key.get_ref().as_ref()), key.get_ref(), value.get_ref(), &mut texts);
    }
    let is_path = |text: &str| text.parse::<FieldPath>().is_ok_and(|written| written.path() == path);
    if let Some((key, ..)) = texts.iter().find(|(_, name, text)| PATHS.contains(name) && is_path(text)) {
        return Some((key.clone(), None));
    }
    let name = shown(path);
    let spelt =
        |spelling: &str| texts.iter().find_map(|(key, _, text)| Some((key.clone(), Some(word(text, spelling)?))));
    spelt(&format!(".{name}")).or_else(|| spelt(&name))
}

/// All strings of `value`, which stands at `path`, with the last key above them.
fn collect<'t>(path: KeyPath, key: &'t str, value: &'t DeValue<'_>, texts: &mut Vec<(KeyPath, &'t str, &'t str)>) {
    match value {
        DeValue::String(text) => texts.push((path, key, text)),
        DeValue::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                collect(path.clone().index(index), key, element.get_ref(), texts);
            }
        }
        DeValue::Table(table) => {
            for (key, value) in table {
                let key: &str = key.get_ref();
                collect(path.clone().key(key), key, value.get_ref(), texts);
            }
        }
        _ => {}
    }
}

/// The first place of `word` in `text` at which it is no part of a longer name or path.
fn word(text: &str, word: &str) -> Option<Range<usize>> {
    let in_name = |character: char| character.is_alphanumeric() || character == '_';
    let places = text.match_indices(word).map(|(start, _)| start..start + word.len());
    places.into_iter().find(|place| {
        !text[..place.start].ends_with(|before| in_name(before) || before == '.')
            && !text[place.end..].starts_with(in_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, field: &str) -> Option<String> {
        let table = DeTable::parse(text).unwrap();
        let path = field.parse::<FieldPath>().unwrap();
        let (key, within) = find(table.get_ref(), path.path())?;
        Some(within.map_or(key.to_string(), |within| format!("{key}:{}..{}", within.start, within.end)))
    }

    #[test]
    fn finds_where_a_field_is_named() {
        assert_eq!(place("fn = 'mean'\nfield = '.mean'", "mean").unwrap(), "field");
        assert_eq!(place("group_by = ['a', 'b']", "b").unwrap(), "group_by[1]");
        assert_eq!(place("condition = '.status == 1 && .stat == 2'", "stat").unwrap(), "condition:16..21");
        assert_eq!(place("x.count = { fn = 'count', where = '.count > 1' }", "count").unwrap(), "x.count.where:0..6");
        assert_eq!(place("path = 'logs/{{ service }}.log'", "service").unwrap(), "path:8..15");
        assert_eq!(place("source = '.a.b = 1'", "b"), None);
    }

    #[test]
    fn guesses_what_was_meant() {
        let known = BTreeSet::from(["key.service".to_owned(), "latency_mean".to_owned()]);
        assert_eq!(meant("latency_maen", &known), Some("latency_mean"));
        assert_eq!(meant("service", &known), Some("key.service"));
        assert_eq!(meant("key.servise", &known), Some("key.service"));
        assert_eq!(meant("level", &known), None);
    }
}
