//! The setting `buffer` of every sink.

use logd_sdk::report::Report;
use logd_sdk::settings::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

/// What waits for a sink, and what happens when that is too much.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BufferSettings {
    /// Where events wait: in `memory`, which is gone with the process and comes again from sources that can be replayed,
    /// or on `disk`, in a log of its own below `data_dir`, so that a sink that is away does not slow the others.
    #[serde(default, rename = "type")]
    pub(crate) kind: BufferKind,
    /// How much may wait; by default 256 MiB on disk, and of memory a sixteenth of `limits.memory`.
    #[serde(default)]
    pub(crate) max_size: Option<ByteSize>,
    /// What happens to events for which there is no room.
    #[serde(default)]
    pub(crate) when_full: WhenFull,
}

/// Where events wait for a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BufferKind {
    /// In the channel before it.
    #[default]
    Memory,
    /// In a log on disk.
    Disk,
}

/// What happens to events for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenFull {
    /// They wait, and so do those that send them.
    #[default]
    Block,
    /// They are dropped, and counted.
    DropNewest,
}

/// What a disk buffer holds by default, in bytes.
const ON_DISK: u64 = 256 << 20;
/// A disk buffer smaller than this could not take a batch.
const SMALLEST_ON_DISK: u64 = 64 << 20;

impl BufferSettings {
    /// Says what is wrong with them.
    pub(crate) fn check(&self, report: &mut Report) {
        let Some(size) = self.max_size else { return };
        if self.kind == BufferKind::Disk && size.bytes() < SMALLEST_ON_DISK {
            report
                .error("max_size", "a buffer on disk has room for 64 MiB at least")
                .help("write max_size = \"64 MiB\"");
        } else if size.bytes() == 0 {
            report.error("max_size", "`max_size` must be larger than nothing");
        }
    }

    /// How many bytes a buffer on disk may take; `None` where there is none.
    pub(crate) fn on_disk(&self) -> Option<u64> {
        (self.kind == BufferKind::Disk).then(|| self.max_size.map_or(ON_DISK, ByteSize::bytes))
    }

    /// How many bytes may wait in memory; `otherwise` where that is not set.
    pub(crate) fn in_memory(&self, otherwise: u32) -> u32 {
        match (self.kind, self.max_size) {
            (BufferKind::Memory, Some(size)) => u32::try_from(size.in_memory()).unwrap_or(u32::MAX),
            _ => otherwise,
        }
    }
}
