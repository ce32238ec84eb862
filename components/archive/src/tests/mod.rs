//! The archive as a sink and the API use it.

mod anomalies;
mod damage;
mod epochs;
mod search;
mod series;
mod tenants;
mod tending;

use std::num::NonZeroU32;
use std::time::Duration;

use logd_sdk::{Clock, ComponentId, Time};
use serde_json::json;
use tempfile::TempDir;

use crate::{Archive, Change, Counted, Feed, LogFilter, LogRecord, Options, PageRequest, Scope, WholeAnomaly};

/// 2026-11-23T10:00:00Z, in seconds.
pub(crate) const NOW: i64 = 1_795_428_000;

/// A log at so many seconds since the epoch.
pub(crate) fn log(id: &str, service: &str, level: &str, message: &str, second: i64) -> LogRecord {
    LogRecord {
        id: id.to_owned(),
        time: at(second),
        service: service.to_owned(),
        level: level.to_owned(),
        message: message.to_owned(),
        pipeline: "p".to_owned(),
        event: json!({"service": service, "level": level, "message": message}).to_string(),
    }
}

/// An anomaly at so many seconds since the epoch, of an incident that began then.
pub(crate) fn anomaly(id: &str, incident: &str, service: &str, state: Change, second: i64) -> WholeAnomaly {
    WholeAnomaly::read(&detector(), event(id, incident, service, state, second)).unwrap()
}

/// The event of an [`anomaly`].
pub(crate) fn event(id: &str, incident: &str, service: &str, state: Change, second: i64) -> serde_json::Value {
    let time = at(second).to_string();
    json!({
        "id": id, "incident_id": incident, "state": state.name(), "reason": null, "timestamp": time, "since": time,
        "type": "high_latency", "key": {"service": service}, "severity": "warning", "score": 4.5, "value": 120.0,
        "threshold": 3.0, "baseline": {"mean": 50.0}, "explanation": "Slow.", "field": "p95", "samples": ["a", "b"],
    })
}

fn at(second: i64) -> Time {
    Time::from_micros(second * 1_000_000)
}

fn detector() -> ComponentId {
    ComponentId::new("p", "latency")
}

/// An archive in a folder of its own, and a clock that a test moves.
struct Bench {
    folder: TempDir,
    clock: Clock,
    options: Options,
}

impl Bench {
    fn new() -> Self {
        let options = Options { max_rate: NonZeroU32::new(1_000_000).unwrap(), ..Options::default() };
        Self { folder: tempfile::tempdir().expect("a folder"), clock: Clock::fixed(at(NOW)), options }
    }

    async fn open(&self) -> Archive {
        Archive::open(self.folder.path(), self.options, self.clock.clone()).await.expect("opened")
    }

    fn pass(&self, seconds: u64) {
        self.clock.set(self.clock.now().after(Duration::from_secs(seconds)));
    }
}

fn sink(name: &str) -> ComponentId {
    ComponentId::new("p", name)
}

/// Brings a log as a sink does.
fn bring(feed: &Feed, record: LogRecord) {
    let counted =
        Counted { service: &record.service, is_error: record.is_error(), response_time: Some(2.0), time: record.time };
    let mut counting = feed.counting(&record.pipeline);
    let admitted = counting.count(&counted);
    counting.end();
    if admitted {
        feed.log(record);
    }
}

/// Ends an epoch that becomes durable and is applied.
async fn end_epoch(feed: &Feed) -> Vec<u8> {
    let kept = feed.seal().await.expect("sealed");
    feed.apply(&kept).await.expect("applied");
    kept
}

/// The ids of all logs that are found, page by page.
async fn ids(archive: &Archive, scope: &Scope, filter: &LogFilter, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut page = PageRequest::first(limit);
    loop {
        let found = archive.logs(scope, filter, &page).await.expect("a page");
        assert!(found.items.len() == limit || found.next.is_none());
        ids.extend(found.items.into_iter().map(|hit| hit.log.id));
        match found.next {
            Some(next) => page.cursor = Some(next),
            None => return ids,
        }
    }
}
