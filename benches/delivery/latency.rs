//! How soon an alarm is there: a generator writes to Kafka, logd reads it back, and incidents of many keys open and end
//! all the time, since the detector's threshold is far too low. Each change of one is a call.

use std::thread;
use std::time::Duration;

use logd_sdk::Time;
use serde_json::Value;

use crate::bench::Bench;
use crate::receiver::{Call, Receiver};
use crate::support::measure::{Process, now};
use crate::support::pipeline::PARSE;
use crate::table::Row;

/// How long logs come.
const SPAN: Duration = Duration::from_secs(30);
/// How late logs may be, where they may.
const LATENESS: Duration = Duration::from_secs(2);
/// How soon after its window and the lateness an alarm must be there.
const AFTER_WINDOW: Duration = Duration::from_secs(1);
/// How soon after the log line an alarm must be there.
const AFTER_LINE: Duration = Duration::from_secs(2);

const GENERATOR: &str = r#"
[sources.generator]
type = "generator"
rate = 2000

[sinks.kafka]
type = "kafka"
inputs = ["generator"]
bootstrap_servers = "BROKERS"
topic = "alarms"
"#;

const ALARMS: &str = r#"
[transforms.NAME]
type = "window"
inputs = ["parsed"]
size = "1s"
group_by = ["service", "endpoint", "level"]
allowed_lateness = "LATENESS"
aggregates = { latency = { fn = "mean", field = "response_time_ms" } }

[transforms.NAME_latency]
type = "zscore"
inputs = ["NAME"]
field = "latency"
group_by = ["service", "endpoint", "level"]
threshold = 1.5
baseline.min_samples = 3
resolve_after = "1s"
cooldown = "1s"

[sinks.NAME_alarms]
type = "webhook"
inputs = ["NAME_latency.anomalies"]
uri = "URI/NAME"
"#;

/// Prints the rows.
pub(crate) fn run(bench: &Bench) {
    let receiver = Receiver::start();
    let alarms = |name: &str, lateness: Duration| {
        let text = ALARMS.replace("NAME", name).replace("LATENESS", &format!("{lateness:?}"));
        text.replace("URI", &receiver.uri)
    };
    let pipeline: [&str; 5] = [
        &GENERATOR.replace("BROKERS", bench.kafka()),
        &bench.source("alarms"),
        PARSE,
        &alarms("patient", LATENESS),
        &alarms("prompt", Duration::ZERO),
    ];
    let process = Process::start(&mut bench.run(&pipeline.concat()));
    let start = now();
    thread::sleep(SPAN);
    // What is still under way does not count: it was not held up by more than the stop.
    let calls = receiver.take();
    process.ask_to_stop();
    process.finished(start);
    let waits = |path: &str, since: fn(&Window) -> Time| {
        let calls = calls.iter().filter(|call| call.path == path);
        calls.map(|call| call.at.since(since(&Window::of(call)))).collect::<Vec<_>>()
    };
    let row = |what: &str, waits: &[Duration], most: Duration| {
        let path = "generator → Kafka → window → zscore → webhook";
        Row::new(format!("{path}: {} alarms, {what}", waits.len())).within(waits, most).print();
    };
    let patient: Vec<_> = waits("/patient", |window| window.end.after(LATENESS));
    row("after the window's end and the lateness", &patient, AFTER_WINDOW);
    row("after the begin of a \"1s\" window without lateness", &waits("/prompt", |window| window.start), AFTER_LINE);
}

/// The window that an alarm is of.
struct Window {
    start: Time,
    end: Time,
}

impl Window {
    fn of(call: &Call) -> Self {
        let alarm: Value = serde_json::from_slice(&call.body).expect("an alarm in JSON");
        let time = |field: &str| alarm["window"][field].as_str().and_then(|text| Time::parse_rfc3339(text.as_bytes()));
        Self { start: time("start").expect("a begin"), end: time("end").expect("an end") }
    }
}
