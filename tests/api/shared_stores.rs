//! Two daemons that write to one Elasticsearch and count in one Redis: each shows the logs and totals of both, to those who
//! may see them, and says so when one of these services is away.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::shop::{ADMIN, BOUND, SERVICE, Shop};
use crate::support::services::Service;

/// A user who may see what one pipeline knows.
const EAST: (&str, &str) = ("east", "a fifth horse battery");

/// The service of the other daemon, which `BOUND` may not see.
const OTHER: &str = "database";

const PIPELINE: &str = r#"
[sources.logs]
type = "file"
include = ["in.jsonl"]

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"

[sinks.search]
type = "elasticsearch"
inputs = ["parsed"]
endpoints = ["http://127.0.0.1:ES"]
template.name = "logs"
batch.timeout = "100ms"

[sinks.totals]
type = "redis"
inputs = ["parsed"]
endpoint = "redis://127.0.0.1:REDIS"
data_type = "hash"
key = "metrics"
hash.set.last_batch_time = "{{ timestamp }}"
hash.add.total_logs = { fn = "count" }
hash.add.error_logs = { fn = "count", where = '.level == "ERROR"' }

[sinks.service_totals]
type = "redis"
inputs = ["parsed"]
endpoint = "redis://127.0.0.1:REDIS"
data_type = "hash"
key = "service:{{ service }}"
hash.set.avg_response_time = "{{ response_time_ms }}"
hash.add.total_logs = { fn = "count" }
hash.add.error_logs = { fn = "count", where = '.level == "ERROR"' }

[sinks.api]
type = "api"
logs = ["parsed"]
"#;

/// Where what is shared is.
struct Shared {
    elasticsearch: Service,
    redis: Service,
}

impl Shared {
    /// A daemon with so many logs of a service of its own, the first of which is an error.
    fn daemon(&self, service: &str, count: usize) -> Shop {
        let pipeline = PIPELINE.replace("ES", self.elasticsearch.port()).replace("REDIS", self.redis.port());
        let shop = Shop::open(&pipeline, &self.settings());
        let log = |number: usize| {
            let level = if number == 0 { "ERROR" } else { "INFO" };
            let log = json!({ "timestamp": format!("2026-11-23T14:03:1{number}.000Z"), "service": service, "level": level,
                "message": format!("order {number} of {service}"), "response_time_ms": 20 + number });
            format!("{log}\n")
        };
        shop.place.write("in.jsonl", (0..count).map(log).collect::<String>());
        shop
    }

    fn settings(&self) -> String {
        format!(
            "rate_limit = 10_000\n\
             logs = {{ from = \"elasticsearch\", endpoints = [\"http://127.0.0.1:{}\"] }}\n\
             metrics = {{ from = \"redis\", endpoint = \"redis://127.0.0.1:{}\" }}\n\
             users.east = {{ password = \"{}\", pipelines = [\"shop\"] }}\n",
            self.elasticsearch.port(),
            self.redis.port(),
            EAST.1
        )
    }
}

fn services(logs: &Reply) -> BTreeSet<String> {
    logs.items().iter().map(|log| log["service"].as_str().expect("a text").to_owned()).collect()
}

fn both() -> BTreeSet<String> {
    BTreeSet::from([SERVICE, OTHER].map(str::to_owned))
}

#[test]
fn two_daemons_show_one_picture() {
    let shared = Shared { elasticsearch: Service::start("elasticsearch"), redis: Service::start("redis") };
    let mut shops = [shared.daemon(SERVICE, 3), shared.daemon(OTHER, 2)];
    for shop in &mut shops {
        let root = shop.client().login(ADMIN);
        shop.wait_for("the totals of both", || root.read("/api/v1/metrics")["total_logs"] == 5);
        shop.wait_for("the logs of both", || root.get("/api/v1/logs").items().len() == 5);
        all_of_both_is_seen(&root);
        nothing_of_the_other_is_seen(&shop.client().login(BOUND));
    }
    let [shop, mut other] = shops;
    who_is_bound_to_a_pipeline_sees_the_archive(&shop.client().login(EAST));

    // Back to its own, while it runs.
    other.edit("rate_limit = 10_000\n");
    let root = other.client().login(ADMIN);
    other.wait_for("its own totals", || root.read("/api/v1/metrics")["total_logs"] == 2);
    assert_eq!(services(&root.get("/api/v1/logs")), BTreeSet::from([OTHER.to_owned()]));

    shared.redis.kill();
    let (root, east) = (shop.client().login(ADMIN), shop.client().login(EAST));
    for path in ["/api/v1/metrics", "/api/v1/services", "/api/v1/services/database"] {
        is_away(&root.get(path), "Redis");
        assert_eq!(east.get("/api/v1/metrics").status, 200, "the archive is not away");
    }
    assert_eq!(root.get("/api/v1/logs").items().len(), 5);
    shared.elasticsearch.kill();
    for path in ["/api/v1/logs", "/api/v1/logs/search?q=order", "/api/v1/logs/histogram"] {
        is_away(&root.get(path), "Elasticsearch");
    }
    assert_eq!(root.get("/api/v1/incidents").status, 200, "they are in the archive");
}

fn is_away(reply: &Reply, who: &str) {
    reply.is_problem(503, who);
    assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{reply}");
    assert!(reply.text().contains(who), "{reply}");
}

fn all_of_both_is_seen(root: &Client) {
    let metrics = root.read("/api/v1/metrics");
    assert_eq!((&metrics["error_logs"], &metrics["error_rate"]), (&json!(2), &json!(40.0)), "{metrics}");
    assert!(metrics["last_update"].as_str().is_some_and(|time| time.starts_with("2026-11-23T14:03:1")), "{metrics}");
    let figures = root.get("/api/v1/services").items();
    let of = |service: &Value| {
        (service["service_name"].clone(), service["total_logs"].clone(), service["error_logs"].clone())
    };
    let expected = [(json!(OTHER), json!(2), json!(1)), (json!(SERVICE), json!(3), json!(1))];
    assert_eq!(figures.iter().map(of).collect::<Vec<_>>(), expected);
    assert_eq!((&figures[1]["error_rate"], &figures[1]["state"]), (&json!(100.0 / 3.0), &json!("ok")));
    assert_eq!(root.read("/api/v1/services/database")["avg_response_time"], 21.0);
    root.get("/api/v1/services/nobody").is_problem(404, "a service that nobody knows");

    assert_eq!(services(&root.get("/api/v1/logs")), both());
    let first = root.read("/api/v1/logs?limit=2");
    let second =
        root.read(&format!("/api/v1/logs?limit=3&cursor={}", first["next_cursor"].as_str().expect("a cursor")));
    assert_eq!((&second["items"].as_array().map(Vec::len), &second["next_cursor"]), (&Some(3), &Value::Null));
    root.get("/api/v1/logs?cursor=x").is_problem(400, "a cursor of nobody");
    let found = root.get("/api/v1/logs/search?q=%22order%200%22&level=error").items();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["highlights"][0], json!({ "text": "order 0", "marked": true }));
    root.get("/api/v1/logs/search?q=(order").is_problem(400, "a query that can't be read");
    let counts = root.read("/api/v1/logs/histogram?from=2026-11-23T14:03:00Z&to=2026-11-23T14:04:00Z&step=30s");
    assert_eq!((&counts["total"], &counts["errors"]), (&json!([5, 0]), &json!([2, 0])), "{counts}");
    let seen = root.follow("/api/v1/stream?topics=metrics", |text| text.contains("event: metrics\n"));
    assert!(seen.contains("\"total_logs\":5,"), "{seen}");
}

fn nothing_of_the_other_is_seen(bound: &Client) {
    assert_eq!(bound.read("/api/v1/metrics")["total_logs"], 3);
    let figures = bound.get("/api/v1/services").items();
    assert_eq!((figures.len(), &figures[0]["service_name"]), (1, &json!(SERVICE)));
    bound.get("/api/v1/services/database").is_problem(404, "a service of the other");
    let own = BTreeSet::from([SERVICE.to_owned()]);
    assert_eq!(services(&bound.get("/api/v1/logs")), own);
    assert!(bound.get("/api/v1/logs?service=database").items().is_empty());
    for query in [
        "*",
        "order",
        "service:database",
        "order OR service:database",
        "NOT service:payment-service",
        "x\") OR service:database OR (\"",
        "order\"}}]}},\"query\":{\"match_all\":{}},\"x\":{\"y\":[{\"z\":{\"a\":\"",
        "_index:logs OR _exists_:service",
    ] {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let reply = bound.get(&format!("/api/v1/logs/search?q={encoded}"));
        match reply.status {
            400 => reply.is_problem(400, query),
            _ => assert!(services(&reply).is_subset(&own), "{query}: {reply}"),
        }
        let path = format!("/api/v1/logs/histogram?from=2026-11-23T14:03:00Z&to=2026-11-23T14:04:00Z&q={encoded}");
        let counted = bound.get(&path);
        if counted.status == 200 {
            let total = counted.json()["total"].as_array().expect("counts").clone();
            assert!(total.iter().filter_map(Value::as_u64).sum::<u64>() <= 3, "{query}: {counted}");
        }
    }
    let seen = bound.follow("/api/v1/stream?topics=metrics", |text| text.contains("event: metrics\n"));
    assert!(seen.contains("\"total_logs\":3,"), "{seen}");
}

/// What is shared knows of no pipeline.
fn who_is_bound_to_a_pipeline_sees_the_archive(east: &Client) {
    assert_eq!(east.read("/api/v1/metrics")["total_logs"], 3);
    let logs = east.get("/api/v1/logs");
    assert_eq!((logs.items().len(), services(&logs)), (3, BTreeSet::from([SERVICE.to_owned()])));
    assert_eq!(logs.items()[0]["pipeline"], "shop");
    let figures = east.get("/api/v1/services").items();
    assert_eq!((figures.len(), &figures[0]["service_name"]), (1, &json!(SERVICE)));
}
