//! Small files that only logd may read: each is there whole, in its old or its new version, whatever happens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use anyhow::{Context as _, bail};

/// Makes a folder for nobody else to look into, unless it is there.
pub(crate) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("the folder {} can't be made", path.display()))
}

/// Reads a file of at most `most` bytes; `None` if there is none. What others might read is closed to them.
pub(crate) fn read(path: &Path, most: u64) -> anyhow::Result<Option<Vec<u8>>> {
    let shown = path.display();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{shown} can't be read")),
    };
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        tracing::warn!(path = %shown, "Others could read a file with secrets; they no longer can.");
        permissions.set_mode(0o600);
        file.set_permissions(permissions).with_context(|| format!("{shown} can't be closed to others"))?;
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("{shown} can't be read"))?;
    if bytes.len() as u64 > most {
        bail!("{shown} has more than {most} bytes");
    }
    Ok(Some(bytes))
}

/// Puts a file in the place of what is at `path`, for its owner alone. Whoever calls this sees to it that nobody else
/// does at the same time.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let shown = path.display();
    let folder = path.parent().with_context(|| format!("{shown} is in no folder"))?;
    let name = path.file_name().with_context(|| format!("{shown} has no name"))?;
    let new = folder.join(format!(".{}.new", name.to_string_lossy()));
    let put = || {
        // What a crash has left behind may have been made by somebody else, with other permissions.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        keep_owner(&file, &new, folder)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    };
    put().with_context(|| format!("{shown} can't be written"))
}

/// What root writes into the folder of another user (`sudo logd user passwd`) has to be that user's, or the daemon
/// could not read it.
pub(crate) fn keep_owner(file: &File, path: &Path, folder: &Path) -> std::io::Result<()> {
    let (file, folder) = (file.metadata()?, fs::metadata(folder)?);
    if file.uid() == folder.uid() {
        return Ok(());
    }
    chown(path, Some(folder.uid()), Some(folder.gid()))
}

/// Tells two versions of a file apart without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// That of the file at `path`; `None` if there is none.
    pub(crate) fn of(path: &Path) -> std::io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(found) => Ok(Some(Self {
                inode: found.ino(),
                size: found.size(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/secret");
        make_folder(path.parent().unwrap()).unwrap();
        assert_eq!(read(&path, 10).unwrap(), None);
        assert_eq!(Stamp::of(&path).unwrap(), None);
        // A crash has left something behind that all can read.
        let left = folder.path().join("deep/.secret.new");
        fs::write(&left, "half").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"one").unwrap();
        let first = Stamp::of(&path).unwrap();
        write(&path, b"two").unwrap();
        assert_ne!(Stamp::of(&path).unwrap(), first, "as long, and as fast as it may be");
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        assert!(!left.exists());
    }

    #[test]
    fn what_others_can_read_is_closed_and_what_is_too_long_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "12345").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path, 4).unwrap_err().to_string().contains("more than 4 bytes"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
