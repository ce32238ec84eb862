//! What sinks write events as.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::event::{Batch, write_json, write_text};

/// How events are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// As `text`, a line each: its `message`, or what it has as JSON. As `json`, an object on a line each.
    #[serde(default)]
    pub codec: Codec,
}

/// What an event is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// Its message, or the whole of it as JSON.
    #[default]
    Text,
    /// A JSON object.
    Json,
}

impl Codec {
    /// Appends the event, without a line's end.
    pub fn write(self, batch: &Batch, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text => write_text(batch, row, out),
            Self::Json => write_json(batch, row, out),
        }
    }

    /// Appends the event and a newline.
    pub fn write_line(self, batch: &Batch, row: usize, out: &mut Vec<u8>) {
        self.write(batch, row, out);
        out.push(b'\n');
    }
}
