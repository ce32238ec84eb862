//! The shipped pipelines: that they are valid, and what is left of them without their services.

use toml::{Table, Value};

use super::{file, text};
use crate::support::{Place, run};

/// Types that reach services: in a test without these, a generator and sinks that forget stand in their place.
const SERVICES: [&str; 4] = ["elasticsearch", "kafka", "redis", "webhook"];

/// `deploy/pipelines/analysis.toml`, with the shipped generator in the place of Kafka, and nothing in that of other
/// services.
pub(super) fn without_services() -> String {
    let read = |name: &str| text(&format!("deploy/pipelines/{name}.toml")).parse::<Table>().expect("TOML");
    let (mut analysis, logs) = (read("analysis"), read("logs"));
    let generator = logs["sources"]["services"].clone();
    let mut replace = |kind: &str, by: &dyn Fn(&Table) -> Table| {
        for (_, component) in analysis[kind].as_table_mut().expect("a table") {
            let settings = component.as_table().expect("a table");
            if SERVICES.iter().any(|service| settings["type"].as_str() == Some(service)) {
                *component = by(settings).into();
            }
        }
    };
    replace("sources", &|_| generator.as_table().expect("a table").clone());
    replace("sinks", &|sink| {
        Table::from_iter(
            [("type", "blackhole".into()), ("inputs", sink["inputs"].clone())]
                .map(|(key, value): (&str, Value)| (key.to_owned(), value)),
        )
    });
    toml::to_string(&analysis).expect("a table can be written")
}

#[test]
fn the_shipped_pipelines_and_settings_are_valid() {
    let said = run(Place::new()
        .logd()
        .args(["validate", "--no-environment", "--deny-warnings", "--format", "json", "--config"])
        .arg(file("deploy/logd.toml"))
        .arg("-c")
        .arg(file("deploy/pipelines")));
    let found: Vec<serde_json::Value> =
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    assert!(found.is_empty(), "{found:#?}");
}
