//! `remap`: changes events by a program in VRL.
//!
//! The program is given the whole event as a value, and what it leaves there is the event from then on. Nothing else
//! of the event changes: its bytes stay those that came in, and so its identity and what a dead letter shows.

mod settings;

use std::sync::Arc;
use std::time::Duration;

use logd_sdk::event::MESSAGE;
use logd_sdk::outputs::Discard;
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, Body, Columns, Outputs, Port};
use vrl::compiler::TargetValueRef;
use vrl::value::{ObjectMap, Secrets, Value};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::program::{self, Budget, End, Program, metadata};
pub(crate) use settings::RemapSettings;

/// How deep an event may nest: as deep as JSON that is read.
const MAX_DEPTH: usize = 128;

/// The running transform.
pub(crate) struct Remap {
    program: Program,
    on_error: Fate,
    on_abort: Fate,
    /// What is read downstream.
    columns: Arc<Columns>,
    /// How long the programs of one batch may take.
    share: Duration,
}

/// What becomes of an event at which the program has not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on unchanged.
    Keep,
    /// It leaves by the port `dead`.
    Bury,
    /// It ends here, as the user wants it.
    End,
    /// It ends here, for it could not be handled.
    Lose,
}

/// What the program has made of a batch, but for what it has changed in place.
#[derive(Default)]
struct Leftovers {
    dead: Vec<u32>,
    reasons: Vec<String>,
    /// Rows that go no further: dead or ended.
    gone: Vec<bool>,
    /// The further events of rows that became several, in order.
    further: Vec<(u32, Vec<Value>)>,
}

impl Transform for Remap {
    fn apply(&self, mut batch: Batch, out: &mut Outputs) {
        let mut left = Leftovers { gone: vec![false; batch.len()], ..Leftovers::default() };
        self.run(&mut batch, &mut left, out);
        if !left.dead.is_empty() {
            out.bury(batch.select(&left.dead), left.reasons);
        }
        if left.gone.contains(&true) {
            shift(&mut left.further, &left.gone);
            batch.retain(|row| !left.gone[row]);
        }
        if !left.further.is_empty() {
            batch = spread(&batch, left.further, out);
        }
        if self.program.sets_time {
            batch.note_times();
        }
        // The columns are those of the events as they were.
        batch.clear_columns();
        batch.require(&self.columns);
        out.send(Port::MAIN, batch);
    }
}

impl Remap {
    /// Runs the program on every row. Rows that go on are changed in place, the others are left as they came in.
    fn run(&self, batch: &mut Batch, left: &mut Leftovers, out: &mut Outputs) {
        let mut budget = Budget::new(self.share);
        let mut runtime = program::runtime();
        let mut secrets = Secrets::default();
        let (mut failures, mut timeouts) = (0, 0);
        for row in 0..batch.len() {
            let mut value = batch.value(row);
            let mut metadata = if self.program.uses_metadata { metadata::of(batch, row) } else { Value::Null };
            let mut target = TargetValueRef { value: &mut value, metadata: &mut metadata, secrets: &mut secrets };
            let mut end = self.program.run(&mut runtime, &mut target, &mut budget);
            if self.program.loops && matches!(end, End::Result(_)) && program::is_deeper(&value, MAX_DEPTH) {
                end = End::Failure(format!("the event is nested deeper than {MAX_DEPTH} levels"));
            }
            let (fate, kind, reason) = match end {
                End::Result(_) => {
                    if let (true, Some(time)) = (self.program.sets_time, metadata::time(&metadata)) {
                        batch.rows_mut()[row].time = time;
                    }
                    match objects(value, row, left) {
                        Some(value) => batch.rows_mut()[row].body = Body::Value(Arc::new(value)),
                        None => {
                            left.gone[row] = true;
                            out.discard(Discard::Intended, "emptied", 1);
                        }
                    }
                    continue;
                }
                End::Abort(message) => (self.on_abort, "aborted", message),
                End::Failure(message) => {
                    failures += 1;
                    (self.on_error, "program_failed", message)
                }
                End::TimedOut => {
                    timeouts += 1;
                    (Fate::Bury, "timed_out", format!("the program took too long (limit {:?} a batch)", self.share))
                }
            };
            left.gone[row] = fate != Fate::Keep;
            match fate {
                // Columns are about to be cleared: what is made of them must stand by itself.
                Fate::Keep => batch.rows_mut()[row].body = Body::Value(Arc::new(batch.value(row))),
                Fate::Bury => {
                    // A batch has fewer rows than 32 bits can count.
                    left.dead.push(u32::try_from(row).unwrap_or(u32::MAX));
                    left.reasons.push(reason);
                }
                Fate::End => out.discard(Discard::Intended, kind, 1),
                Fate::Lose => out.discard(Discard::Lost, kind, 1),
            }
        }
        out.error("program_failed", failures);
        out.error("timed_out", timeouts);
    }
}

/// The event that the row's result makes, if it makes one; further ones go to `left`.
fn objects(value: Value, row: usize, left: &mut Leftovers) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value),
        Value::Array(elements) => {
            let mut events = elements.into_iter().map(object);
            let first = events.next();
            let further: Vec<_> = events.collect();
            if !further.is_empty() {
                left.further.push((u32::try_from(row).unwrap_or(u32::MAX), further));
            }
            first
        }
        value => Some(object(value)),
    }
}

/// An event is an object: anything else becomes its message.
fn object(value: Value) -> Value {
    match value {
        Value::Object(_) => value,
        value => Value::Object(ObjectMap::from([(MESSAGE.into(), value)])),
    }
}

/// Names the rows by their places after those that are `gone` have left.
fn shift(further: &mut [(u32, Vec<Value>)], gone: &[bool]) {
    let mut places = (0_u32..).zip(gone).filter(|(_, gone)| !**gone).map(|(row, _)| row).zip(0..);
    for (row, _) in further {
        // Both are in order, and a row that became several is not gone.
        *row = places.find(|(old, _)| old == row).map_or(*row, |(_, new)| new);
    }
}

/// Puts the further events behind the ones that they come from. Each has a position of its own, made of its parent's
/// and its place, so that its identity is the same in every run.
fn spread(batch: &Batch, further: Vec<(u32, Vec<Value>)>, out: &mut Outputs) -> Batch {
    let mut rows = Vec::new();
    let mut children = Vec::new();
    let mut further = further.into_iter().peekable();
    for row in (0_u32..).take(batch.len()) {
        rows.push(row);
        if let Some((_, values)) = further.next_if(|(parent, _)| *parent == row) {
            for (index, value) in (1_u64..).zip(values) {
                children.push((rows.len(), index, value));
                rows.push(row);
            }
        }
    }
    out.made += children.len() as u64;
    let mut spread = batch.select(&rows);
    for (place, index, value) in children {
        let row = &mut spread.rows_mut()[place];
        row.position = xxh3_64_with_seed(&index.to_le_bytes(), row.position);
        row.body = Body::Value(Arc::new(value));
    }
    spread
}

#[cfg(test)]
mod tests;
