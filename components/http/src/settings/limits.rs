//! Settings of what clients may take. Most of the server's bounds are not among them: their defaults suit every log
//! shipper.

use logd_sdk::http::Limits;
use logd_sdk::report::Report;
use logd_sdk::settings::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::Deserialize;

/// What clients may take of time, memory and connections.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitSettings {
    /// How long a request may wait for its answer, before that is 503 with `Retry-After`. By default 30 s, and 1 s where
    /// `respond_when` is `received`.
    pub(super) busy_timeout: Option<Duration>,
    /// The largest body as it is sent; larger ones are answered 413.
    max_body_size: ByteSize,
    /// The largest body once it is unpacked; larger ones are answered 413. By default, twice `max_body_size`.
    /// Both have to be at most 32 MiB, but for requests that do not go to the disk.
    max_decoded_size: Option<ByteSize>,
    /// How many connections there may be; one more is answered 503 and closed.
    max_connections: usize,
    /// How many of them from one address (of IPv6, from one /64 network). By default half, so that no machine can shut
    /// the others out; behind a proxy, all come from one.
    max_connections_per_peer: Option<usize>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            busy_timeout: None,
            max_body_size: ByteSize::mebibytes(16),
            max_decoded_size: None,
            max_connections: 1024,
            max_connections_per_peer: None,
        }
    }
}

/// The largest body that can be asked for in memory. Rows could point into four times as much; no log shipper sends a
/// tenth.
pub(super) const LARGEST_IN_MEMORY: ByteSize = ByteSize::mebibytes(1024);

/// What a decoder may hold beside its body, as [`Limits::memory`] has it.
const DECODER: usize = 9 << 20;

impl LimitSettings {
    /// Says what is wrong with them, where no body may be larger than `largest`.
    pub(super) fn check(&self, largest: ByteSize, report: &mut Report) {
        let sizes = [("max_body_size", Some(self.max_body_size)), ("max_decoded_size", self.max_decoded_size)];
        for (key, size) in sizes {
            if size.is_some_and(|size| size.bytes() == 0 || size > largest) {
                let problem = report.error(["limits", key], format!("`{key}` must lie between 1 B and {largest}"));
                if largest < LARGEST_IN_MEMORY {
                    problem.help(format!("with respond_when = \"received\" it may be {LARGEST_IN_MEMORY}"));
                }
            }
        }
        let counts = [
            ("max_connections", Some(self.max_connections)),
            ("max_connections_per_peer", self.max_connections_per_peer),
        ];
        for (key, count) in counts {
            if count == Some(0) {
                report.error(["limits", key], "with 0 connections nobody can send anything");
            }
        }
        if self.busy_timeout.is_some_and(|timeout| timeout.is_zero()) {
            report.error(["limits", "busy_timeout"], "every request waits for a moment: this would refuse all of them");
        }
    }

    /// The server's bounds, where no body may be larger than `largest`.
    pub(super) fn bounds(&self, largest: ByteSize) -> Limits {
        let defaults = Limits::default();
        let max_body = self.max_body_size.min(largest).in_memory();
        let max_decoded = self.max_decoded_size.map_or(2 * max_body, ByteSize::in_memory).min(largest.in_memory());
        Limits {
            max_body,
            max_decoded,
            memory: defaults.memory.max((max_body.max(max_decoded) + DECODER).div_ceil(3) * 4),
            max_connections: self.max_connections,
            max_connections_per_peer: self.max_connections_per_peer.unwrap_or(self.max_connections.div_ceil(2)),
            ..defaults
        }
    }
}
