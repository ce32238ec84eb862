//! What is imported into Kibana is whole: objects that others name are there, and fields are those of the template.

// A test stops where it can't go on.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

const OBJECTS: &str = include_str!("../../../deploy/kibana/logs.ndjson");
const TEMPLATE: &str = include_str!("../src/classic.json");

fn objects() -> Vec<Value> {
    OBJECTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `type/id`, of an object or of what refers to one.
fn name(value: &Value) -> String {
    format!("{}/{}", value["type"].as_str().unwrap(), value["id"].as_str().unwrap())
}

/// The JSON that stands in a text.
fn inner(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

/// Everything under a key of this name, however deep.
fn under<'v>(key: &str, value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key {
                    found.push(value);
                }
                under(key, value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| under(key, value, found)),
        _ => {}
    }
}

#[test]
fn each_object_has_a_name_of_its_own() {
    let (all, names) = (objects(), objects().iter().map(name).collect::<BTreeSet<_>>());
    assert_eq!(names.len(), all.len());
    for kind in ["index-pattern", "search", "visualization", "dashboard"] {
        assert!(names.iter().any(|name| name.starts_with(kind)), "no {kind}");
    }
}

#[test]
fn what_an_object_names_is_there() {
    let all = objects();
    let names: BTreeSet<_> = all.iter().map(name).collect();
    for object in &all {
        let attributes = &object["attributes"];
        let references = object["references"].as_array().unwrap();
        for reference in references {
            assert!(names.contains(&name(reference)), "{}: {reference}", name(object));
        }
        let referred = |wanted: &str| references.iter().any(|reference| reference["name"] == *wanted);
        if let Some(meta) = attributes.get("kibanaSavedObjectMeta") {
            let source = inner(&meta["searchSourceJSON"]);
            if let Some(index) = source.get("indexRefName") {
                assert!(referred(index.as_str().unwrap()), "{}", name(object));
            }
        }
        if let Some(panels) = attributes.get("panelsJSON") {
            let panels = inner(panels);
            let panels = panels.as_array().unwrap();
            assert_eq!(panels.len(), references.len());
            for panel in panels {
                let (index, reference) =
                    (panel["panelIndex"].as_str().unwrap(), panel["panelRefName"].as_str().unwrap());
                assert!(referred(&format!("{index}:{reference}")), "{panel}");
            }
        }
    }
}

#[test]
fn no_panel_lies_on_another() {
    let all = objects();
    let dashboard = all.iter().find(|object| object["type"] == "dashboard").unwrap();
    let mut taken = BTreeSet::new();
    for panel in inner(&dashboard["attributes"]["panelsJSON"]).as_array().unwrap() {
        let place = |key| panel["gridData"][key].as_u64().unwrap();
        assert!(place("x") + place("w") <= 48, "{panel}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{panel}");
            }
        }
    }
}

#[test]
fn each_field_is_in_the_template() {
    let template: Value = serde_json::from_str(TEMPLATE).unwrap();
    let known = template["template"]["mappings"]["properties"].as_object().unwrap();
    let mut fields = BTreeSet::new();
    let in_query = Regex::new(r"(\w+) *(?::|<=|>=|<|>)").unwrap();
    for object in objects() {
        let attributes = &object["attributes"];
        let whole = attributes.get("visState").map_or(Value::Null, inner);
        let mut found = Vec::new();
        under("field", &whole, &mut found);
        under("timeFieldName", attributes, &mut found);
        fields.extend(found.iter().map(|field| field.as_str().unwrap().to_owned()));
        let columns = attributes["columns"].as_array().into_iter().flatten();
        let sorted = attributes["sort"].as_array().into_iter().flatten().map(|sort| &sort[0]);
        fields.extend(columns.chain(sorted).map(|field| field.as_str().unwrap().to_owned()));
        if let Some(meta) = attributes.get("kibanaSavedObjectMeta") {
            let source = inner(&meta["searchSourceJSON"]);
            let query = source["query"]["query"].as_str().unwrap().to_owned();
            fields.extend(in_query.captures_iter(&query).map(|found| found[1].to_owned()));
        }
    }
    assert!(fields.len() > 8, "{fields:?}");
    for field in fields {
        assert!(known.contains_key(&field), "{field}");
    }
}
