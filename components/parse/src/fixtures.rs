//! What the tests of this crate's components share: batches, contexts, and what came out.

use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::contract;
use logd_sdk::report::{Problem, Report};
use logd_sdk::transform::Transform;
use logd_sdk::{
    Batch, Block, Body, Check, Clock, Columns, Component, Context, Outputs, Partition, Plan, Port, Row, Time,
};
use toml::de::DeTable;
use vrl::path::OwnedValuePath;

/// When the events of [`lines`] came in.
pub(crate) const ARRIVAL: Time = Time::from_micros(1_700_000_000_000_000);

/// A batch of lines of one partition.
pub(crate) fn lines<T: AsRef<[u8]>>(texts: &[T]) -> Batch {
    let (mut bytes, mut rows) = (Vec::new(), Vec::new());
    for text in texts {
        let start = bytes.len();
        bytes.extend_from_slice(text.as_ref());
        rows.push(Row::line(start as u32, bytes.len() as u32, start as u64, ARRIVAL));
        bytes.push(b'\n');
    }
    let mut batch = Batch::new(Block::new(Bytes::from(bytes), Partition::new("test/lines", "a")), rows);
    batch.note_times();
    batch
}

/// A batch of JSON objects.
pub(crate) fn documents(texts: &[&str]) -> Batch {
    let mut batch = lines(texts);
    batch.rows_mut().iter_mut().for_each(|row| row.body = Body::Json);
    batch
}

/// Columns of these paths.
pub(crate) fn columns(paths: &[&str]) -> Arc<Columns> {
    Columns::new(paths.iter().map(|path| OwnedValuePath::from_str(path).expect("a path")))
}

/// A context below which `read` is read.
pub(crate) fn context(read: &[&str]) -> Context {
    Context {
        clock: Clock::fixed(ARRIVAL),
        columns: columns(read),
        conditions: crate::conditions(),
        data_dir: "/nonexistent".into(),
        ..contract::context("test", "it", "transform", "test")
    }
}

/// Reads settings in TOML, and the files that they name.
pub(crate) fn plan(component: &Component, settings: &str) -> Result<Plan, String> {
    let table = DeTable::parse(settings).expect("TOML");
    let mut plan = (component.parse)(table).map_err(|error| error.message().to_owned())?;
    for (_, file) in plan.files() {
        if let Ok(text) = std::fs::read_to_string(file.path()) {
            file.set_text(text);
        }
    }
    Ok(plan)
}

/// What `check` finds: `key: message`, one for each problem; with the place, if it is in another file.
pub(crate) fn check(component: &Component, settings: &str) -> Vec<String> {
    let plan = plan(component, settings).expect("settings");
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: crate::conditions().as_ref() });
    let place = |problem: &Problem| {
        let (file, within) = (problem.file.as_ref()?.path().file_name()?, problem.within.clone()?);
        Some(format!(", {} at {within:?}", file.display()))
    };
    let tell =
        |problem: &Problem| format!("{}{}: {}", problem.key, place(problem).unwrap_or_default(), problem.message);
    report.problems().iter().map(tell).collect()
}

/// Builds a transform whose settings have no fault.
pub(crate) fn build(component: &Component, settings: &str, read: &[&str]) -> Arc<dyn Transform> {
    assert_eq!(check(component, settings), Vec::<String>::new());
    match plan(component, settings).expect("settings") {
        Plan::Transform(plan) => plan.build(&context(read)).expect("builds"),
        other => panic!("{other:?} is no transform"),
    }
}

/// Applies a transform to a batch, and sees that every event is accounted for.
pub(crate) fn apply(transform: &dyn Transform, batch: Batch) -> Outputs {
    let (mut out, received) = (Outputs::default(), batch.len() as u64);
    transform.apply(batch, &mut out);
    let sent: u64 = out.sent.iter().map(|(_, batch)| batch.len() as u64).sum();
    let dead: u64 = out.dead.iter().map(|(batch, _)| batch.len() as u64).sum();
    let discarded: u64 = out.discarded.iter().map(|(_, _, events)| events).sum();
    assert_eq!(received + out.made, sent + dead + discarded + out.absorbed, "{out:?}");
    out
}

/// The events that left by a port, as JSON.
pub(crate) fn sent(out: &Outputs, port: Port) -> Vec<String> {
    let batches = out.sent.iter().filter(|(to, _)| *to == port).map(|(_, batch)| batch);
    batches.flat_map(|batch| (0..batch.len()).map(|row| json(batch, row))).collect()
}

/// An event as JSON.
pub(crate) fn json(batch: &Batch, row: usize) -> String {
    let mut text = Vec::new();
    logd_sdk::event::write_json(batch, row, &mut text);
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// A column as people read it.
pub(crate) fn texts(batch: &Batch, path: &str) -> Vec<String> {
    let path = OwnedValuePath::from_str(path).expect("a path");
    let column = batch.columns().find(&path).expect("a column");
    (0..batch.len()).map(|row| batch.field(row, column).display().unwrap_or_default().into_owned()).collect()
}
