//! What the tests of `pattern` share: lines, and a driver that does what the daemon does.

mod anomalies;
mod events;
mod property;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::component::KeyedSettings as _;
use logd_sdk::condition::Reads;
use logd_sdk::contract::{self, NoConditions};
use logd_sdk::keyed::{Floor, Keyed, Shard as _, Step, shard_of};
use logd_sdk::{Batch, Block, Body, Clock, Columns, Context, Outputs, Partition, Port, Row, Settings as _, Time};
use serde_json::Value as Json;

use super::PatternSettings;
use super::operator::Patterns;
use super::shard::{Part, Shard};

fn context() -> Context {
    Context {
        clock: Clock::fixed(Time::EPOCH),
        once: true,
        ..contract::context("demo", "patterns", "transform", "pattern")
    }
}

/// An event of a partition.
#[derive(Clone, Debug)]
struct Event {
    partition: usize,
    /// Milliseconds.
    time: i64,
    offset: u64,
    service: &'static str,
    message: String,
}

fn event(time: i64, service: &'static str, message: impl Into<String>) -> Event {
    Event { partition: 0, time, offset: time.unsigned_abs(), service, message: message.into() }
}

/// A batch of these events, as JSON, with one block for each run of one partition.
fn batch(events: &[Event]) -> Batch {
    let mut batch = Batch::default();
    for run in events.chunk_by(|one, other| one.partition == other.partition) {
        let (mut bytes, mut rows) = (String::new(), Vec::new());
        for Event { time, offset, service, message, .. } in run {
            let start = u32::try_from(bytes.len()).unwrap();
            bytes += &serde_json::json!({ "service": service, "message": message }).to_string();
            let end = u32::try_from(bytes.len()).unwrap();
            let time = Time::from_micros(time * 1000);
            rows.push(Row { body: Body::Json, ..Row::line(start, end, *offset, time) });
        }
        let mut part = Batch::new(Block::new(Bytes::from(bytes), partition(run[0].partition)), rows);
        part.note_times();
        batch.append(part);
    }
    batch
}

fn partition(number: usize) -> Arc<Partition> {
    Partition::new("test/source", &number.to_string())
}

/// Runs the transform as the daemon does.
struct Driver {
    patterns: Patterns,
    shards: Vec<Shard>,
    reads: Arc<Columns>,
    /// How far partitions and watermark are.
    greatest: BTreeMap<u64, Time>,
    emitted: Time,
    /// The snapshot: states by key.
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The events that have left, and the changes of incidents.
    events: Vec<Json>,
    anomalies: Vec<Json>,
    errors: BTreeMap<&'static str, u64>,
}

impl Driver {
    fn new(toml: &str, shards: usize, partitions: usize) -> Self {
        let settings: PatternSettings = toml::from_str(toml).expect("settings");
        let Reads::Fields(reads) = settings.reads(&NoConditions) else { panic!("it names its fields") };
        let patterns = settings.build(&context()).expect("built");
        Self {
            shards: (0..shards).map(|_| patterns.shard()).collect(),
            patterns,
            reads: Columns::new(reads),
            greatest: (0..partitions).map(|number| (partition(number).hash(), Time::MIN)).collect(),
            emitted: Time::MIN,
            store: BTreeMap::new(),
            events: Vec::new(),
            anomalies: Vec::new(),
            errors: BTreeMap::new(),
        }
    }

    fn feed(&mut self, events: &[Event]) -> &mut Self {
        self.feed_batch(batch(events))
    }

    fn feed_batch(&mut self, mut batch: Batch) -> &mut Self {
        batch.require(&self.reads);
        let lateness = self.patterns.timing().expect("it has to do with time").allowed_lateness;
        let floor = |block: &Block| {
            let greatest = self.greatest.get(&block.partition.hash()).copied().unwrap_or(Time::MIN);
            Floor { closed: self.emitted.max(greatest.before(lateness)), ahead: Time::MAX }
        };
        let floors: Vec<Floor> = batch.blocks().iter().map(floor).collect();
        // As it is split upstream, if nothing in it is late.
        let open = vec![Floor { closed: Time::MIN, ahead: Time::MAX }; floors.len()];
        let mut split = self.patterns.split(&batch, &open, self.shards.len());
        if floors.iter().zip(&split.least_end).any(|(floor, least_end)| floor.closed >= *least_end) {
            split = self.patterns.split(&batch, &floors, self.shards.len());
        }
        assert_eq!((split.late.len(), split.absorbed), (0, 0), "all is passed through");
        for block in batch.blocks() {
            let greatest = self.greatest.entry(block.partition.hash()).or_insert(Time::MIN);
            *greatest = block.greatest.max(*greatest);
        }
        let least = self.greatest.values().min().map_or(Time::MIN, |least| least.before(lateness));
        self.emitted = self.emitted.max(least);
        self.step(Some(Arc::new(batch)), split.parts);
        self
    }

    /// Time goes on without an event.
    fn tick(&mut self, millisecond: i64) -> &mut Self {
        self.emitted = self.emitted.max(Time::from_micros(millisecond * 1000));
        self.step(None, self.shards.iter().map(|_| None).collect());
        self
    }

    fn end(&mut self) {
        self.emitted = Time::MAX;
        self.step(None, self.shards.iter().map(|_| None).collect());
    }

    fn step(&mut self, batch: Option<Arc<Batch>>, parts: Vec<Option<Part>>) {
        let yields = self.shards.iter_mut().zip(parts).map(|(shard, part)| shard.step(part, self.emitted)).collect();
        let (mut out, partition) = (Outputs::default(), Partition::new("demo/patterns", ""));
        let step = Step { batch: batch.as_ref(), yields, watermark: self.emitted, partition: &partition };
        self.patterns.gather(step, &mut out);
        let sent = |port| out.sent.iter().filter(move |sent| sent.0 == port).map(|sent| &sent.1);
        for (through, came) in sent(Port::MAIN).zip(&batch) {
            assert_eq!(through.len(), came.len(), "every event leaves");
            for row in 0..through.len() {
                assert_eq!(through.id(row), came.id(row), "and is the same");
                let value = through.value(row);
                for (column, path) in through.columns().paths().iter().enumerate() {
                    let of_column = through.field(row, column);
                    assert_eq!(value.get(path).is_none(), of_column.is_missing(), "{path} of {value}");
                    assert_eq!(value.get(path).cloned().unwrap_or(vrl::value::Value::Null), of_column.into());
                }
                self.events.push(serde_json::to_value(value).expect("JSON"));
            }
        }
        let mut made = 0;
        for batch in sent(Port(1)) {
            made += batch.len() as u64;
            self.anomalies.extend((0..batch.len()).map(|row| serde_json::to_value(batch.value(row)).expect("JSON")));
        }
        assert_eq!(out.made, made, "what is derived is counted as made");
        assert!(out.dead.is_empty() && out.late.is_empty() && out.discarded.is_empty() && out.absorbed == 0);
        for (kind, count) in out.errors {
            *self.errors.entry(kind).or_default() += count;
        }
    }

    /// Takes a snapshot, and goes on from it with so many shards.
    fn restart(&mut self, shards: usize) -> &mut Self {
        for shard in &mut self.shards {
            shard.save(&mut |key, state| match state {
                Some(state) => drop(self.store.insert(key.to_vec(), state)),
                None => assert!(self.store.remove(key).is_some(), "only what was saved has to be taken back"),
            });
        }
        self.shards = (0..shards).map(|_| self.patterns.shard()).collect();
        for (key, state) in &self.store {
            self.shards[shard_of(key, shards)].load(key, state).expect("loaded");
        }
        self
    }

    /// What happened when: second, state, reason, change, and of how many templates.
    fn told(&self) -> Vec<(i64, String)> {
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let told = self.anomalies.iter().map(|anomaly| {
            let at = Time::parse_rfc3339(text(&anomaly["timestamp"]).as_bytes()).expect("a time");
            let evidence = &anomaly["evidence"];
            let words = [&anomaly["state"], &anomaly["reason"], &evidence["figures"]["change"]].map(text);
            let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
            (at.as_micros() / 1_000_000, format!("{} {}", words.join(" "), evidence["total"]))
        });
        told.collect()
    }
}
