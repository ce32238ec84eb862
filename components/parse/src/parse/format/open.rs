//! Formats that a function of VRL's reads: logfmt and syslog, and what is odd in an access log.

use anyhow::anyhow;
use chrono_tz::Tz;
use logd_sdk::Slot;
use vrl::path::OwnedValuePath;
use vrl::value::{ObjectMap, Value};

use super::{Reason, number};
use crate::program::{self, BATCH, Budget, End, Program, Purpose, View};
use crate::settings;

/// The longest text that is handed to VRL, in bytes: its parsers can't be interrupted.
const LONGEST: usize = 64 * 1024;

/// A format as a program that makes an object of `.message`.
pub(in crate::parse) struct Open {
    program: Program,
    message: [OwnedValuePath; 1],
}

impl Open {
    /// The format that `source` reads; times without a zone are in `zone`.
    pub(in crate::parse) fn new(source: &str, zone: Tz) -> anyhow::Result<Self> {
        let program =
            Program::compile(source, Purpose::Ask, zone).map_err(|faults| anyhow!("{}", settings::list(&faults)))?;
        Ok(Self { program, message: [OwnedValuePath::single_field("message")] })
    }

    /// The fields of `text`.
    pub(in crate::parse) fn read(&self, text: &str) -> Result<ObjectMap, Reason> {
        if text.len() > LONGEST {
            return Err(Reason::too_long(text.len(), LONGEST));
        }
        let mut view = View::new(&self.message);
        view.values[0] = Some(Value::from(text));
        match self.program.run(&mut program::runtime(), &mut view, &mut Budget::new(BATCH)) {
            End::Result(Value::Object(fields)) => Ok(fields),
            End::Result(_) => Err(Reason::mismatch("there are no fields")),
            End::Abort(message) | End::Failure(message) => Err(Reason::mismatch(plain(&message))),
            End::TimedOut => Err(Reason::new("timed_out", "it took too long")),
        }
    }
}

/// A function's error without the function's name, which the user has not written.
fn plain(message: &str) -> &str {
    message.strip_prefix("function call error for ").and_then(|rest| rest.split_once(": ")).map_or(message, |it| it.1)
}

/// Makes numbers of the texts that spell one.
pub(in crate::parse) fn type_numbers(fields: &mut ObjectMap) {
    for value in fields.values_mut() {
        let slot = value.to_str_lossy().and_then(|text| number(&text));
        match slot {
            Some(Slot::Integer(integer)) => *value = Value::Integer(integer),
            Some(Slot::Float(float)) => *value = Value::from_f64_or_zero(float),
            _ => {}
        }
    }
}

/// The value of a slot that a [`Line`](super::Line) with base 0 has filled.
pub(in crate::parse) fn slot_value(slot: &Slot, text: &str, copied: &str) -> Option<Value> {
    let part = |text: &str, start: &u32, end: &u32| text.get(*start as usize..*end as usize).map(Value::from);
    match slot {
        Slot::Missing => None,
        Slot::Null => Some(Value::Null),
        Slot::Boolean(value) => Some(Value::Boolean(*value)),
        Slot::Integer(value) => Some(Value::Integer(*value)),
        Slot::Float(value) => Some(Value::from_f64_or_zero(*value)),
        Slot::Time(value) => value.to_chrono().map(Value::Timestamp),
        Slot::Block { start, end } => part(text, start, end),
        Slot::Text { start, end } => part(copied, start, end),
        Slot::Value(value) => Some(Value::clone(value)),
    }
}
