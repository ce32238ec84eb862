//! The pictures of the docs. By hand: `cargo test --test logd dashboard::pictures -- --ignored`.

use std::path::{Path, PathBuf};

use super::looks::{resize, wear};
use super::shop::{ADMIN, Shop};
use super::visit::Visit;

/// No picture is larger, in bytes.
const LARGEST: usize = 150_000;

/// The demo. Its second incident comes later here, when the speed of the past is out of the figures.
#[test]
#[ignore = "writes into the docs"]
fn of_the_demo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let demo = std::fs::read_to_string(root.join("pipelines/demo.toml")).expect("the demo");
    let later = demo.replace("at = \"-20m\"", "at = \"110s\"");
    assert_ne!(later, demo, "the incident stands elsewhere");
    let visit = Visit::begin(Shop::with("demo", &later));
    let browser = &visit.browser;
    visit.sign_in(ADMIN);
    wear(&visit, "light");
    resize(&visit, 1280, 800, false);
    visit.go("#/overview?range=1h&tz=utc", "Overview");
    browser.wait("the end of the past", "Number(one('tile-lag').dataset.value) < 2");
    // Two waits, for each has its own deadline.
    browser.wait("half a minute of it", "Number(one('tile-throughput').dataset.value) < 20000");
    browser.wait("the figures of now", "Number(one('tile-throughput').dataset.value) < 1200");
    browser.wait("the minute before the incident", "Number(one('tile-anomalies').dataset.value) < 3");
    browser.wait("an open incident", "one('incident-row', '[data-service=auth-service][data-state=open]')");
    browser.wait("the alarm", "one('service-row', '[data-state=alarm]')");
    browser.press(".toast button");
    save(&visit, "dashboard-overview");
    wear(&visit, "dark");
    save(&visit, "dashboard-dark");
    wear(&visit, "light");
    resize(&visit, 390, 844, true);
    save(&visit, "dashboard-phone");
    resize(&visit, 1280, 960, false);

    visit.go("#/services/payment-service?range=1h", "payment-service");
    browser.wait("charts", "all('chart', ' canvas').length >= 4 && all('chart-anomaly').length >= 2");
    save(&visit, "dashboard-service");
    visit.go("#/incidents", "Incidents");
    let incident = browser.wait("the incident", "one('incident-row', '[data-service=payment-service]')?.hash");
    visit.go(incident.as_str().expect("an address"), "Latency");
    browser.wait("the incident", "one('chart', ' canvas') && one('chart-anomaly') && one('log-row')");
    save(&visit, "dashboard-incident");
    resize(&visit, 1280, 800, false);
    visit.go("#/logs?range=15m&q=bank", "Logs");
    browser.wait("logs", "one('log-row', ' mark') && one('chart', ' canvas')");
    save(&visit, "dashboard-logs");
    visit.go("#/pipelines", "Pipelines");
    browser.wait("the graph", "at('.graph .plate')");
    save(&visit, "dashboard-pipelines");
}

fn save(visit: &Visit, name: &str) {
    let picture = visit.browser.picture();
    assert!(picture.len() < LARGEST, "{name} has {} bytes", picture.len());
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "docs", &format!("{name}.png")].iter().collect();
    std::fs::write(path, picture).expect("the picture can be written");
}
