//! Conditions: VRL expressions that are true or false of an event, for every component that asks for one.
//!
//! `.status >= 500` can fail at run time, for nobody knows that `.status` is a number, and VRL refuses a program that
//! leaves a failure unhandled. A condition handles it: an event of which it can't be told does not meet it, and is
//! counted. Conditions change nothing, so that they may be asked in any order and as often as one likes.

mod memo;

use std::sync::{Arc, Mutex, PoisonError};

use logd_sdk::condition::{Condition, Conditions, Reads};
use logd_sdk::settings::Fault;
use logd_sdk::{Batch, Field};
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{Target, TargetValueRef};
use vrl::path::OwnedValuePath;
use vrl::value::{Secrets, Value};

use crate::program::{self, BATCH, Budget, End, Program, Purpose, View, metadata};
use memo::{Answer, Memo};

/// Compiles conditions by VRL.
#[derive(Debug)]
pub(crate) struct VrlConditions;

impl Conditions for VrlConditions {
    fn compile(&self, source: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        Ok(Arc::new(VrlCondition::compile(source)?))
    }
}

/// A compiled condition.
#[derive(Debug)]
struct VrlCondition {
    program: Program,
    /// What threads that are done with a batch have left for the next: there are as many as ever ran at once.
    desks: Mutex<Vec<Desk>>,
}

/// What is needed to answer, and kept from one batch to the next.
#[derive(Debug)]
struct Desk {
    runtime: Runtime,
    memo: Memo,
    key: Vec<u8>,
}

impl VrlCondition {
    fn compile(source: &str) -> Result<Self, Vec<Fault>> {
        let compile = |source: &str| Program::compile(source, Purpose::Ask, chrono_tz::UTC);
        let (asked, program) = match compile(source) {
            Ok(program) => (program.kind.clone(), program),
            Err(faults) => {
                // Perhaps it is only that something can fail. With `false` for a failure the type shows what else
                // there is, with `null` a failure shows.
                let handled = |default| compile(&format!("{{\n{source}\n}} ?? {default}"));
                let (Ok(typed), Ok(program)) = (handled("false"), handled("null")) else { return Err(faults) };
                (typed.kind, program)
            }
        };
        if !asked.is_boolean() {
            let fault = Fault::new(format!("a condition must be true or false, and this is {asked}"));
            return Err(vec![fault.help("compare it with something: `.field == true`")]);
        }
        Ok(Self { program, desks: Mutex::default() })
    }

    /// Runs the program on one event.
    fn ask(&self, runtime: &mut Runtime, event: &mut dyn Target, budget: &mut Budget) -> Answer {
        match self.program.run(runtime, event, budget) {
            End::Result(Value::Boolean(true)) => Answer::Yes,
            End::Result(Value::Boolean(false)) => Answer::No,
            _ => Answer::Failed,
        }
    }

    /// Answers from the fields that it names.
    fn test_fields(&self, desk: &mut Desk, paths: &[OwnedValuePath], batch: &Batch, mut take: impl FnMut(Answer)) {
        let columns: Vec<_> = paths.iter().map(|path| batch.columns().find(path)).collect();
        let field = |row, column: &Option<usize>| column.map_or(Field::Missing, |column| batch.field(row, column));
        let mut view = View::new(paths);
        let mut budget = Budget::new(BATCH);
        let Desk { runtime, memo, key } = desk;
        let remember = self.program.pure && memo.is_useful(batch.len());
        for row in 0..batch.len() {
            let mut ask = || {
                for (value, column) in view.values.iter_mut().zip(&columns) {
                    let field = field(row, column);
                    *value = (!field.is_missing()).then(|| Value::from(field));
                }
                if self.program.uses_metadata {
                    view.metadata = metadata::of(batch, row);
                }
                self.ask(runtime, &mut view, &mut budget)
            };
            take(match columns[..] {
                _ if !remember => ask(),
                [column] if let Field::Text(text) = field(row, &column) => memo.answer(text.as_bytes(), ask),
                _ => {
                    memo::begin(key);
                    let whole = columns.iter().all(|column| memo::append(field(row, column), key));
                    if whole { memo.answer(key, ask) } else { ask() }
                }
            });
        }
    }

    /// Answers from the whole event.
    fn test_whole(&self, desk: &mut Desk, batch: &Batch, mut take: impl FnMut(Answer)) {
        let mut budget = Budget::new(BATCH);
        let mut secrets = Secrets::default();
        for row in 0..batch.len() {
            let (mut value, mut metadata) = (batch.value(row), metadata::of(batch, row));
            let mut event = TargetValueRef { value: &mut value, metadata: &mut metadata, secrets: &mut secrets };
            take(self.ask(&mut desk.runtime, &mut event, &mut budget));
        }
    }
}

impl Condition for VrlCondition {
    fn reads(&self) -> &Reads {
        &self.program.reads
    }

    fn test(&self, batch: &Batch, answers: &mut Vec<bool>) -> u64 {
        let free = self.desks.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut desk =
            free.unwrap_or_else(|| Desk { runtime: program::runtime(), memo: Memo::default(), key: Vec::new() });
        let mut failures = 0;
        let take = |answer| {
            answers.push(answer == Answer::Yes);
            failures += u64::from(answer == Answer::Failed);
        };
        match &self.program.reads {
            Reads::Fields(paths) => self.test_fields(&mut desk, paths, batch, take),
            Reads::Whole => self.test_whole(&mut desk, batch, take),
        }
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
        failures
    }
}

#[cfg(test)]
mod tests;
