//! What the tests of `detect` share: a small workload, and a driver that does what the daemon does.

mod settings;
mod speed;
mod time;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::component::KeyedSettings;
use logd_sdk::condition::{Condition, Conditions, Reads};
use logd_sdk::contract;
use logd_sdk::keyed::{Floor, Keyed, Shard as _, Step, shard_of};
use logd_sdk::settings::Fault;
use logd_sdk::{Batch, Block, Body, Clock, Columns, Context, Outputs, Partition, Port, Row, Time};
use serde_json::Value;
use vrl::path::OwnedValuePath;

use super::DetectSettings;
use super::operator::{Detect, Part};
use super::shard::Shard;

/// Conditions that are the name of a field, which must be true.
struct Flags;

impl Conditions for Flags {
    fn compile(&self, source: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        match source {
            "failed" | "deployed" => {
                let reads = Reads::Fields(vec![OwnedValuePath::single_field(source)]);
                Ok(Arc::new(Flag(reads, source.to_owned())))
            }
            _ => Err(vec![Fault::new("no such field")]),
        }
    }
}

/// Whether a field is true.
struct Flag(Reads, String);

impl Condition for Flag {
    fn reads(&self) -> &Reads {
        &self.0
    }

    fn test(&self, batch: &Batch, answers: &mut Vec<bool>) -> u64 {
        let column = batch.columns().find(&OwnedValuePath::single_field(self.1.as_str()));
        let is_true =
            |row| column.is_some_and(|column| matches!(batch.field(row, column), logd_sdk::Field::Boolean(true)));
        answers.extend((0..batch.len()).map(is_true));
        0
    }
}

fn context() -> Context {
    Context {
        clock: Clock::fixed(Time::EPOCH),
        conditions: Arc::new(Flags),
        once: true,
        ..contract::context("test", "health", "transform", "detect")
    }
}

/// An event of a service, in seconds.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) second: i64,
    pub(super) service: &'static str,
    pub(super) latency: f64,
    pub(super) failed: bool,
}

/// What goes on for half a day, at 20 events a minute each: `web` becomes three times as slow in its fifth hour, and a
/// minute later half of what `api` is asked fails; `calm` does nothing.
fn workload() -> Vec<Event> {
    let mut events = Vec::new();
    for second in (0..6 * 3600).step_by(3) {
        let noise = |salt: i64| ((second * 7919 + salt * 104_729) % 997) as f64 / 997.0;
        let wrong = |from: i64| (5 * 3600 + from..5 * 3600 + from + 600).contains(&second);
        for (salt, service) in [(1, "web"), (2, "api"), (3, "calm")] {
            let slower = if service == "web" && wrong(0) { 3.0 } else { 1.0 };
            let failed = noise(salt + 10) < if service == "api" && wrong(60) { 0.5 } else { 0.01 };
            events.push(Event { second, service, latency: slower * (80.0 + 60.0 * noise(salt)), failed });
        }
    }
    events
}

pub(super) fn batch(events: &[Event]) -> Batch {
    let json = |event: &Event| {
        let Event { second, service, latency, failed } = event;
        (*second, format!(r#"{{"service":"{service}","response_time_ms":{latency},"failed":{failed}}}"#))
    };
    batch_of(&events.iter().map(json).collect::<Vec<_>>())
}

/// A batch of JSON documents with their times in seconds.
fn batch_of(events: &[(i64, String)]) -> Batch {
    let mut bytes = String::new();
    let rows = events.iter().zip(0..).map(|((second, json), position)| {
        let start = bytes.len() as u32;
        bytes += json;
        let time = Time::from_micros(second * 1_000_000);
        Row { body: Body::Json, ..Row::line(start, bytes.len() as u32, position, time) }
    });
    let rows = rows.collect();
    let mut batch = Batch::new(Block::new(Bytes::from(bytes), Partition::new("test/source", "0")), rows);
    batch.note_times();
    batch.require(&columns());
    batch
}

/// What is read of an event.
fn columns() -> Arc<Columns> {
    Columns::new(
        ["service", "response_time_ms", "failed", "deployed", "count", "error_rate"].map(OwnedValuePath::single_field),
    )
}

const SETTINGS: &str = "group_by = ['service']\nfields.latency = 'response_time_ms'\nfields.error = 'failed'";

/// Runs a detector as the daemon does.
struct Driver {
    detect: Detect,
    shards: Vec<Shard>,
    greatest: Time,
    emitted: Time,
    /// The snapshot: states by key.
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    anomalies: Vec<Value>,
    scores: Vec<String>,
    passed: usize,
    late: usize,
    errors: BTreeMap<&'static str, u64>,
}

impl Driver {
    fn new(toml: &str, shards: usize) -> Self {
        let settings: DetectSettings = toml::from_str(toml).expect("settings");
        let detect = settings.build(&context()).expect("built");
        Self {
            shards: (0..shards).map(|_| detect.shard()).collect(),
            detect,
            greatest: Time::MIN,
            emitted: Time::MIN,
            store: BTreeMap::new(),
            anomalies: Vec::new(),
            scores: Vec::new(),
            passed: 0,
            late: 0,
            errors: BTreeMap::new(),
        }
    }

    fn send(&mut self, events: &[Event]) {
        self.take(batch(events));
    }

    fn send_json(&mut self, events: &[(i64, String)]) {
        self.take(batch_of(events));
    }

    fn take(&mut self, batch: Batch) {
        let timing = self.detect.timing().expect("it has to do with time");
        let closed = self.emitted.max(self.greatest.before(timing.allowed_lateness));
        let split = self.detect.split(&batch, &[Floor { closed, ahead: Time::MAX }], self.shards.len());
        self.late += split.late.len();
        self.greatest = batch.rows().iter().map(|row| row.time).fold(self.greatest, Time::max);
        self.emitted = self.emitted.max(self.greatest.before(timing.allowed_lateness));
        self.step(Some(&Arc::new(batch)), split.parts);
    }

    fn step(&mut self, batch: Option<&Arc<Batch>>, parts: Vec<Option<Part>>) {
        let steps = self.shards.iter_mut().zip(parts);
        let yields = steps.map(|(shard, part)| shard.step(part, self.emitted)).collect();
        let partition = Partition::new("test/health", "");
        let mut out = Outputs::default();
        self.detect.gather(Step { batch, yields, watermark: self.emitted, partition: &partition }, &mut out);
        for (kind, count) in out.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        for (port, batch) in out.sent {
            let values = || (0..batch.len()).map(|row| serde_json::to_value(batch.value(row)).expect("JSON"));
            match port {
                Port::MAIN => self.passed += batch.len(),
                Port(1) => self.anomalies.extend(values()),
                _ => self.scores.extend((0..batch.len()).map(|row| {
                    format!("{} {}", serde_json::to_string(&batch.value(row)).expect("JSON"), batch.id(row))
                })),
            }
        }
    }

    /// Nothing comes, and time goes on by so many seconds.
    fn wait(&mut self, seconds: i64) {
        self.emitted = Time::from_micros(self.emitted.as_micros() + seconds * 1_000_000);
        let none = self.shards.iter().map(|_| None).collect();
        self.step(None, none);
    }

    fn end(&mut self) {
        self.emitted = Time::MAX;
        let none = self.shards.iter().map(|_| None).collect();
        self.step(None, none);
    }

    /// Puts all away and starts again from the snapshot, with another number of shards.
    fn restart(&mut self, shards: usize) {
        for shard in &mut self.shards {
            shard.save(&mut |key, state| match state {
                Some(state) => drop(self.store.insert(key.to_vec(), state)),
                None => assert!(self.store.remove(key).is_some(), "only what was saved can be gone"),
            });
        }
        self.shards = (0..shards).map(|_| self.detect.shard()).collect();
        for (key, state) in &self.store {
            self.shards[shard_of(Shard::owner(key), shards)].load(key, state).expect("loaded");
        }
    }

    /// A field of all anomalies, as text.
    fn fields(&self, pointer: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.anomalies.iter().map(|anomaly| anomaly.pointer(pointer).map(text).unwrap_or_default()).collect()
    }
}
