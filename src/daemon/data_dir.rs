//! The folder in which the daemon keeps what must outlive it. It belongs to one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The folder, held for as long as this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The kernel lets the lock go with the process, however that ends.
    _lock: File,
}

/// Another process holds the folder.
#[derive(Debug, thiserror::Error)]
#[error("the data folder {} is in use by another logd{}", .path.display(), .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
pub(crate) struct InUse {
    path: PathBuf,
    pid: Option<u32>,
}

impl DataDir {
    /// Makes the folder, for nobody else to read, unless it is there, and takes it.
    ///
    /// # Errors
    /// [`InUse`], or the folder can't be made or written to.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the data folder {shown} can't be made"))?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .with_context(|| format!("the data folder {shown} can't be written to"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                return Err(InUse { path: path.to_owned(), pid: pid.trim().parse().ok() }.into());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("the data folder {shown} can't be locked"));
            }
        }
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The process that holds the folder at `path`, if one does and has said so.
    pub(super) fn holder(path: &Path) -> Option<u32> {
        let mut lock = File::open(path.join("lock")).ok()?;
        let Err(TryLockError::WouldBlock) = lock.try_lock_shared() else { return None };
        let mut pid = String::new();
        lock.read_to_string(&mut pid).ok()?;
        pid.trim().parse().ok()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn belongs_to_one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/data");
        let first = DataDir::take(&path).expect("taken");
        assert_eq!(fs::metadata(first.path()).expect("there").permissions().mode() & 0o777, 0o700);
        let error = DataDir::take(&path).expect_err("in use").to_string();
        assert!(error.contains(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        DataDir::take(&path).expect("free again");
    }
}
