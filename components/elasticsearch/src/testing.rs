//! What the tests of this crate share: settings, contexts, and batches as plain values.

mod stand_in;

use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::contract;
pub(crate) use logd_sdk::contract::NoConditions;
use logd_sdk::report::Report;
use logd_sdk::{Batch, Block, Body, Check, Clock, Context, Partition, Row, Settings, Time};
use vrl::value::Value;

pub(crate) use self::stand_in::{Request, Say, StandIn};
use crate::COMPONENTS;
use crate::settings::ElasticsearchSettings;

/// The clock of all tests: 2026-11-23T14:03:10Z.
pub(crate) const NOW: Time = Time::from_micros(1_795_442_590_000_000);

/// The context of a sink.
pub(crate) fn context() -> Context {
    Context { clock: Clock::fixed(NOW), ..contract::context("test", "store", "sink", "elasticsearch") }
}

/// Settings from TOML.
pub(crate) fn settings(text: &str) -> ElasticsearchSettings {
    let mut settings: ElasticsearchSettings = toml::from_str(text).unwrap();
    contract::read_files(settings.files());
    settings
}

/// What the check says of these settings: `key: message`.
pub(crate) fn problems(text: &str) -> Vec<String> {
    let mut report = Report::default();
    settings(text).check(&mut Check { report: &mut report, conditions: &NoConditions });
    report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}

/// Asserts that the component reads its own example, by the way that the daemon takes.
pub(crate) fn reads_its_example() {
    let plan = (COMPONENTS[0].parse)(toml::de::DeTable::parse(COMPONENTS[0].example).unwrap()).unwrap();
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
    assert_eq!(report.problems(), []);
}

fn batch<'e>(events: impl IntoIterator<Item = &'e str>, body: &Body) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for event in events {
        let start = text.len() as u32;
        text.push_str(event);
        rows.push(Row { body: body.clone(), ..Row::line(start, text.len() as u32, start.into(), NOW) });
    }
    Batch::new(Block::new(Bytes::from(text), Partition::new("test/source", "")), rows)
}

/// Events that are JSON objects, unchanged.
pub(crate) fn json<'e>(events: impl IntoIterator<Item = &'e str>) -> Batch {
    batch(events, &Body::Json)
}

/// Events that are lines.
pub(crate) fn lines<'e>(events: impl IntoIterator<Item = &'e str>) -> Batch {
    batch(events, &Body::Line)
}

/// An event that a program made.
pub(crate) fn changed(value: Value) -> Batch {
    batch([""], &Body::Value(Arc::new(value)))
}
