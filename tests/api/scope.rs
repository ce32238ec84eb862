//! Who may see one service sees nothing of the others: in no route, by no search, in no stream.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::Client;
use super::shop::{ADMIN, BOUND, LEAD, LOGS, SERVICE, Shop, WHOLE};
use crate::support::DEADLINE;

/// A service that is not theirs.
const OTHER: &str = "database";

fn names(page: &[Value], member: &str) -> Vec<String> {
    page.iter().map(|item| item[member].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn nothing_is_seen_of_other_services() {
    let mut shop = Shop::open(WHOLE, "rate_limit = 10_000\n");
    let root = shop.wait_for_all();
    let bound = shop.client().login(BOUND);
    let all = names(&root.get("/api/v1/services").items(), "service_name");
    let others: Vec<&String> = all.iter().filter(|name| *name != SERVICE).collect();
    assert_eq!(others.len(), 4, "{all:?}");
    let is_own = |text: &str, what: &str| {
        let seen: Vec<_> = others.iter().filter(|name| text.contains(name.as_str())).collect();
        assert!(seen.is_empty(), "{what} shows {seen:?}: {text}");
    };

    // Whatever is asked for, and however.
    let wide = "from=-1h&limit=1000";
    let searches =
        ["*", "message:*", "service:database", "NOT service:payment-service", "level:INFO OR service:web-api"];
    let searches = searches.map(|query| format!("/api/v1/logs/search?{wide}&q={}", query.replace(' ', "%20")));
    let filters = ["logs", "anomalies", "incidents"].map(|what| format!("/api/v1/{what}?{wide}&service={OTHER}"));
    let plain = ["services", "anomalies", "incidents", "logs"].map(|what| format!("/api/v1/{what}?{wide}"));
    for path in plain.iter().chain(&searches).chain(&filters) {
        let reply = bound.get(path);
        assert!(reply.status == 200 || reply.status == 400, "{path}: {reply}");
        is_own(&reply.text().replace(&format!("`{OTHER}`"), ""), path);
        if path.contains(&format!("service={OTHER}")) {
            assert!(reply.items().is_empty(), "{path}: {reply}");
        }
    }
    for what in ["services", "logs", "anomalies", "incidents"] {
        assert!(!bound.get(&format!("/api/v1/{what}?{wide}")).items().is_empty(), "their own {what} are there");
    }
    is_own(&bound.get("/api/v1/pipelines").text(), "pipelines");

    // Counts: those of their service alone.
    let own =
        |what: &str, of: &Client| of.read(&format!("/api/v1/services/{SERVICE}"))[what].as_u64().expect("a number");
    let total = |what: &str, of: &Client| of.read("/api/v1/metrics")[what].as_u64().expect("a number");
    let before = own("total_logs", &bound);
    let sum = total("total_logs", &bound);
    assert!(before <= sum && sum <= own("total_logs", &bound), "{before} {sum}");
    assert!(
        total("total_logs", &root) > sum && total("anomalies_detected", &root) > total("anomalies_detected", &bound)
    );
    let counted = |path: &str| {
        let totals = bound.read(path)["total"].as_array().expect("counts").clone();
        totals.iter().map(|count| count.as_u64().expect("a number")).sum::<u64>()
    };
    assert_eq!(counted(&format!("/api/v1/logs/histogram?from=-1h&service={OTHER}")), 0);
    assert_eq!(counted(&format!("/api/v1/logs/histogram?from=-1h&q=service:{OTHER}")), 0);
    assert!(counted("/api/v1/logs/histogram?from=-1h") > 0);

    the_names_of_others_open_nothing(&root, &bound);
    admins_of_one_service_have_nothing_of_the_others(&root, &shop.client());
    no_stream_shows_others(&bound, is_own);
}

/// What is not theirs is answered as what does not exist.
fn the_names_of_others_open_nothing(root: &Client, bound: &Client) {
    let id = |what: &str| {
        let all = root.get(&format!("/api/v1/{what}?service={OTHER}&from=-1h")).items();
        all[0]["id"].as_str().expect("an id").to_owned()
    };
    let (incident, anomaly) = (id("incidents"), id("anomalies"));
    for (there, nowhere) in [
        (format!("GET /api/v1/incidents/{incident}"), "GET /api/v1/incidents/x"),
        (format!("POST /api/v1/incidents/{incident}/ack"), "POST /api/v1/incidents/x/ack"),
        (format!("GET /api/v1/anomalies/{anomaly}"), "GET /api/v1/anomalies/x"),
        (format!("GET /api/v1/services/{OTHER}"), "GET /api/v1/services/x"),
        (format!("GET /api/v1/services/{OTHER}/series?metric=logs"), "GET /api/v1/services/x/series?metric=logs"),
    ] {
        let ask = |line: &str| {
            let (method, path) = line.split_once(' ').expect("a line");
            let reply = bound.send(method, path, b"");
            (reply.status, reply.text().replace(OTHER, "x"))
        };
        let (found, expected) = (ask(&there), ask(nowhere));
        if found.0 == 200 {
            let empty = |text: &str| {
                let series: Value = serde_json::from_str(text).expect("JSON");
                let values = series["value"].as_array().expect("values").clone();
                values.iter().all(|value| value.is_null() || value == &json!(0.0)) && series["anomalies"] == json!([])
            };
            assert!(empty(&found.1) && empty(&expected.1), "{there}: {found:?}");
        } else {
            assert_eq!(found, expected, "{there}");
        }
    }
    assert!(root.read(&format!("/api/v1/incidents/{incident}"))["acknowledged_by"].is_null());
}

/// An admin who sees one service does not see webhooks and silences of who sees more, and makes none that reach further.
fn admins_of_one_service_have_nothing_of_the_others(root: &Client, nobody: &Client) {
    let silence = json!({ "to": "2100-01-01T00:00:00Z", "comment": "planned" });
    let made = root.post("/api/v1/silences", &silence);
    assert_eq!(made.status, 201, "{made}");
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let bound = nobody.login(LEAD);
    assert!(bound.get("/api/v1/silences").items().is_empty());
    bound.send("DELETE", &format!("/api/v1/silences/{id}"), b"").is_problem(404, "the silence of another");
    assert_eq!(bound.post("/api/v1/silences", &silence).status, 201);
    root.send("DELETE", &format!("/api/v1/silences/{id}"), b"");
    let incident = |service: &str| root.get(&format!("/api/v1/incidents?service={service}")).items()[0].clone();
    assert_eq!(incident(SERVICE)["silenced"], true, "it holds for what its maker sees");
    assert_eq!(incident(OTHER)["silenced"], false, "and for nothing else");
}

fn no_stream_shows_others(bound: &Client, is_own: impl Fn(&str, &str)) {
    let told = |text: &str, event: &str| text.matches(&format!("event: {event}\n")).count();
    let deadline = Instant::now() + DEADLINE;
    for path in ["/api/v1/stream".to_owned(), format!("/api/v1/stream?service={OTHER}&topics=logs,metrics")] {
        // So long that other services have said something: they do a hundred times a second.
        let seen = bound.follow(&path, |text| Instant::now() > deadline || told(text, "metrics") >= 3);
        assert!(seen.contains("content-type: text/event-stream") && seen.contains("cache-control: no-store"), "{seen}");
        is_own(&seen.replace(&format!("service={OTHER}"), ""), &path);
        assert_eq!(told(&seen, "log") > 0, path == "/api/v1/stream", "{path}: {seen}");
    }
    // From the first event on: what is remembered is told to who may see it.
    let seen = bound.with("last-event-id", "1").follow("/api/v1/stream?topics=logs", |text| told(text, "log") >= 20);
    is_own(&seen, "what was missed");
}

#[test]
fn nothing_is_seen_of_other_pipelines() {
    let mut shop = Shop::open(LOGS, "users.east = { password = \"a fifth horse battery\", pipelines = [\"east\"] }\n");
    shop.place.write("pipelines/east.toml", LOGS.replace("rate = 100", "rate = 10"));
    let root = shop.client().login(ADMIN);
    let known = |client: &Client| {
        let shown = client.read("/api/v1/pipelines");
        names(shown["pipelines"].as_array().expect("pipelines"), "id")
    };
    shop.wait_for("the second pipeline", || known(&root) == ["east", "shop"]);
    let east = shop.client().login(("east", "a fifth horse battery"));
    shop.wait_for("logs of it", || east.read("/api/v1/metrics")["total_logs"].as_u64() > Some(100));
    assert_eq!(known(&east), ["east"]);
    shop.place.write("pipelines/west.toml", "[sources.secret_name]\ntype = \"nothing\"\n");
    shop.wait_for("the broken pipeline", || known(&root).contains(&"west".to_owned()));
    let shown = east.get("/api/v1/pipelines").text();
    assert!(!shown.contains("west") && !shown.contains("secret_name") && !shown.contains("shop"), "{shown}");

    let (own, all) =
        (|client: &Client| client.read("/api/v1/metrics")["total_logs"].as_u64(), "/api/v1/logs?limit=1000");
    assert!(own(&east) < own(&root));
    for (path, member) in [(all, "pipeline"), ("/api/v1/logs/search?q=pipeline:shop&limit=1000", "pipeline")] {
        assert!(names(&east.get(path).items(), member).iter().all(|name| name == "east"), "{path}");
    }
    shop.wait_for("logs to be found", || !east.get(all).items().is_empty());
    let told = |text: &str| text.matches("event: log\n").count();
    let seen = east.follow("/api/v1/stream?topics=logs", |text| told(text) >= 10);
    assert!(!seen.contains("\"pipeline\":\"shop\""), "{seen}");
    assert!(shop.logd.runs());
}
