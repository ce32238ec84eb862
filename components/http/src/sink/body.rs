//! The body of a request: how its events are written, divided, and packed.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;
use logd_sdk::Batch;
use logd_sdk::settings::Codec;
use schemars::JsonSchema;
use serde::Deserialize;

/// What divides a body into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Framing {
    /// Each event is a line.
    NewlineDelimited,
    /// The body is a JSON array of events.
    JsonArray,
    /// The body is one event: each has a request of its own.
    Bytes,
}

/// How bodies are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Compression {
    /// Not at all.
    #[default]
    None,
    /// By gzip.
    Gzip,
    /// By zstd.
    Zstd,
}

/// Makes bodies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packer {
    pub(super) codec: Codec,
    pub(super) framing: Framing,
    pub(super) compression: Compression,
}

impl Packer {
    /// The body with these rows of the batch.
    ///
    /// # Errors
    /// It can't be compressed.
    pub(super) fn pack(self, batch: &Batch, rows: &[u32]) -> io::Result<Vec<u8>> {
        let (open, between, close): (&[u8], &[u8], &[u8]) = match self.framing {
            Framing::NewlineDelimited => (b"", b"\n", b"\n"),
            Framing::JsonArray => (b"[", b",", b"]"),
            Framing::Bytes => (b"", b"", b""),
        };
        let mut body = open.to_vec();
        for (place, row) in rows.iter().enumerate() {
            if place > 0 {
                body.extend_from_slice(between);
            }
            self.codec.write(batch, *row as usize, &mut body);
        }
        body.extend_from_slice(close);
        match self.compression {
            Compression::None => Ok(body),
            Compression::Gzip => {
                let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
                packed.write_all(&body)?;
                packed.finish()
            }
            Compression::Zstd => zstd::encode_all(&body[..], zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }

    /// What the body is, for `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match (self.codec, self.framing) {
            (Codec::Text, _) => "text/plain; charset=utf-8",
            (Codec::Json, Framing::NewlineDelimited) => "application/x-ndjson",
            (Codec::Json, Framing::JsonArray | Framing::Bytes) => "application/json",
        }
    }

    /// How the body is packed, for `Content-Encoding`.
    pub(super) fn content_encoding(self) -> Option<&'static str> {
        match self.compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }
}
