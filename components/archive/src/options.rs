//! The archive's limits. They may change while it is open.

use std::num::NonZeroU32;
use std::time::Duration;

/// What is kept, and how much is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is older is deleted: logs by the hour in which they came, incidents by their last change, series by their
    /// own time.
    pub max_age: Duration,
    /// When all files together are larger, the oldest logs are deleted, a part at a time. A part is an hour's logs, or
    /// less where they are many: an eighth of this, but at least 16 MiB and at most 256 MiB. So a limit of less than
    /// 32 MiB is not held to the byte.
    pub max_bytes: u64,
    /// So many logs a second are indexed. Of more, errors stay first, up to half of it, and of the rest each service's
    /// fair share.
    pub max_rate: NonZeroU32,
}

impl Default for Options {
    /// A week, 1 GiB, 5000 logs a second.
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(7 * 24 * 3600),
            max_bytes: 1 << 30,
            max_rate: const { NonZeroU32::new(5000).unwrap() },
        }
    }
}
