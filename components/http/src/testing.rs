//! What the tests of this crate share: events as plain JSON, and what a check says.

mod names;
mod receiver;

use logd_sdk::report::{Report, Severity};
use logd_sdk::settings::FieldPath;
use logd_sdk::{Batch, Block, Body, Check, Columns, Partition, Row, Settings};
use serde::de::DeserializeOwned;

pub(crate) use self::names::Names;
pub(crate) use self::receiver::{Receiver, Reply, Request, read_request};
pub(crate) use crate::tests::{NOW, NoConditions, context};

/// A batch of one event, with these fields taken out.
pub(crate) fn event<'f>(json: &str, fields: impl IntoIterator<Item = &'f FieldPath>) -> Batch {
    events(&[json], fields)
}

/// A batch of events, with these fields taken out.
pub(crate) fn events<'f>(lines: &[&str], fields: impl IntoIterator<Item = &'f FieldPath>) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for line in lines {
        let start = text.len() as u32;
        text.push_str(line);
        rows.push(Row { body: Body::Json, ..Row::line(start, text.len() as u32, start.into(), NOW) });
    }
    let mut batch = Batch::new(Block::new(text.into(), Partition::new("test/source", "")), rows);
    batch.require(&Columns::new(fields.into_iter().map(|field| field.path().clone())));
    batch
}

/// What a future comes to; a test fails that would wait for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(30), future).await.expect("it does not take so long")
}

/// Settings from TOML.
pub(crate) fn parse<S: DeserializeOwned>(text: &str) -> S {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// What the check says of settings: `key: message`, with `!` where it is an error.
pub(crate) fn problems<S: Settings>(text: &str) -> Vec<String> {
    let mut report = Report::default();
    parse::<S>(text).check(&mut Check { report: &mut report, conditions: &NoConditions });
    let line = |problem: &logd_sdk::report::Problem| {
        let mark = if problem.severity == Severity::Error { "!" } else { "" };
        format!("{mark}{}: {}", problem.key, problem.message)
    };
    report.problems().iter().map(line).collect()
}

/// Asserts that a sink reads its own example, by the way that the daemon takes.
pub(crate) fn reads_its_example<S: Settings>() {
    let mut listed = crate::COMPONENTS.iter().filter(|component| component.example == S::EXAMPLE);
    let component = listed.next().expect("listed");
    assert_eq!(component.name, S::NAME);
    let plan = (component.parse)(toml::de::DeTable::parse(component.example).unwrap()).unwrap();
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
    assert_eq!(report.problems(), []);
}
