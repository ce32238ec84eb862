//! The identity of an event: the same after a restart, a replay, or on another machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::row::{Block, Row};

/// 128 bits: 32 of a hash of the partition, 48 of the position in it, and 48 of a hash of all that an event is (its bytes
/// too, for offsets return when a topic or a file is made anew). Shown as 32 hexadecimal digits.
///
/// Ids of a partition rise with its positions. That is what indices of other systems like: a search engine or a B-tree
/// finds out that a rising key is new without looking for it in what it holds, and stores it next to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u128);

/// How many bits of an id are its position, and how many the hash of the event.
const PLACE: u32 = 48;

impl EventId {
    /// The id of a row of this block.
    #[must_use]
    pub fn of(block: &Block, row: &Row) -> Self {
        const MASK: u64 = (1 << PLACE) - 1;
        let partition = block.partition.hash();
        let bytes = block.bytes.get(row.range()).unwrap_or_default();
        // What does not fit in is hashed in.
        let content = xxh3_64_with_seed(bytes, partition ^ row.position);
        let place = u128::from(partition >> 32) << PLACE | u128::from(row.position & MASK);
        Self(place << PLACE | u128::from(content & MASK))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Partition;
    use crate::time::Time;

    fn id(partition: &str, position: u64, bytes: &'static str) -> EventId {
        let block = Block::new(Bytes::from_static(bytes.as_bytes()), Partition::new("p/s", partition));
        let end = u32::try_from(bytes.len()).unwrap();
        EventId::of(&block, &Row::line(0, end, position, Time::EPOCH))
    }

    #[test]
    fn an_id_says_where_and_what() {
        let one = id("a", 7, "x");
        assert_eq!(one, id("a", 7, "x"));
        for other in [id("b", 7, "x"), id("a", 8, "x"), id("a", 7, "y"), id("a", 7 | 1 << 60, "x")] {
            assert_ne!(one, other);
        }
        assert_eq!(one.to_string().len(), 32);
    }

    #[test]
    fn ids_of_a_partition_rise() {
        let ids: Vec<EventId> = (0..100).map(|position| id("a", position * 1000, "x")).collect();
        assert!(ids.is_sorted());
    }
}
