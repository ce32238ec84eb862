//! What can go wrong with a log. Nothing of it ends the log: each is an answer to one call.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a call failed. Can be cloned, for one failed sync answers many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no room now; there is again once something was released.
    #[error("the disk log is full: {used} of {max_size} bytes are used, {needed} are needed")]
    Full {
        /// What the call would have added, in bytes.
        needed: u64,
        /// What the segments take, in bytes.
        used: u64,
        /// What they may take, in bytes.
        max_size: u64,
    },
    /// There will never be room for this.
    #[error("{size} bytes are too large for the disk log, which takes {limit} at most")]
    TooLarge {
        /// The size of the record or of all records of the call, in bytes.
        size: u64,
        /// What is taken at most, in bytes.
        limit: u64,
    },
    /// Another process, or another part of this one, writes to the folder.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The log was closed, or its thread has ended.
    #[error("the disk log is closed")]
    Closed,
    /// The filesystem said no: no space, a broken disk, no permission.
    #[error("{} can't be {what}", .path.display())]
    Io {
        /// What was to be done, as a participle: "written", "read".
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl Error {
    /// Wraps what the system said of a file, to be used in `map_err`.
    pub(crate) fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { what, path: path.to_owned(), source: Arc::new(source) }
    }
}
