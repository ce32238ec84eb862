//! What one event says when nobody has said which of its fields are meant: its numbers, and its texts as their labels.

use logd_sdk::event::Body;
use logd_sdk::{Batch, Field};
use vrl::value::Value;

use crate::names;

/// The fields of an event by their paths, with the parts joined by `_`.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// Those that hold a number.
    pub(crate) numbers: Vec<(String, f64)>,
    /// Those that hold text, by the names that they have as labels.
    pub(crate) labels: Vec<(String, String)>,
}

impl Sample {
    /// Reads the event. Columns are read as they are, for a value would hide what is not a finite number.
    pub(crate) fn of(batch: &Batch, row: usize) -> Self {
        let mut sample = Self::default();
        if matches!(batch.rows()[row].body, Body::Columns) {
            for (column, path) in batch.columns().paths().iter().enumerate() {
                sample.take(&names::joined(path), batch.field(row, column));
            }
        } else {
            sample.take("", Field::Value(&batch.value(row)));
        }
        sample
    }

    /// Takes what stands at `name`: a number, a text, or all that an object has of either.
    fn take(&mut self, name: &str, field: Field<'_>) {
        match field {
            Field::Text(text) => self.label(name, text),
            Field::Value(Value::Object(fields)) => {
                for (key, value) in fields {
                    let name = if name.is_empty() { key.to_string() } else { format!("{name}_{key}") };
                    self.take(&name, Field::Value(value));
                }
            }
            Field::Value(Value::Integer(number)) => self.take(name, Field::Integer(*number)),
            Field::Value(Value::Float(number)) => self.take(name, Field::Float(number.into_inner())),
            Field::Value(value) => {
                // Lists, times and the like are neither.
                if let Some(text) = value.to_str_lossy() {
                    self.label(name, &text);
                }
            }
            other => self.numbers.extend(other.number().map(|number| (name.to_owned(), number))),
        }
    }

    /// Of two fields that come to the same name the first is taken: Prometheus refuses a label twice.
    fn label(&mut self, field: &str, text: &str) {
        let name = names::label(field);
        if self.labels.iter().all(|(other, _)| *other != name) {
            self.labels.push((name, text.to_owned()));
        }
    }
}
