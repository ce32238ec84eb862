//! A real Alertmanager: an incident opens there and is over there.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use logd_sdk::Clock;
use serde_json::Value;

use super::{Place, USUAL, lines, logd, usual};
use crate::support::{DEADLINE, Running};

/// Debian's, from the package `prometheus-alertmanager`.
const PROGRAM: &str = "prometheus-alertmanager";

/// One that runs on ports of its own, for as long as this is kept.
struct Alertmanager {
    child: Child,
    port: u16,
}

impl Alertmanager {
    fn start(place: &Place) -> Self {
        let config = place.write("alertmanager.yml", "route: { receiver: none }\nreceivers: [{ name: none }]\n");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("a port is free").port();
        let log = std::fs::File::create(place.path("alertmanager.log")).expect("a log");
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", place.path("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM} can't be started (apt-get install {PROGRAM}): {error}"));
        let alertmanager = Self { child, port };
        const STEP: Duration = Duration::from_millis(20);
        let mut left = DEADLINE;
        while alertmanager.alerts().is_none() {
            let log = || std::fs::read_to_string(place.path("alertmanager.log")).unwrap_or_default();
            left = left.checked_sub(STEP).unwrap_or_else(|| panic!("{PROGRAM} does not answer:\n{}", log()));
            std::thread::sleep(STEP);
        }
        alertmanager
    }

    fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The alerts that are active, if it answers.
    fn alerts(&self) -> Option<Vec<Value>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"GET /api/v2/alerts?active=true HTTP/1.0\r\nhost: a\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        if !head.contains(" 200 ") {
            return None;
        }
        serde_json::from_str(body).ok()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_incident_is_an_alert_until_it_is_over() {
    let place = Place::new();
    let alertmanager = Alertmanager::start(&place);
    let now = Clock::system().now().as_micros() / 1_000_000;
    let start = now - USUAL - 20;
    let csv = place.write("latencies.csv", lines(start, usual(USUAL).chain([900; 5])));
    let mut command = logd(&place, "alertmanager", &alertmanager.uri());
    let mut running = Running::start(command.args(["--telemetry-address", "127.0.0.1:0"]));

    running.wait_for("an alert", |_| alertmanager.alerts().is_some_and(|alerts| !alerts.is_empty()));
    let alerts = alertmanager.alerts().expect("it answers");
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let labels = &alerts[0]["labels"];
    let expected = [("alertname", "high_latency"), ("detector", "latency"), ("service", "payment <service>")];
    for (label, value) in expected {
        assert_eq!(labels[label], value, "{labels}");
    }
    assert!(labels["incident_id"].as_str().is_some_and(|id| id.len() == 32), "{labels}");
    assert!(
        alerts[0]["annotations"]["summary"].as_str().is_some_and(|text| text.contains("usually 101")),
        "{alerts:#?}"
    );

    let mut file = OpenOptions::new().append(true).open(csv).expect("the log");
    file.write_all(lines(start + USUAL + 5, usual(10)).as_bytes()).expect("written");
    running.wait_for("the alert's end", |_| alertmanager.alerts().is_some_and(|alerts| alerts.is_empty()));
    running.signal("TERM");
    let (status, _, err) = running.end();
    assert!(status.success(), "{err}");
}
