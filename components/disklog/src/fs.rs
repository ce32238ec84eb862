//! The filesystem, as far as a log needs it, as a trait: so that a test can cut the power between any two calls.

use std::fmt::Debug;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// A filesystem.
pub trait FileSystem: Debug + Send + Sync + 'static {
    /// Makes a folder, durably, with those above it. One that is there is no error.
    ///
    /// # Errors
    /// It can't be made.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// The names of all that is in a folder; a `/` stands behind those that are no files.
    ///
    /// # Errors
    /// It can't be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes a new file.
    ///
    /// # Errors
    /// There is one, or none can be made.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file to be written to.
    ///
    /// # Errors
    /// It can't be opened.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file to be read only.
    ///
    /// # Errors
    /// It can't be opened.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Makes the file if it is not there, opens it, and locks it for as long as it is open.
    ///
    /// # Errors
    /// `WouldBlock` if somebody else has it locked.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// It has the name that it had.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// It can't be removed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// They are not.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// An open file. Reads and writes say where, so that a file has no position.
pub trait File: Debug + Send + Sync {
    /// Reads as many bytes as are there, at most as many as fit.
    ///
    /// # Errors
    /// They can't be read.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes, and says how much of it was written.
    ///
    /// # Errors
    /// Nothing was written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file off, or fills it up with zeros.
    ///
    /// # Errors
    /// It has the length that it had.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes bytes and length durable.
    ///
    /// # Errors
    /// What was written since the last success may or may not be on the disk, and a second call that succeeds says
    /// nothing about it: the kernel has forgotten by then that those pages were never written.
    fn sync_data(&self) -> io::Result<()>;

    /// May begin to bring a range to the disk, so that the next sync has less to wait for. That sync says whether it has
    /// worked.
    fn write_back(&self, offset: u64, length: u64) {
        let _ = (offset, length);
    }

    /// The length in bytes.
    ///
    /// # Errors
    /// It can't be told.
    fn length(&self) -> io::Result<u64>;
}

/// Writes all of it, however many calls that takes.
pub(crate) fn write_all(file: &dyn File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads up to `length` bytes; fewer only if the file ends.
pub(crate) fn read(file: &dyn File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let filled = fill(file, offset, &mut bytes)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// Reads until `into` is full or the file ends, and says how many bytes that were.
pub(crate) fn fill(file: &dyn File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read_at(&mut into[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl FileSystem for Real {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let parent = match folder.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Ok(()),
        };
        self.create_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => self.sync_folder(parent),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let mut name = entry.file_name().to_string_lossy().into_owned();
            if !entry.file_type()?.is_file() {
                name.push('/');
            }
            names.push(name);
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(fs::File::open(path)?))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        fs::File::open(folder)?.sync_all()
    }
}

impl File for fs::File {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        fs::File::set_len(self, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        fs::File::sync_data(self)
    }

    fn write_back(&self, offset: u64, length: u64) {
        let (Ok(offset), Ok(length)) = (offset.try_into(), length.try_into()) else { return };
        // Linux begins to write what is dirty in the range, and waits for nothing. Only pages that are clean leave the
        // cache, of which there are none in a range that was just written. (`sync_file_range` is made for this, but no
        // safe binding of it was found.)
        let _ = posix_fadvise(self, offset, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
