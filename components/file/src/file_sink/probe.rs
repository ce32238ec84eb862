//! Whether the files of a sink could be written.
//!
//! It is tried, and not read from permissions: these know nothing of a file system that is mounted read-only, that makes
//! files of its own as `/proc` does, or that is somebody else's over the network.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// Tries whether files can be written in `folder`, or whether it can be made where it is missing. `file` is the one
/// file, if the events do not choose among several. Leaves nothing behind.
///
/// # Errors
/// What can't be written to, and why.
pub(super) fn probe(folder: &Path, file: Option<&Path>) -> anyhow::Result<()> {
    // A relative path ends with nothing, which is here. A link that leads nowhere is there too, and is no folder.
    let is_there = |folder: &Path| folder.symlink_metadata().is_ok();
    let there = folder.ancestors().find(|folder| is_there(folder)).unwrap_or(Path::new("."));
    ensure!(there.is_dir(), "`{}` is not a folder", there.display());
    let tried = try_in(there);
    if there == folder || folder == Path::new("") {
        tried.with_context(|| format!("no file can be made in `{}`", there.display()))?;
    } else {
        tried.with_context(|| format!("`{}` can't be made", folder.display()))?;
    }
    let Some((file, metadata)) = file.and_then(|file| Some((file, file.metadata().ok()?))) else { return Ok(()) };
    ensure!(!metadata.is_dir(), "`{}` is a folder", file.display());
    // To open anything else may wait, as a pipe does for its reader.
    if metadata.is_file() {
        let opened = OpenOptions::new().write(true).open(file);
        opened.with_context(|| format!("`{}` can't be written to", file.display()))?;
    }
    Ok(())
}

/// Makes a file in a folder that has no name there, so that nothing is left of it even by a kill.
fn try_in(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fault(folder: &Path, file: Option<&Path>) -> String {
        probe(folder, file).map_or_else(|error| format!("{error:#}"), |()| "fine".to_owned())
    }

    #[test]
    fn a_folder_is_tried_and_left_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(fault(place.path(), None), "fine");
        assert_eq!(fault(&place.path().join("new/newer"), Some(&place.path().join("new/newer/x.log"))), "fine");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left behind");
        assert_eq!(fault(Path::new(""), None), "fine", "where this runs");
    }

    #[test]
    fn says_what_and_where() {
        let proc = fault(Path::new("/proc/nope"), None);
        assert!(proc.starts_with("`/proc/nope` can't be made: "), "{proc}");
        let proc = fault(Path::new("/proc"), None);
        assert!(proc.starts_with("no file can be made in `/proc`: "), "{proc}");

        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("file"), place.path().join("link"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert_eq!(fault(&file.join("deep"), None), format!("`{}` is not a folder", file.display()));
        assert_eq!(fault(&link, None), format!("`{}` is not a folder", link.display()));
        assert_eq!(fault(place.path(), Some(&file)), "fine");
        assert_eq!(
            fault(Path::new("/"), Some(place.path())),
            format!("`{}` is a folder", place.path().display()),
            "what is to be a file"
        );
    }
}
