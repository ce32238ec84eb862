//! Which file is which, whatever it is called now, and how far it has been read.
//!
//! A name says little: rotation gives it to another file. While a file is held open, device and inode are certain. Over
//! a restart they are not, for a file system gives the inode of a deleted file to the next one, and a file can be
//! emptied and written anew; so a hash of the first bytes must be the same too. The hash alone would not do: files of
//! measurements share their first line, and often more.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that has this metadata.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A hash of a file's first bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    length: usize,
    hash: u64,
}

impl Fingerprint {
    /// Of the first `length` bytes, or of all if there are less.
    fn of(file: &File, length: usize) -> io::Result<Self> {
        let mut bytes = vec![0; length];
        let mut length = 0;
        while length < bytes.len() {
            match file.read_at(&mut bytes[length..], length as u64) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { length, hash: xxh3_64(&bytes[..length]) })
    }

    /// Whether the file still begins with the same bytes.
    pub(crate) fn matches(self, file: &File) -> io::Result<bool> {
        Ok(self.length == 0 || Self::of(file, self.length)? == self)
    }

    /// Whether the file of this name surely is the one, though nobody has held it open.
    pub(crate) fn is_of(self, path: &Path) -> bool {
        self.length > 0 && File::open(path).and_then(|file| self.matches(&file)).unwrap_or(false)
    }

    /// Takes in what a file of `size` bytes, that was shorter when it was first seen, has become since.
    pub(crate) fn extend(&mut self, file: &File, size: u64, wanted: usize) -> io::Result<()> {
        if self.length < wanted && self.length as u64 != size {
            *self = Self::of(file, wanted)?;
        }
        Ok(())
    }
}

/// How far a file has been read: what the source's position is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Which file.
    pub(crate) id: FileId,
    /// When it was made, in nanoseconds since the epoch, where the file system knows.
    pub(crate) born: u64,
    /// How often it was emptied and written anew since.
    pub(crate) generation: u32,
    /// What it begins with.
    pub(crate) fingerprint: Fingerprint,
    /// Whether it is read through decompression.
    pub(crate) gzip: bool,
    /// Where it was last seen.
    pub(crate) path: OsString,
    /// Where its next event begins, in bytes as they are after decompression.
    pub(crate) offset: u64,
    /// Whether a line without interest has to be skipped first.
    pub(crate) skipping: bool,
}

impl Place {
    /// The beginning of a file.
    pub(crate) fn new(metadata: &Metadata, path: OsString, gzip: bool, offset: u64) -> Self {
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let born = born.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        let fingerprint = Fingerprint::default();
        Self { id: FileId::of(metadata), born, generation: 0, fingerprint, gzip, path, offset, skipping: false }
    }

    /// The beginning of the file after it was written anew.
    pub(crate) fn anew(&self) -> Self {
        let generation = self.generation + 1;
        Self { generation, fingerprint: Fingerprint::default(), offset: 0, skipping: false, ..self.clone() }
    }

    /// Names the stream of this file's events. It is the same under any name and after any restart, so that an event
    /// keeps its identity; offsets come back only under another generation or another birth, which are in it.
    pub(crate) fn partition(&self) -> String {
        let Self { id: FileId { device, inode }, born, generation, .. } = self;
        format!("{device:x}-{inode:x}-{born:x}-{generation}")
    }
}
