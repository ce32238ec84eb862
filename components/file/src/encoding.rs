//! What the sinks write events as.

use logd_sdk::Batch;
use logd_sdk::event::{write_json, write_text};
use schemars::JsonSchema;
use serde::Deserialize;

/// How events are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoding {
    /// As `text`, a line each: its `message`, or what it has as JSON. As `json`, an object on a line each.
    #[serde(default)]
    pub(crate) codec: Codec,
}

/// What an event is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Codec {
    /// Its message, or the whole of it as JSON.
    #[default]
    Text,
    /// A JSON object.
    Json,
}

impl Codec {
    /// Appends the event and a newline.
    pub(crate) fn write(self, batch: &Batch, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text => write_text(batch, row, out),
            Self::Json => write_json(batch, row, out),
        }
        out.push(b'\n');
    }
}
