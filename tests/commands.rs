//! What the commands print that do not run anything.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Place, run};

const PIPELINE: &str = r#"
[sources.lines]
type = "stdin"

[transforms.parsed]
type = "parse"
inputs = ["lines"]
format = "combined"

[sinks.out]
type = "blackhole"
inputs = ["parsed", "parsed.dead"]
"#;

/// What a command prints about the pipeline above.
fn printed(arguments: &[&str]) -> String {
    let place = Place::new();
    place.write("pipelines/web.toml", PIPELINE);
    let said = run(place.logd().args(arguments));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{arguments:?}");
    said.out
}

#[test]
fn graph_draws_a_tree() {
    let expected =
        "web\n  lines (stdin)\n  └─ parsed (parse)\n     ├─ out (blackhole)\n     └─ .dead → out (blackhole) ↑\n";
    assert_eq!(printed(&["graph"]), expected);
    assert_eq!(printed(&["graph", "pipelines/web.toml"]), expected);
}

#[test]
fn graph_writes_for_graphviz_and_mermaid() {
    let dot = printed(&["graph", "--format", "dot"]);
    assert!(dot.starts_with("digraph logd {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("  \"web/parsed\" -> \"web/out\" [label=\"dead\"];\n"), "{dot}");
    let mermaid = printed(&["graph", "--format", "mermaid"]);
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    assert!(mermaid.contains("  n0 --> n1\n") && mermaid.contains("  n1 -->|dead| n2\n"), "{mermaid}");
}

#[test]
fn graph_of_a_broken_file_says_what_is_wrong() {
    let place = Place::new();
    place.write("pipelines/web.toml", PIPELINE.replace("\"parse\"", "\"parze\""));
    let said = run(place.logd().arg("graph"));
    assert_eq!(said.code, Some(78));
    assert!(said.err.contains("web.toml:6:"), "{}", said.err);
}

#[test]
fn list_has_a_line_for_each_component() {
    let all = printed(&["list"]);
    let count = logd::catalogue::components().len();
    assert_eq!(all.lines().count(), count);
    assert!(all.lines().any(|line| line.starts_with("source") && line.contains(" generator ")), "{all}");
    let sinks = printed(&["list", "sinks"]);
    assert!(sinks.lines().count() > 2 && sinks.lines().all(|line| line.starts_with("sink")), "{sinks}");
    let table = printed(&["list", "--markdown"]);
    assert_eq!(table.lines().count(), count + 2);
}

#[test]
fn schema_knows_every_component_and_the_daemons_settings() {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).expect("JSON");
    for (_, component) in logd::catalogue::components() {
        let types = &schema["properties"][format!("{}s", component.kind.name())]["additionalProperties"]["oneOf"];
        let names = |one: &Value| one["properties"]["type"]["enum"].as_array().cloned().unwrap_or_default();
        let known = types.as_array().expect("a list").iter().any(|one| names(one).contains(&component.name.into()));
        assert!(known, "{} {}", component.kind.name(), component.name);
    }
    let daemon: Value = serde_json::from_str(&printed(&["schema", "--daemon"])).expect("JSON");
    assert!(daemon["properties"]["data_dir"].is_object() && daemon["properties"]["limits"].is_object());
}

#[test]
fn generate_writes_as_many_logs_as_asked_and_the_same_for_a_seed() {
    let without_times = |text: &str| -> Vec<Value> {
        let logs = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        logs.map(|mut log| {
            log["timestamp"] = Value::Null;
            log
        })
        .collect()
    };
    let [one, same, other] =
        ["7", "7", "8"].map(|seed| without_times(&printed(&["generate", "--count", "500", "--seed", seed])));
    assert_eq!(one.len(), 500);
    assert_eq!(one, same);
    assert_ne!(one, other);
}

/// `logd generate | head` is no failure.
#[test]
fn generate_ends_when_nobody_reads_any_more() {
    let mut child = Place::new().logd().arg("generate").stdout(Stdio::piped()).spawn().expect("it runs");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
