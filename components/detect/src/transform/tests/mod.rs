//! What the tests of the transforms share: windows, events, and a driver that does what the daemon does.

mod classic;
mod events;
mod keys;
mod meters;
mod novelty;
mod property;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::component::{Component, Kind};
use logd_sdk::condition::Reads;
use logd_sdk::contract::{self, NoConditions};
use logd_sdk::erased::{AnyKeyed, AnyShard};
use logd_sdk::keyed::{Floor, Step, shard_of};
use logd_sdk::settings::Fault;
use logd_sdk::{Batch, Block, Body, Clock, Columns, Context, Outputs, Partition, Plan, Port, Row, Slot, Time};
use serde_json::Value as Json;
use toml::de::DeTable;
use vrl::path::parse_value_path;

use crate::COMPONENTS;

fn component(name: &str) -> &'static Component {
    let found = COMPONENTS.iter().find(|component| component.name == name && component.kind == Kind::Transform);
    found.expect("it is listed")
}

fn plan(name: &str, toml: &str) -> Plan {
    (component(name).parse)(DeTable::parse(toml).expect("TOML")).expect("settings")
}

fn context(id: &str, component_type: &'static str, clock: Clock) -> Context {
    Context { clock, once: true, ..contract::context("demo", id, "transform", component_type) }
}

/// Runs a detector as the daemon does.
struct Driver {
    keyed: Arc<dyn AnyKeyed>,
    shards: Vec<Box<dyn AnyShard>>,
    reads: Arc<Columns>,
    clock: Clock,
    /// The snapshot: states by key.
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What has left by `anomalies`, and by `scores`.
    anomalies: Vec<Json>,
    scores: Vec<Json>,
    /// The identities of both, in order.
    ids: Vec<String>,
    errors: BTreeMap<&'static str, u64>,
}

impl Driver {
    fn new(name: &'static str, toml: &str, shards: usize) -> Self {
        let Plan::Keyed(plan) = plan(name, toml) else { panic!("it has state") };
        let Reads::Fields(reads) = plan.reads(&NoConditions) else { panic!("it names its fields") };
        let clock = Clock::fixed(Time::EPOCH);
        let id = if name == "zscore" { "latency" } else { "errors" };
        let keyed = plan.build(&context(id, name, clock.clone())).expect("built");
        Self {
            shards: (0..shards).map(|_| keyed.shard()).collect(),
            keyed,
            reads: Columns::new(reads),
            clock,
            store: BTreeMap::new(),
            anomalies: Vec::new(),
            scores: Vec::new(),
            ids: Vec::new(),
            errors: BTreeMap::new(),
        }
    }

    /// Feeds a batch, and finds it unchanged at the other end.
    fn feed(&mut self, mut batch: Batch) -> &mut Self {
        batch.require(&self.reads);
        let batch = Arc::new(batch);
        let floors = vec![Floor { closed: Time::MIN, ahead: Time::MAX }; batch.blocks().len()];
        let split = self.keyed.split(&batch, &floors, self.shards.len());
        assert_eq!((split.late.len(), split.absorbed), (0, 0), "all is passed through");
        assert!(split.least_end.iter().all(|&end| end == Time::MAX), "never split again");
        let parts = split.parts.into_iter().zip(&mut self.shards);
        let yields = parts.map(|(part, shard)| shard.step(part, Time::MIN).expect("its own part")).collect();
        let partition = Partition::new("demo/detector", "");
        let mut out = Outputs::default();
        let step = Step { batch: Some(&batch), yields, watermark: Time::MIN, partition: &partition };
        self.keyed.gather(step, &mut out).expect("its own yields");
        let (port, through) = &out.sent[0];
        assert!(*port == Port::MAIN && Arc::ptr_eq(through, &batch), "the batch leaves as it came");
        self.take(out, 1);
        self
    }

    /// The input ends: whatever that brings.
    fn end(&mut self) {
        let yields = self.shards.iter_mut().map(|shard| shard.step(None, Time::MAX).expect("no part")).collect();
        let partition = Partition::new("demo/detector", "");
        let mut out = Outputs::default();
        let step = Step { batch: None, yields, watermark: Time::MAX, partition: &partition };
        self.keyed.gather(step, &mut out).expect("its own yields");
        self.take(out, 0);
    }

    fn take(&mut self, out: Outputs, passed: usize) {
        let mut made = 0;
        for (port, batch) in &out.sent[passed..] {
            made += batch.len() as u64;
            assert_eq!(batch.blocks()[0].greatest, batch.rows().iter().map(|row| row.time).max().unwrap());
            for row in 0..batch.len() {
                let json = serde_json::to_value(batch.value(row)).unwrap();
                assert_eq!(json["timestamp"], time_text(batch.rows()[row].time));
                self.ids.push(batch.id(row).to_string());
                if *port == Port(1) { &mut self.anomalies } else { &mut self.scores }.push(json);
            }
        }
        assert_eq!(out.made, made, "what is derived is counted as made");
        assert!(out.dead.is_empty() && out.late.is_empty() && out.discarded.is_empty() && out.absorbed == 0);
        for (kind, count) in out.errors {
            *self.errors.entry(kind).or_default() += count;
        }
    }

    /// Takes a snapshot, and goes on from it with so many shards.
    fn restart(&mut self, shards: usize) {
        self.save();
        self.shards = (0..shards).map(|_| self.keyed.shard()).collect();
        for (key, state) in &self.store {
            self.shards[shard_of(key, shards)].load(key, state).expect("loaded");
        }
    }

    fn save(&mut self) -> usize {
        let mut saved = 0;
        for shard in &mut self.shards {
            shard.save(&mut |key, state| {
                saved += 1;
                match state {
                    Some(state) => drop(self.store.insert(key.to_vec(), state)),
                    None => assert!(self.store.remove(key).is_some(), "only what was saved has to be taken back"),
                }
            });
        }
        saved
    }

    /// What happened when, in seconds: state, reason and key of each anomaly.
    fn told(&self) -> Vec<(i64, String)> {
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let told = self.anomalies.iter().map(|anomaly| {
            let at = Time::parse_rfc3339(text(&anomaly["timestamp"]).as_bytes()).expect("a time");
            let key = anomaly["key"].as_object().into_iter().flatten().map(|(_, value)| text(value));
            let words = [text(&anomaly["state"]), text(&anomaly["reason"])].into_iter().chain(key);
            let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            (at.as_micros() / 1_000_000, words.join(" "))
        });
        told.collect()
    }
}

/// As an event shows it.
fn time_text(time: Time) -> String {
    crate::time::Micros(time.as_micros()).to_string()
}

fn second(at: i64) -> Time {
    Time::from_micros(at * 1_000_000)
}

fn paths(texts: &[&str]) -> Vec<vrl::path::OwnedValuePath> {
    texts.iter().map(|text| parse_value_path(text).expect("a path")).collect()
}

/// The result of a window of one second.
#[derive(Clone, Debug)]
struct Window {
    /// When it began, in seconds.
    start: i64,
    service: &'static str,
    value: Slot,
}

fn window(start: i64, service: &'static str, value: f64) -> Window {
    Window { start, service, value: Slot::Float(value) }
}

/// Windows of one service, one a second from `start` on.
fn windows(start: i64, service: &'static str, values: impl IntoIterator<Item = f64>) -> Vec<Window> {
    (start..).zip(values).map(|(start, value)| window(start, service, value)).collect()
}

/// Results of windows as the `window` transform makes them, with two samples each.
fn batch(windows: &[Window]) -> Batch {
    let columns =
        Columns::new(paths(&["service", "window.start", "window.end", "window.samples", "value", "odd_ones"]));
    let (mut rows, mut slots, mut text) = (Vec::new(), Vec::new(), "odd_ones".to_owned());
    let kept = Slot::Text { start: 0, end: 8 };
    for Window { start, service, value } in windows {
        let from = u32::try_from(text.len()).unwrap();
        text += service;
        let name = Slot::Text { start: from, end: u32::try_from(text.len()).unwrap() };
        let samples = serde_json::json!([{ "service": service, "second": start }, { "service": service }]);
        let samples = Slot::Value(Arc::new(samples.into()));
        let (start_time, end_time) = (Slot::Time(second(*start)), Slot::Time(second(start + 1)));
        slots.extend([name, start_time, end_time, kept.clone(), value.clone(), samples]);
        let position = *start as u64 * 1000 + service.bytes().map(u64::from).sum::<u64>();
        let time = Time::from_micros(second(start + 1).as_micros() - 1);
        rows.push(Row { block: 0, start: 0, end: 0, position, time, seen: time, body: Body::Columns });
    }
    let mut block = Block::new(Bytes::new(), Partition::new("demo/per_service", ""));
    let watermark = windows.iter().map(|window| second(window.start + 1)).max();
    block.greatest = watermark.unwrap_or(Time::MIN);
    let mut batch = Batch::new(block, rows);
    batch.set_columns(columns, slots, text);
    batch
}

/// Single events, as JSON lines with their seconds.
fn lines(lines: &[(i64, String)]) -> Batch {
    let mut bytes = String::new();
    let mut rows = Vec::new();
    for (number, (at, line)) in (0..).zip(lines) {
        let start = u32::try_from(bytes.len()).unwrap();
        bytes += line;
        let end = u32::try_from(bytes.len()).unwrap();
        rows.push(Row { body: Body::Json, ..Row::line(start, end, number, second(*at)) });
    }
    let mut batch = Batch::new(Block::new(Bytes::from(bytes), Partition::new("demo/file", "a")), rows);
    batch.note_times();
    batch
}

/// Latency about 295 ± 38 without chance: the same thirteen values over and over.
fn calm(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(|i| 295.0 + ((i * 5 % 13) as f64 - 6.0) * 10.0)
}

/// The settings of a z-score of the field `value` by service, and more.
fn zscore(more: &str) -> String {
    format!("field = 'value'\ngroup_by = ['service']\n{more}")
}
