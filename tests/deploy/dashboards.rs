//! The dashboards: that they are complete, and which queries they make.

use regex::Regex;
use serde_json::Value;

use super::{folder, text};

/// A question that a dashboard asks Prometheus.
pub(super) struct Query {
    /// Of which dashboard and panel, variable or annotation it is.
    pub(super) name: String,
    /// The expression, with all variables put in as Grafana does for "All".
    pub(super) expression: String,
}

/// All dashboards, by their titles.
fn dashboards() -> Vec<(String, Value)> {
    let files = folder("deploy/grafana/dashboards");
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("readable");
        let board: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (board["title"].as_str().expect("a title").to_owned(), board)
    };
    files.iter().map(read).collect()
}

fn array<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The text at this place, which has to be there.
fn said<'v>(value: &'v Value, pointer: &str, what: &str) -> &'v str {
    let text = value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    assert!(!text.is_empty(), "{what} has no {pointer}");
    text
}

/// Every query of every panel, variable and annotation.
pub(super) fn queries() -> Vec<Query> {
    let label_values = Regex::new(r"^label_values\((.+), (\w+)\)$").expect("a pattern");
    let variable = Regex::new(r"\$(pipeline|component|service|sink)\b").expect("a pattern");
    let mut queries = Vec::new();
    let mut add = |name: String, expression: &str| {
        let expression = expression.replace("$__rate_interval", "1m");
        let expression = variable.replace_all(&expression, ".*").into_owned();
        assert!(!expression.contains('$'), "{name} has a variable that is not known: {expression}");
        queries.push(Query { name, expression });
    };
    for (title, board) in dashboards() {
        for panel in array(&board, "/panels") {
            for target in array(panel, "/targets") {
                let name = format!("{title} / {} / {}", said(panel, "/title", &title), said(target, "/refId", &title));
                add(name, said(target, "/expr", &title));
            }
        }
        for list in array(&board, "/templating/list").filter(|list| list["type"] == "query") {
            let query = said(list, "/query/query", &title);
            let values = label_values.captures(query).unwrap_or_else(|| panic!("{title}: {query}"));
            add(format!("{title} / variable {}", list["name"]), &format!("count by ({}) ({})", &values[2], &values[1]));
        }
        for annotation in array(&board, "/annotations/list") {
            // One shows where there is a value; that there is something to compare is what is asked here.
            let expression = said(annotation, "/expr", &title).replace(" > 0", "");
            add(format!("{title} / annotation {}", annotation["name"]), &expression);
        }
    }
    queries
}

#[test]
fn every_panel_says_what_it_shows() {
    let mut uids = Vec::new();
    for (title, board) in dashboards() {
        uids.push(said(&board, "/uid", &title).to_owned());
        let source = array(&board, "/templating/list").next().expect("a variable");
        assert!(source["type"] == "datasource" && source["name"] == "datasource", "{title}");
        let mut places: Vec<(u64, u64, u64, u64)> = Vec::new();
        for panel in array(&board, "/panels") {
            let name = format!("{title} / {}", said(panel, "/title", &title));
            said(panel, "/fieldConfig/defaults/unit", &name);
            assert!(said(panel, "/description", &name).ends_with('.'), "{name} is described in sentences");
            assert!(array(panel, "/targets").next().is_some(), "{name} asks nothing");
            for source in array(panel, "/targets").chain([panel]) {
                assert_eq!(said(source, "/datasource/uid", &name), "${datasource}");
            }
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
            let (x, y, right, below) = (place("x"), place("y"), place("x") + place("w"), place("y") + place("h"));
            assert!(right <= 24, "{name} is too wide");
            let free =
                |other: &(u64, u64, u64, u64)| x >= other.2 || right <= other.0 || y >= other.3 || below <= other.1;
            assert!(places.iter().all(free), "{name} covers another panel");
            places.push((x, y, right, below));
        }
        assert!(places.len() >= 8, "{title} is empty");
    }
    uids.sort();
    assert_eq!(uids, ["logd-delivery", "logd-overview", "logd-pipelines", "logd-services"]);
}

#[test]
fn objects_of_kibana_refer_to_one_another() {
    let objects: Vec<Value> =
        text("deploy/kibana/logd.ndjson").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(objects.len() >= 3);
    for object in &objects {
        let name = said(object, "/attributes/title", "an object");
        for reference in array(object, "/references") {
            let same = |key: &str, other: &Value| other[key] == reference[key];
            assert!(objects.iter().any(|other| same("id", other) && same("type", other)), "{name}: {reference}");
        }
        for path in ["searchSourceJSON", "panelsJSON"] {
            let inner = object.pointer(&format!("/attributes/{path}"));
            let inner = inner.or(object.pointer(&format!("/attributes/kibanaSavedObjectMeta/{path}")));
            let valid = |text: &str| serde_json::from_str::<Value>(text).is_ok();
            assert!(inner.and_then(Value::as_str).is_none_or(valid), "{name}: {path}");
        }
    }
}
