//! What holds for every component that is listed, whichever it is.
//!
//! `logd_sdk::contract` has what can be judged of a component alone. Here the daemon reads and runs each, from what its
//! example says: mistakes have their lines, secrets are shown nowhere, it stops when it is told to.

use std::collections::BTreeSet;
use std::time::Duration;

use logd::catalogue;
use logd_sdk::component::Kind;
use logd_sdk::contract::{self, Bench, CANARY, Planted};
use logd_sdk::{Component, Plan};
use serde_json::Value;
use toml::Table;
use toml::de::DeTable;

use crate::support::{Place, Running, files, free_address, get, provide, run};

/// A pipeline in which the component stands with these settings.
fn pipeline(component: &Component, settings: &str) -> String {
    let mut own: Table = settings.parse().expect("settings are TOML");
    own.insert("type".to_owned(), component.name.into());
    if component.kind != Kind::Source {
        let inputs = if component.inputs.is_empty() { &["inputs"] } else { component.inputs };
        own.extend(inputs.iter().map(|input| ((*input).to_owned(), vec!["source"].into())));
    }
    let named = |name: &str, table: Table| Table::from_iter([(name.to_owned(), table.into())]);
    let text = |tables: Table| toml::to_string(&tables).expect("a table can be written");
    let whole = text(named(&format!("{}s", component.kind.name()), named("it", own)));
    whole
        + match component.kind {
            Kind::Source => "",
            Kind::Transform => "\n[sources.source]\ntype = \"generator\"\nrate = 100\nbackfill = \"1m\"\n",
            // A sink is given nothing: its example may name a service that somebody runs.
            Kind::Sink => "\n[sources.source]\ntype = \"stdin\"\n",
        }
}

/// The errors that `validate` finds in a pipeline, as `(line, message)`.
fn errors(pipeline: &str) -> Vec<(u64, String)> {
    let place = Place::new();
    place.write("pipelines/p.toml", pipeline);
    let mut command = place.logd();
    provide(&mut command, pipeline, CANARY);
    let said = run(command.args(["validate", "--no-environment", "--format", "json"]));
    let found: Vec<Value> = serde_json::from_str(&said.out).expect("JSON");
    let errors = found.iter().filter(|found| found["severity"] == "error");
    errors.map(|found| (found["line"].as_u64().unwrap_or(0), found["message"].to_string())).collect()
}

/// `KIND NAME`, for messages.
fn name(component: &Component) -> String {
    format!("{} {}", component.kind.name(), component.name)
}

/// The metrics that are declared.
fn declared() -> BTreeSet<String> {
    let table = run(Place::new().logd().args(["list", "--metrics"])).out;
    let names = table.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
    names.collect()
}

#[test]
fn every_component_keeps_the_contract() {
    let metrics = declared();
    assert!(metrics.len() > 20, "{metrics:?}");
    let mut broken = Vec::new();
    for (_, component) in catalogue::components() {
        let folder = tempfile::tempdir().expect("a folder");
        let bench = Bench { conditions: logd_parse::conditions(), folder: folder.path(), metrics: &metrics };
        let breaches = contract::check(component, &bench);
        broken.extend(breaches.into_iter().map(|breach| format!("{}: {breach}", name(component))));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_example_is_right() {
    for (_, component) in catalogue::components() {
        assert_eq!(errors(&pipeline(component, component.example)), [], "{}", name(component));
    }
}

#[test]
fn every_component_refuses_an_unknown_setting_at_its_line() {
    for (_, component) in catalogue::components() {
        let mut settings: Table = component.example.parse().expect("an example is TOML");
        settings.insert("nonsense".to_owned(), 1.into());
        let text = pipeline(component, &settings.to_string());
        let line = text.lines().position(|line| line.starts_with("nonsense")).expect("a line") as u64 + 1;
        let (found, name) = (errors(&text), name(component));
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

/// A secret comes from the environment; whatever is wrong with it or beside it, nobody says what it is.
#[test]
fn no_secret_is_shown_by_a_command() {
    let mut looked_at = 0;
    for (_, component) in catalogue::components() {
        for Planted { key, settings } in contract::with_secrets(component) {
            looked_at += 1;
            let text = pipeline(component, &settings.replace(CANARY, "${SECRET}"));
            let place = Place::new();
            // Once as it is, and once with a mistake right beside it.
            for text in
                [text.clone(), text.replace("= \"${SECRET}\"", "= \"${SECRET}\"\nno_such_setting = \"${SECRET}\"")]
            {
                place.write("pipelines/p.toml", &text);
                for command in [&["validate"][..], &["validate", "--format", "json"], &["graph"]] {
                    let said = run(place.logd().args(command).env("SECRET", CANARY).env("HTTP_TOKEN", CANARY));
                    let told = said.out + &said.err;
                    assert!(!told.contains(CANARY), "{} shows `{key}` in {command:?}:\n{told}", name(component));
                }
            }
        }
    }
    assert!(looked_at > 0, "no component has a secret");
}

/// Each component in a daemon of its own: it becomes a part of what runs, has no metrics but those that are declared, says
/// no secret even at the level `trace`, and stops within its grace.
#[test]
fn every_component_runs_silently_and_stops_within_its_grace() {
    let metrics = declared();
    for (_, component) in catalogue::components() {
        let secrets = contract::with_secrets(component).into_iter().map(|planted| planted.settings);
        for settings in secrets.chain([component.example.to_owned()]) {
            let text = pipeline(component, &settings.replace(&listens(component), &free_address()));
            if errors(&text).is_empty() {
                runs(&name(component), &text, &metrics);
            }
        }
    }
}

/// Where the example listens; where it does not, a text that stands in none.
fn listens(component: &Component) -> String {
    let table = DeTable::parse(component.example).expect("an example is TOML");
    match (component.parse)(table).expect("an example is right") {
        Plan::Source(plan) => plan.listens().map(|address| address.to_string()),
        _ => None,
    }
    .unwrap_or_else(|| "nowhere at all".to_owned())
}

fn runs(name: &str, pipeline: &str, declared: &BTreeSet<String>) {
    let (place, address) = (Place::new(), free_address());
    place.write("pipelines/p.toml", pipeline);
    let mut command = place.logd();
    provide(&mut command, pipeline, CANARY);
    command.args(["run", "--log-level", "trace", "--telemetry-address", &address, "--api-address", "127.0.0.1:0"]);
    let mut logd = Running::start(&mut command);
    logd.wait_for("metrics of the component", |_| get(&address, "/metrics").contains("component_id=\"it\""));
    let (metrics, ready) = (get(&address, "/metrics"), get(&address, "/ready"));
    let shown = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for metric in shown.filter(|metric| metric.starts_with("logd_")) {
        assert!(declared.contains(metric), "{name}: {metric} is not declared");
    }

    let stopping = tokio::time::Instant::now();
    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(
        status.success() && err.contains("everything that was read is delivered and kept"),
        "{name} does not stop:\n{err}"
    );
    assert!(stopping.elapsed() < Duration::from_secs(30), "{name} takes {:?} to stop", stopping.elapsed());
    for (place, said) in [("log", &err), ("output", &out), ("/metrics", &metrics), ("/ready", &ready)] {
        assert!(!said.contains(CANARY), "{name} shows a secret in its {place}:\n{said}");
    }
    for (path, text) in files(&place.path("data")) {
        assert!(!text.contains(CANARY), "{name} keeps a secret in {}", path.display());
    }
}
