//! What holds for every component that is listed, whichever it is.

use logd::catalogue;
use logd_sdk::Component;
use logd_sdk::component::Kind;
use serde_json::Value;
use toml::Table;

use crate::support::{Place, run};

/// A pipeline in which the component stands with its example's settings and `more`.
fn pipeline(component: &Component, more: &[(&str, i64)]) -> String {
    let mut own: Table = component.example.parse().expect("an example is TOML");
    own.insert("type".to_owned(), component.name.into());
    own.extend(more.iter().map(|&(key, value)| (key.to_owned(), value.into())));
    if component.kind != Kind::Source {
        own.insert("inputs".to_owned(), vec!["source"].into());
    }
    let named = |name: &str, table: Table| Table::from_iter([(name.to_owned(), table.into())]);
    let text = |tables: Table| toml::to_string(&tables).expect("a table can be written");
    let mut whole = text(named(&format!("{}s", component.kind.name()), named("it", own)));
    if component.kind != Kind::Source {
        whole += "\n[sources.source]\ntype = \"stdin\"\n";
    }
    whole
}

/// The errors that `validate` finds in a pipeline, as `(line, message)`.
fn errors(pipeline: &str) -> Vec<(u64, String)> {
    let place = Place::new();
    place.write("pipelines/p.toml", pipeline);
    let said = run(place.logd().env("HTTP_TOKEN", "token").args(["validate", "--format", "json"]));
    let found: Vec<Value> = serde_json::from_str(&said.out).expect("JSON");
    let errors = found.iter().filter(|found| found["severity"] == "error");
    errors.map(|found| (found["line"].as_u64().unwrap_or(0), found["message"].to_string())).collect()
}

#[test]
fn every_example_is_right() {
    for (_, component) in catalogue::components() {
        assert_eq!(errors(&pipeline(component, &[])), [], "{} {}", component.kind.name(), component.name);
    }
}

#[test]
fn every_component_refuses_an_unknown_setting_at_its_line() {
    for (_, component) in catalogue::components() {
        let text = pipeline(component, &[("nonsense", 1)]);
        let line = text.lines().position(|line| line.starts_with("nonsense")).expect("a line") as u64 + 1;
        let found = errors(&text);
        let name = component.name;
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].0 == line && found[0].1.contains("nonsense"), "{name}: {found:?}, and not at line {line}");
    }
}

#[test]
fn every_component_says_what_it_does_in_one_line() {
    for (_, Component { name, summary, .. }) in catalogue::components() {
        assert!(!summary.is_empty() && summary.len() < 100 && !summary.ends_with('.'), "{name}: {summary}");
    }
}
