//! Copies of broken bytes, for whoever wants to find out what happened to the disk.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fs::{FileSystem, write_all};

/// Copies take no more than this, in bytes, so that a disk that breaks again and again is not filled by them.
const MOST: u64 = 64 << 20;

/// How much room the copies of a folder take.
#[derive(Debug)]
pub(crate) struct Bad(AtomicU64);

impl Bad {
    /// Copies of so many bytes are there already.
    pub(crate) fn new(size: u64) -> Self {
        Self(AtomicU64::new(size))
    }

    /// Makes a copy, unless there is one. A copy that can't be made is missed by nobody but its reader.
    pub(crate) fn keep(&self, fs: &dyn FileSystem, path: &Path, bytes: &[u8]) {
        let size = bytes.len() as u64;
        if self.0.load(Ordering::Relaxed) + size > MOST {
            tracing::warn!(path = %path.display(), size, "Broken bytes are not kept: there are too many already.");
            return;
        }
        match fs.create(path).and_then(|file| write_all(&*file, bytes, 0)) {
            Ok(()) => {
                self.0.fetch_add(size, Ordering::Relaxed);
                tracing::warn!(path = %path.display(), size, "Broken bytes were found in a disk log, and are kept aside.");
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => tracing::warn!(path = %path.display(), %error, "Broken bytes can't be kept aside."),
        }
    }
}
