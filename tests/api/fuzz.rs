//! Every operation of the OpenAPI document, tried by schemathesis with what it may be sent and with what it may not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::client::Client;
use super::shop::{ADMIN, SERVICE, Shop, WHOLE};
use crate::support::server::Server;

/// What is not looked at. `positive_data_acceptance`: what a query for logs, a time, a cursor or a URL may be is more than
/// a schema can say; that wrong ones are told so is tested beside this. `ignored_auth`: who shows one wrong token after the
/// other is answered 429, where it wants 401; which tokens are taken is tested in `doors`.
const WITHOUT: &str = "positive_data_acceptance,ignored_auth";

/// Cases of each operation.
const CASES: &str = "30";

/// How often each operation was answered how.
type Answers = BTreeMap<(String, String), BTreeMap<u64, usize>>;

#[test]
fn every_operation_is_as_its_document_says() {
    // Names in this machine's own net: no call of a webhook leaves it.
    let mut shop = Shop::open(WHOLE, "rate_limit = 1_000_000\nwebhooks.allow = [\"127.0.0.0/8\"]\n");
    let root = shop.wait_for_all();
    let receiver = Server::start(|_| Some(204));
    let id = |path: &str| root.get(path).items()[0]["id"].as_str().expect("an id").to_owned();
    let known = [
        ("LOGD_RECEIVER", format!("http://{}/", receiver.address())),
        ("LOGD_INCIDENT", id("/api/v1/incidents")),
        ("LOGD_ANOMALY", id("/api/v1/anomalies")),
    ];
    let document = root.read("/api/openapi.json");

    // A stream does not end, and a logout ends what the others need: that one comes last, by itself.
    let others = ["--exclude-path", "/api/v1/stream", "--exclude-path", "/api/v1/auth/logout"];
    let mut answers = fuzz(&shop, &known, &others);
    answers.extend(fuzz(&shop, &known, &["--include-path", "/api/v1/auth/logout"]));

    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys().filter(|_| path != "/api/v1/stream") {
            let found = answers.get(&(method.to_uppercase(), path.clone()));
            let reached = found.is_some_and(|found| found.keys().any(|status| (200..300).contains(status)));
            assert!(reached, "{method} {path} was never done: {found:?}");
        }
    }
    assert!(shop.logd.runs());
    let log = shop.logd.err();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

/// Tries operations with a token of their own; fails with what schemathesis says.
fn fuzz(shop: &Shop, known: &[(&str, String)], which: &[&str]) -> Answers {
    let client = Client::new(&shop.address);
    let token = client.ask_token(ADMIN.0, ADMIN.1).json()["access_token"].as_str().expect("a token").to_owned();
    let report = shop.place.path("report.ndjson");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/fuzz/run.sh");
    let mut command = Command::new(script);
    command.arg(format!("http://{}", shop.address)).arg(token).args(which);
    command.args(["--seed", "1", "--generation-deterministic"]);
    command.args(["--max-examples", CASES, "--exclude-checks", WITHOUT, "--continue-on-failure"]);
    command.args(["--request-timeout", "30", "--warnings", "off", "--no-color", "--report", "ndjson"]);
    command.arg("--report-ndjson-path").arg(&report);
    command.env("LOGD_USER", ADMIN.0).env("LOGD_PASSWORD", ADMIN.1).env("LOGD_SERVICE", SERVICE);
    command.envs(known.iter().map(|(name, value)| (name, value)));
    let output = command.current_dir(shop.place.path("")).stdin(Stdio::null()).output().expect("bash runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    read(&std::fs::read_to_string(report).expect("a report"))
}

/// What its report says of answers.
fn read(report: &str) -> Answers {
    let mut answers = Answers::new();
    for line in report.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let recorder = &event["ScenarioFinished"]["recorder"];
        for (id, interaction) in recorder["interactions"].as_object().into_iter().flatten() {
            let case = &recorder["cases"][id]["value"];
            let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
            if let Some(status) = interaction["response"]["status_code"].as_u64() {
                *answers.entry((text("method"), text("path"))).or_default().entry(status).or_default() += 1;
            }
        }
    }
    answers
}
