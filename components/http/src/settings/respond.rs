//! Settings of when a request is answered, and of what that needs.

use std::time::Duration;

use logd_sdk::report::Report;
use logd_sdk::settings::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::limits::LARGEST_IN_MEMORY;

/// When a request is answered 200.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RespondWhen {
    /// When its events are on disk, where they outlive a crash and a power cut.
    #[default]
    Durable,
    /// When its events have come to their ends: all sinks up to the next disk buffers have them.
    Delivered,
    /// When the pipeline has taken its events, in memory: what is under way is gone with the process.
    Received,
}

/// Where requests are until they are delivered.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BufferSettings {
    /// How much room they may take on disk; when there is none left, requests are answered 503. At least 64 MiB.
    max_size: ByteSize,
}

impl Default for BufferSettings {
    fn default() -> Self {
        Self { max_size: ByteSize::mebibytes(256) }
    }
}

/// A log smaller than this could not take two large requests.
const SMALLEST: ByteSize = ByteSize::mebibytes(64);

/// A request is one record of the log.
const LARGEST_ON_DISK: ByteSize = ByteSize::new(logd_disklog::MAX_RECORD as u64);

impl RespondWhen {
    /// Whether requests go to the disk.
    pub(super) fn is_on_disk(self) -> bool {
        self != Self::Received
    }

    /// How long a request may wait for its answer, where that is not set.
    pub(super) fn patience(self) -> Duration {
        Duration::from_secs(if self.is_on_disk() { 30 } else { 1 })
    }

    /// The largest body.
    pub(super) fn largest_body(self) -> ByteSize {
        if self.is_on_disk() { LARGEST_ON_DISK } else { LARGEST_IN_MEMORY }
    }
}

impl BufferSettings {
    /// Says what is wrong with them.
    pub(super) fn check(self, respond_when: RespondWhen, report: &mut Report) {
        if !respond_when.is_on_disk() {
            report.error("buffer", "with `respond_when = \"received\"` nothing goes to the disk");
        } else if self.max_size < SMALLEST {
            report
                .error(["buffer", "max_size"], format!("a buffer on disk has room for {SMALLEST} at least"))
                .help(format!("write max_size = \"{SMALLEST}\""));
        }
    }

    /// In bytes.
    pub(super) fn max_size(self) -> u64 {
        self.max_size.bytes()
    }
}
