//! `parse`: reads events in one of the known formats, and finds their time.
//!
//! A batch goes one of two ways: lines of a format whose fields are known become [columns], without a copy; all else
//! becomes [values].

mod build;
mod columns;
mod failures;
mod format;
mod settings;
mod timestamp;
mod values;

use std::sync::Arc;

use logd_sdk::event::JsonError;
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, Body, Columns, Outputs};
use vrl::path::OwnedValuePath;

use columns::Columnar;
use format::{Flat, Open, Reason};
use settings::OnError;
pub(crate) use settings::ParseSettings;
use timestamp::Stamp;

/// The running transform.
pub(crate) struct Parse {
    reader: Reader,
    /// How lines become columns, if the format's fields are known.
    columnar: Option<Columnar>,
    /// The field that holds the text, if the user has named one.
    field: Option<OwnedValuePath>,
    /// Where the time stands, if it is looked for.
    stamp: Option<(OwnedValuePath, Stamp)>,
    on_error: OnError,
    /// What is read downstream.
    columns: Arc<Columns>,
}

/// What reads a format.
enum Reader {
    /// The one that the event's own reader knows.
    Json,
    /// Its fields are known beforehand.
    Flat {
        /// What reads it.
        format: Box<dyn Flat>,
        /// Its fields.
        names: Vec<String>,
    },
    /// Each event has fields of its own.
    Open {
        /// What reads it.
        format: Box<Open>,
        /// Whether texts that spell a number become one.
        numbers: bool,
    },
}

impl Transform for Parse {
    fn apply(&self, batch: Batch, out: &mut Outputs) {
        match &self.columnar {
            Some(plan) if batch.rows().iter().all(|row| self.is_text(&row.body)) => self.fill_columns(plan, batch, out),
            _ => self.make_values(batch, out),
        }
    }
}

impl Parse {
    /// Whether the event's bytes are the text that is to be read.
    fn is_text(&self, body: &Body) -> bool {
        let text = matches!(body, Body::Line) || matches!((body, &self.reader), (Body::Json, Reader::Json));
        text && self.field.is_none()
    }
}

fn invalid_json(error: &JsonError) -> Reason {
    Reason::new("invalid_json", error.to_string())
}

fn missing_time(path: &OwnedValuePath) -> Reason {
    Reason::new("no_timestamp", format!("the event has no `{path}`"))
}

fn timed_out() -> Reason {
    Reason::new("timed_out", "the events before it in the batch took too long")
}

#[cfg(test)]
mod tests;
