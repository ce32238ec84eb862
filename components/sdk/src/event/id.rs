//! The identity of an event: the same after a restart, a replay, or on another machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::row::{Block, Row};

/// 128 bits from where an event stands (partition and position) and what it says (a hash of its bytes, for offsets
/// return when a topic or a file is made anew). Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u128);

impl EventId {
    /// The id of a row of this block.
    #[must_use]
    pub fn of(block: &Block, row: &Row) -> Self {
        let place = xxh3_64_with_seed(&row.position.to_le_bytes(), block.partition.hash());
        let content = xxh3_64(block.bytes.get(row.range()).unwrap_or_default());
        Self(u128::from(place) << 64 | u128::from(content ^ row.position))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
