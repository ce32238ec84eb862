//! Who comes in where: every operation of the OpenAPI document asked without a token, with a wrong one, and with that of
//! somebody who may only look.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{COOKIE, Client, Reply};
use super::shop::{ADMIN, LOGS, Shop, VIEWER};

/// What somebody may do who may only look. All else is for admins.
const FOR_VIEWERS: [&str; 20] = [
    "GET /api/v1/anomalies",
    "GET /api/v1/anomalies/{id}",
    "GET /api/v1/auth/me",
    "GET /api/v1/incidents",
    "GET /api/v1/incidents/{id}",
    "GET /api/v1/logs",
    "GET /api/v1/logs/histogram",
    "GET /api/v1/logs/search",
    "GET /api/v1/metrics",
    "GET /api/v1/pipelines",
    "GET /api/v1/services",
    "GET /api/v1/services/{name}",
    "GET /api/v1/services/{name}/series",
    "GET /api/v1/stream",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/session",
    "POST /api/v1/auth/token",
    "POST /api/v1/incidents/{id}/ack",
    // These need no token at all.
    "GET /health",
    "GET /ready",
];

/// An operation.
struct Operation {
    method: String,
    path: String,
    /// Whether it is for everybody.
    is_open: bool,
    /// The statuses that the document names.
    statuses: BTreeSet<String>,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Asks for it, with names of nothing that exists.
    fn ask(&self, client: &Client, query: &str) -> Reply {
        let path = self.path.replace("{id}", "x").replace("{name}", "x").replace("{delivery}", "x");
        let client = client.with("content-type", "application/json");
        client.send(&self.method, &format!("{path}{query}"), b"{broken")
    }
}

fn operations(client: &Client) -> Vec<Operation> {
    let document = client.read("/api/openapi.json");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{document}");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let place = response["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
                let response = place.map_or(response, |place| document.pointer(place).expect("a response"));
                let text = response["description"].as_str();
                assert!(text.is_some_and(|text| !text.is_empty()), "{method} {path} {status} is not described");
            }
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                is_open: operation["security"] == json!([{}]),
                statuses: operation["responses"].as_object().expect("responses").keys().cloned().collect(),
            });
        }
    }
    assert!(found.len() >= 34, "only {} operations are described", found.len());
    found
}

#[test]
fn nobody_comes_in_without_a_token_and_no_viewer_where_admins_are() {
    let shop = Shop::open(LOGS, "rate_limit = 10_000\n");
    let nobody = shop.client();
    let token = nobody.ask_token(ADMIN.0, ADMIN.1).json()["access_token"].as_str().expect("a token").to_owned();
    let viewer = nobody.login(VIEWER);
    let mut refusals = BTreeSet::new();
    // Each stranger has an address of their own: who shows many wrong tokens has to wait.
    let mut addresses = (0..=u8::MAX).flat_map(|high| (1..u8::MAX).map(move |low| [127, 1, high, low]));
    for operation in operations(&nobody) {
        let name = operation.name();
        for status in ["400", "408", "413", "415", "429", "500", "503"] {
            assert!(operation.statuses.contains(status), "{name} may be answered {status} and does not say so");
        }
        if operation.is_open {
            assert!(
                ["/api/v1/auth/token", "/api/v1/auth/session"].contains(&operation.path.as_str()),
                "{name} is open"
            );
            continue;
        }
        for status in ["401", "403"] {
            assert!(operation.statuses.contains(status), "{name} may be answered {status} and does not say so");
        }
        for (client, query) in strangers(&nobody, &token) {
            let reply = operation.ask(&client.from(addresses.next().expect("enough")), &query);
            reply.is_problem(401, &name);
            assert!(reply.header("www-authenticate").is_some_and(|how| how.starts_with("Bearer")), "{name}: {reply}");
            refusals.insert(reply.text());
        }
        if !FOR_VIEWERS.contains(&name.as_str()) {
            operation.ask(&viewer, "").is_problem(403, &name);
        }
    }
    assert_eq!(refusals.len(), 1, "a refusal tells no reason: {refusals:?}");

    for path in ["/health", "/ready"] {
        let reply = nobody.get(path);
        assert_eq!(reply.status, 200, "{path}: {reply}");
        // A stranger learns no more than this.
        assert!(reply.json().as_object().is_some_and(|members| members.len() == 1), "{path}: {reply}");
    }
}

/// Those who have no token, or show it in a way that is not taken.
fn strangers(nobody: &Client, token: &str) -> Vec<(Client, String)> {
    let (head, signature) = token.rsplit_once('.').expect("a JWT");
    let payload = head.split_once('.').expect("a JWT").1;
    // {"alg":"none"}, {"alg":"nOnE","typ":"JWT"}
    let unsigned =
        ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJuT25FIiwidHlwIjoiSldUIn0"].map(|alg| format!("{alg}.{payload}."));
    let bearers = [
        String::new(),
        "x".to_owned(),
        head.to_owned(),
        format!("{head}."),
        format!("{token}="),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        "a".repeat(16 * 1024),
    ];
    let mut all = vec![
        (nobody.clone(), String::new()),
        (nobody.clone(), format!("?access_token={token}&token={token}")),
        (nobody.with("authorization", token), String::new()),
        (nobody.with("authorization", &format!("Basic {token}")), String::new()),
        (nobody.bearer(token).bearer(token), String::new()),
        (nobody.with("x-access-token", token).with("cookie", &format!("session={token}")), String::new()),
        (nobody.with("cookie", &format!("{COOKIE}=")), String::new()),
        // A wrong header is not helped by a right cookie.
        (nobody.bearer("x").with("cookie", &format!("{COOKIE}={token}")), String::new()),
    ];
    all.extend(bearers.iter().chain(&unsigned).map(|token| (nobody.bearer(token), String::new())));
    all
}

/// What admins do is in the audit log, with what came of it, and nobody else reads it.
#[test]
fn what_admins_do_is_noted() {
    let shop = Shop::open(LOGS, "");
    let root = shop.client().login(ADMIN);
    assert_eq!(shop.client().ask_token(VIEWER.0, "a wrong horse battery").status, 401);
    assert_eq!(root.send("POST", "/api/v1/reload", b"").status, 200);
    root.send("DELETE", &format!("/api/v1/silences/{}", "x".repeat(4000)), b"").is_problem(404, "a silence");
    let entries = root.get("/api/v1/audit").items();
    let told: Vec<_> = entries.iter().map(|one| ["who", "action", "outcome"].map(|name| one[name].clone())).collect();
    let expected = [
        ["root", "silence.remove", "refused"],
        ["root", "reload", "done"],
        ["viewer", "login", "the name or the password is wrong"],
        ["root", "login", "done"],
    ];
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told[..2], expected.map(Value::from)[..2], "{entries:?}");
        assert_eq!(told[2] == "done", expected[2] == "done", "{entries:?}");
    }
    assert!(entries[0]["target"].as_str().is_some_and(|target| target.len() <= 200), "{entries:?}");
    assert!(entries.iter().all(|entry| entry["peer"] == "127.0.0.1"), "{entries:?}");
}
