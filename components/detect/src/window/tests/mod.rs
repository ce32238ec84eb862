//! What the tests of `window` share: events, a toy of conditions, and a driver that does what the daemon does.

mod aggregates;
mod keys;
mod property;
mod settings;
mod time;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::component::KeyedSettings;
use logd_sdk::condition::{Condition, Conditions, Reads};
use logd_sdk::contract;
use logd_sdk::keyed::{Floor, Keyed, Shard as _, Step};
use logd_sdk::settings::Fault;
use logd_sdk::{Batch, Block, Body, Clock, Context, Field, Outputs, Partition, Port, Row, Time};
use vrl::path::{OwnedValuePath, parse_value_path};

use super::{Shard, Window, WindowSettings};

/// Conditions such as `level == ERROR`; `. level == ERROR` says that it reads the whole event. They fail on events
/// without the field.
struct Toy;

struct Equals {
    field: OwnedValuePath,
    value: String,
    reads: Reads,
}

impl Conditions for Toy {
    fn compile(&self, source: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        let (field, value) = source.split_once(" == ").ok_or_else(|| vec![Fault::new("no `==`").at(0..1)])?;
        let path = parse_value_path(field.trim_start_matches(". ")).expect("a path");
        let reads = if field.starts_with(". ") { Reads::Whole } else { Reads::Fields(vec![path.clone()]) };
        Ok(Arc::new(Equals { field: path, value: value.to_owned(), reads }))
    }
}

impl Condition for Equals {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn test(&self, batch: &Batch, answers: &mut Vec<bool>) -> u64 {
        let mut failures = 0;
        for row in 0..batch.len() {
            let value = batch.value(row);
            let found = value.get(&self.field);
            failures += u64::from(found.is_none());
            answers.push(found.and_then(|value| value.to_str_lossy()).is_some_and(|value| value == self.value));
        }
        failures
    }
}

fn context(clock: Clock) -> Context {
    Context {
        clock,
        conditions: Arc::new(Toy),
        once: true,
        ..contract::context("test", "window", "transform", "window")
    }
}

fn settings(toml: &str) -> WindowSettings {
    toml::from_str(toml).expect("settings")
}

/// An event of a partition.
#[derive(Clone, Debug)]
struct Event {
    partition: usize,
    /// Milliseconds.
    time: i64,
    offset: u64,
    json: String,
}

/// Events of one partition, from their times in milliseconds and their fields.
fn events(events: &[(i64, &str)]) -> Vec<Event> {
    let event = |(offset, &(time, json)): (usize, &(i64, &str))| Event {
        partition: 0,
        time,
        offset: offset as u64,
        json: format!("{{{json}}}"),
    };
    events.iter().enumerate().map(event).collect()
}

fn at(millisecond: i64) -> Time {
    Time::from_micros(millisecond * 1000)
}

/// A batch of these events, with one block for each run of one partition.
fn batch(events: &[Event]) -> Batch {
    let mut batch = Batch::default();
    for run in events.chunk_by(|one, other| one.partition == other.partition) {
        let bytes: String = run.iter().map(|event| event.json.as_str()).collect();
        let mut start = 0;
        let row = |event: &Event| {
            let end = start + event.json.len() as u32;
            let row = Row { body: Body::Json, ..Row::line(start, end, event.offset, at(event.time)) };
            start = end;
            row
        };
        let rows = run.iter().map(row).collect();
        let mut part = Batch::new(Block::new(Bytes::from(bytes), partition(run[0].partition)), rows);
        part.note_times();
        batch.append(part);
    }
    batch
}

fn partition(number: usize) -> Arc<Partition> {
    Partition::new("test/source", &number.to_string())
}

/// How far partitions and watermark are.
#[derive(Clone)]
struct Progress {
    greatest: BTreeMap<u64, Time>,
    emitted: Time,
}

/// Runs a window as the daemon does.
struct Driver {
    window: Window,
    shards: Vec<Shard>,
    progress: Progress,
    clock: Clock,
    /// The snapshot: states by key.
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What has left by the main output, as JSON with the event's id.
    results: Vec<String>,
    /// The batches in which it left.
    sent: Vec<Arc<Batch>>,
    /// What was late, by partition and offset.
    late: Vec<(Arc<str>, u64)>,
    absorbed: u64,
    errors: BTreeMap<&'static str, u64>,
    splits: usize,
}

impl Driver {
    /// With this many shards, and partitions that are announced.
    fn new(toml: &str, shards: usize, partitions: usize) -> Self {
        let clock = Clock::fixed(at(0));
        let window = settings(toml).build(&context(clock.clone())).expect("built");
        Self {
            shards: (0..shards).map(|_| window.shard()).collect(),
            window,
            progress: Progress {
                greatest: (0..partitions).map(|number| (partition(number).hash(), Time::MIN)).collect(),
                emitted: Time::MIN,
            },
            clock,
            store: BTreeMap::new(),
            results: Vec::new(),
            sent: Vec::new(),
            late: Vec::new(),
            absorbed: 0,
            errors: BTreeMap::new(),
            splits: 0,
        }
    }

    fn floors(&self, batch: &Batch) -> Vec<Floor> {
        self.floors_at(&self.progress, batch)
    }

    fn floors_at(&self, progress: &Progress, batch: &Batch) -> Vec<Floor> {
        let timing = self.window.timing().expect("it has to do with time");
        let floor = |block: &Block| {
            let greatest = progress.greatest.get(&block.partition.hash()).copied().unwrap_or(Time::MIN);
            let ahead = timing.max_ahead.map_or(Time::MAX, |ahead| self.clock.now().max(greatest).after(ahead));
            Floor { closed: progress.emitted.max(greatest.before(timing.allowed_lateness)), ahead }
        };
        batch.blocks().iter().map(floor).collect()
    }

    fn send(&mut self, events: &[Event]) {
        let batch = batch(events);
        let floors = self.floors(&batch);
        self.feed(batch, &floors);
    }

    /// Feeds a batch that was split by floors of some time before.
    fn feed(&mut self, mut batch: Batch, stale: &[Floor]) {
        batch.require(&self.window.recipe.reads);
        let mut split = self.window.split(&batch, stale, self.shards.len());
        self.splits += 1;
        let floors = self.floors(&batch);
        if floors.iter().zip(&split.least_end).any(|(floor, least_end)| floor.closed >= *least_end) {
            split = self.window.split(&batch, &floors, self.shards.len());
            self.splits += 1;
        }
        self.absorbed += split.absorbed;
        for &row in &split.late {
            let row = &batch.rows()[row as usize];
            self.late.push((batch.blocks()[row.block as usize].partition.name().into(), row.position));
        }
        assert_eq!(split.absorbed as usize + split.late.len(), batch.len(), "every event is accounted for");
        for row in batch.rows() {
            let block = row.block as usize;
            if row.time <= floors[block].ahead {
                let greatest =
                    self.progress.greatest.entry(batch.blocks()[block].partition.hash()).or_insert(Time::MIN);
                *greatest = row.time.max(*greatest);
            }
        }
        let timing = self.window.timing().expect("it has to do with time");
        let least =
            self.progress.greatest.values().min().map_or(Time::MIN, |least| least.before(timing.allowed_lateness));
        self.step(split.parts, if timing.processing_time { self.clock.now() } else { least });
    }

    fn step(&mut self, parts: Vec<Option<super::Part>>, watermark: Time) {
        self.progress.emitted = self.progress.emitted.max(watermark);
        let steps = self.shards.iter_mut().zip(parts);
        let yields = steps.map(|(shard, part)| shard.step(part, self.progress.emitted)).collect();
        let mut out = Outputs::default();
        let made_by = Partition::new("test/window", "");
        self.window
            .gather(Step { batch: None, yields, watermark: self.progress.emitted, partition: &made_by }, &mut out);
        assert_eq!(out.absorbed, 0, "the daemon counts what was absorbed");
        assert_eq!(out.made, out.sent.iter().map(|(_, batch)| batch.len() as u64).sum::<u64>());
        for (kind, count) in out.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        for (port, batch) in out.sent {
            assert_eq!(port, Port::MAIN);
            assert_eq!(batch.blocks()[0].greatest, self.progress.emitted);
            self.results.extend((0..batch.len()).map(|row| {
                let json = serde_json::to_string(&batch.value(row)).expect("JSON");
                format!("{json} {}", batch.id(row))
            }));
            self.sent.push(batch);
        }
    }

    fn end(&mut self) {
        let none = self.shards.iter().map(|_| None).collect();
        self.step(none, Time::MAX);
    }

    /// Adds what changed to the snapshot.
    fn save(&mut self) {
        for shard in &mut self.shards {
            shard.save(&mut |key, state| match state {
                Some(state) => drop(self.store.insert(key.to_vec(), state)),
                None => assert!(self.store.remove(key).is_some(), "only what was saved can be gone"),
            });
        }
    }

    /// Starts again from the snapshot, with another number of shards.
    fn restart(&mut self, shards: usize) {
        self.shards = (0..shards).map(|_| self.window.shard()).collect();
        for (key, state) in &self.store {
            self.shards[logd_sdk::keyed::shard_of(key, shards)].load(key, state).expect("loaded");
        }
    }

    /// The field `name` of the result `place`, of all results.
    fn field(&self, place: usize, name: &str) -> serde_json::Value {
        let json = self.results[place].rsplit_once(' ').expect("JSON and id").0;
        let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
        name.split('.').fold(value, |value, name| value.get(name).cloned().unwrap_or_default())
    }

    /// `name` of all results, as text.
    fn fields(&self, name: &str) -> Vec<String> {
        (0..self.results.len()).map(|place| self.field(place, name).to_string()).collect()
    }
}

/// The results of one run over all events in one batch.
fn run(toml: &str, events: &[Event]) -> Driver {
    let mut driver = Driver::new(toml, 1, 1);
    driver.send(events);
    driver.end();
    driver
}

#[test]
fn results_are_events_with_all_their_fields() {
    let toml = "size = '1s'\ngroup_by = ['a.b']\naggregates.n = { fn = 'count' }";
    let driver = run(toml, &events(&[(1500, r#""a":{"b":"x"}"#), (1999, r#""a":{"b":"x"}"#)]));
    let expected = r#"{"a":{"b":"x"},"n":2,"window":{"end":"1970-01-01T00:00:02Z","start":"1970-01-01T00:00:01Z"}}"#;
    assert_eq!(driver.results.len(), 1);
    assert!(driver.results[0].starts_with(expected), "{}", driver.results[0]);
    let batch = driver.sent.last().expect("sent");
    assert_eq!(batch.rows()[0].time, Time::from_micros(1_999_999));
    let start = batch.columns().find(&vrl::owned_value_path!("window", "start")).expect("a column");
    assert_eq!(batch.field(0, start), Field::Time(at(1000)));
    assert_eq!(driver.absorbed, 2);
}
