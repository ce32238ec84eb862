//! Logd, as far as a sink can see it: a source that can be replayed, checkpoints, and deaths.

use std::ops::Range;

use logd_redis::{Redis, RedisSettings};
use logd_sdk::Health;
use logd_sdk::sink::Sink;

use super::{Server, batch, deliver, settings, sink_of};

const COUNTERS: &str = "key = 'service:{{ service }}'
    data_type = 'hash'
    hash.set.newest = '{{ n }}'
    hash.add.total_logs = { fn = 'count' }
    hash.add.error_logs = { fn = 'count', where = 'level=ERROR' }
    hash.add.bytes = { fn = 'sum', field = 'bytes' }";

/// How many events there are.
pub(crate) const EVENTS: usize = 60;
/// How many come in a batch.
pub(crate) const BATCH: usize = 7;

/// The event number `n`.
pub(crate) fn event(n: usize) -> String {
    let service = ["api", "web", "auth"][n % 3];
    let level = if n.is_multiple_of(4) { "ERROR" } else { "INFO" };
    format!(r#"{{"service":"{service}","level":"{level}","bytes":{},"n":{n}}}"#, 10 * n)
}

/// What all events come to.
pub(crate) fn totals(server: &Server) -> Vec<String> {
    let fields = ["total_logs", "error_logs", "bytes", "newest"];
    ["api", "web", "auth"]
        .map(|service| {
            let key = format!("service:{service}");
            server.ask(&[&["HMGET", &key], &fields[..]].concat())
        })
        .to_vec()
}

/// What they must come to.
pub(crate) fn expected() -> Vec<String> {
    (0..3)
        .map(|service| {
            let own: Vec<usize> = (0..EVENTS).filter(|n| n % 3 == service).collect();
            let errors = own.iter().filter(|n| n.is_multiple_of(4)).count();
            let bytes: usize = own.iter().map(|n| 10 * n).sum();
            format!("{} {errors} {bytes} {}", own.len(), own.last().expect("some"))
        })
        .collect()
}

/// A process, and what outlives it.
pub(crate) struct Logd {
    settings: RedisSettings,
    lineage: &'static str,
    /// What is durable: how far the source was read, and what the sink keeps.
    pub(crate) durable: (usize, Option<Vec<u8>>),
    /// What lives in the process: the sink, and how far the source is read.
    pub(crate) sink: Redis,
    read: usize,
    pub(crate) health: Health,
}

/// What logd does next; it may die behind each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Deliver,
    Sync,
    Durable,
    Commit,
}

/// Two batches and an epoch, over and over.
pub(crate) const STEPS: [Step; 5] = [Step::Deliver, Step::Deliver, Step::Sync, Step::Durable, Step::Commit];

impl Logd {
    /// A first start.
    pub(crate) async fn start(endpoint: &str, lineage: &'static str) -> Self {
        let settings = settings(endpoint, COUNTERS);
        let health = Health::default();
        let sink = sink_of(&settings, lineage, &health).await;
        let durable = (0, sink.sync().await.expect("sealed"));
        Self { settings, lineage, durable, sink, read: 0, health }
    }

    /// Dies, and starts again from what is durable.
    pub(crate) async fn restart(&mut self) {
        self.health = Health::default();
        self.sink = sink_of(&self.settings, self.lineage, &self.health).await;
        self.read = self.durable.0;
        let kept = self.durable.1.as_ref().expect("something is kept");
        self.sink.restore(kept).await.expect("restored, Redis or not");
    }

    /// Puts another sink in the place of the one that runs.
    pub(crate) async fn replace(&mut self) {
        let health = Health::default();
        let sink = sink_of(&self.settings, self.lineage, &health).await;
        sink.succeed(&self.sink).await.expect("it takes over");
        (self.sink, self.health) = (sink, health);
    }

    /// Does one step; `sealed` is what the last `Sync` returned.
    pub(crate) async fn step(&mut self, step: Step, sealed: &mut Option<(usize, Vec<u8>)>) {
        match step {
            Step::Deliver => {
                let events: Range<usize> = self.read..(self.read + BATCH).min(EVENTS);
                let batch = batch(&self.settings, events.clone().map(event));
                assert_eq!(deliver(&self.sink, &batch).await.0, [""; 0]);
                self.read = events.end;
            }
            Step::Sync => {
                *sealed = self.sink.sync().await.expect("sealed").map(|kept| (self.read, kept));
            }
            Step::Durable => {
                let (read, kept) = sealed.clone().expect("synced");
                self.durable = (read, Some(kept));
            }
            Step::Commit => {
                let kept = self.durable.1.clone().expect("durable");
                while let Err(error) = self.sink.commit(&kept).await {
                    assert!(format!("{error:#}").contains("Redis"), "{error:#}");
                }
            }
        }
    }

    /// Reads to the end, and applies the last epoch.
    pub(crate) async fn finish(&mut self) {
        let mut sealed = None;
        while self.read < EVENTS {
            self.step(Step::Deliver, &mut sealed).await;
        }
        for step in &STEPS[2..] {
            self.step(*step, &mut sealed).await;
        }
    }
}
