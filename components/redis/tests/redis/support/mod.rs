//! What these tests share: a Redis of their own, a network between, sinks as the daemon builds them, and batches.

pub(crate) mod logd;
mod proxy;
mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use logd_redis::{Redis, RedisSettings};
use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Condition, Conditions, Reads};
use logd_sdk::contract;
use logd_sdk::settings::{Fault, FieldPath};
use logd_sdk::sink::Sink;
use logd_sdk::{Batch, Block, Body, Clock, Columns, Context, Health, Partition, Row, Time};
use tokio::time::Instant;

pub(crate) use self::proxy::Proxy;
pub(crate) use self::server::{Server, free_port};

/// How long anything may take before a test gives up on it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The clock of all tests, and the time of all events: 2026-11-23T14:03:10Z.
pub(crate) const NOW: Time = Time::from_micros(1_795_442_590_000_000);

/// A sink as the daemon builds it, with the state of this lineage.
pub(crate) async fn sink_of(settings: &RedisSettings, lineage: &str, health: &Health) -> Redis {
    let context = Context {
        clock: Clock::fixed(NOW),
        conditions: Arc::new(Levels),
        data_dir: Path::new("/nowhere").to_owned(),
        lineage: lineage.into(),
        health: health.clone(),
        ..contract::context("test", "counters", "sink", "redis")
    };
    settings.build(&context).await.expect("built")
}

/// A sink that writes to `endpoint`.
pub(crate) async fn sink(endpoint: &str, more: &str) -> Redis {
    sink_of(&settings(endpoint, more), "lineage", &Health::default()).await
}

/// Settings for `endpoint`; a request may take a second.
pub(crate) fn settings(endpoint: &str, more: &str) -> RedisSettings {
    let timeout = if more.contains("request.timeout") { "" } else { "request.timeout = '1s'\n" };
    let text = format!("endpoint = '{endpoint}'\n{timeout}{more}");
    let mut settings: RedisSettings = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    contract::read_files(settings.files());
    settings
}

/// Delivers as the driver does, again and again. Returns what was rejected, by its text, and the errors on the way.
pub(crate) async fn deliver(sink: &Redis, batch: &Batch) -> (Vec<String>, Vec<String>) {
    let (deadline, mut batch) = (Instant::now() + DEADLINE, batch.clone());
    let (mut rejected, mut errors) = (Vec::new(), Vec::new());
    loop {
        let attempt = sink.deliver(&batch).await;
        let reject = attempt.reject.iter();
        rejected.extend(
            reject.map(|(row, reason)| format!("{}: {reason}", String::from_utf8_lossy(batch.raw(*row as usize)))),
        );
        if attempt.retry.is_empty() {
            return (rejected, errors);
        }
        errors.push(attempt.error.expect("a reason"));
        assert!(Instant::now() < deadline, "not delivered: {errors:?}");
        batch = batch.select(&attempt.retry);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A batch of JSON objects, with the fields taken out that the sink reads.
pub(crate) fn batch<T: AsRef<str>>(settings: &RedisSettings, events: impl IntoIterator<Item = T>) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for event in events {
        let start = text.len() as u32;
        text.push_str(event.as_ref());
        rows.push(Row { body: Body::Json, ..Row::line(start, text.len() as u32, start.into(), NOW) });
    }
    let mut batch = Batch::new(Block::new(text.into(), Partition::new("test/source", "")), rows);
    let Reads::Fields(fields) = settings.reads(&Levels) else { panic!("not the whole event") };
    batch.require(&Columns::new(fields));
    batch
}

/// Compiles `FIELD=TEXT` to a condition that holds where the field has this text.
struct Levels;

impl Conditions for Levels {
    fn compile(&self, source: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        let (field, text) = source.split_once('=').ok_or_else(|| vec![Fault::new("not FIELD=TEXT")])?;
        let field: FieldPath = field.parse().map_err(|fault| vec![fault])?;
        Ok(Arc::new(Equals { reads: Reads::Fields(vec![field.path().clone()]), text: text.to_owned() }))
    }
}

struct Equals {
    reads: Reads,
    text: String,
}

impl Condition for Equals {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn test(&self, batch: &Batch, answers: &mut Vec<bool>) -> u64 {
        let Reads::Fields(fields) = &self.reads else { return 0 };
        let column = batch.columns().find(&fields[0]);
        let equals =
            |row| column.and_then(|column| batch.field(row, column).display()).is_some_and(|it| it == self.text);
        answers.extend((0..batch.len()).map(equals));
        0
    }
}
