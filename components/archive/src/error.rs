//! Why a question has no answer.

use thiserror::Error;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum Error {
    /// The query of a search can't be read, is too long, or asks for what the index can't do. The text is for whoever
    /// wrote it.
    #[error("{0}")]
    Query(String),
    /// The cursor was not made by this archive, not for this kind of page, or has been damaged on the way.
    #[error("the cursor is not one that a page came with")]
    Cursor,
    /// The answer would have taken too long; a shorter range of time may help.
    #[error("the search took longer than {0} s")]
    TooSlow(u64),
    /// Disk or data failed.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}
