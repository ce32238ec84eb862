//! Which files there are to read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::identity::{FileId, Place};

/// Finds files.
#[derive(Debug)]
pub(crate) enum Finder {
    /// By their names.
    Globs {
        /// Patterns of which one has to match.
        include: Vec<String>,
        /// Patterns of which none may match.
        exclude: Vec<Pattern>,
    },
    /// One file that is open already, until it is handed out.
    Open(Option<(Place, File)>),
}

/// A file that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its beginning.
    pub(crate) place: Place,
    /// The file, if it is open already.
    pub(crate) file: Option<File>,
}

impl Finder {
    /// All files, each once however many names it has, in the order of the patterns and then of their names.
    pub(crate) fn find(&mut self) -> Vec<Found> {
        match self {
            Self::Open(open) => {
                open.take().map(|(place, file)| Found { place, file: Some(file) }).into_iter().collect()
            }
            Self::Globs { include, exclude } => {
                let mut seen = BTreeSet::new();
                // What is no pattern has been refused by `check`.
                let paths = include.iter().filter_map(|pattern| glob::glob(pattern).ok()).flatten().filter_map(listed);
                let wanted = paths.filter(|path| !exclude.iter().any(|pattern| pattern.matches_path(path)));
                wanted.filter_map(found).filter(|found| seen.insert(found.place.id)).collect()
            }
        }
    }
}

fn listed(path: Result<PathBuf, glob::GlobError>) -> Option<PathBuf> {
    let warn = |error: &glob::GlobError| {
        tracing::warn!(path = %error.path().display(), error = %error.error(), "A folder can't be searched for files.");
    };
    path.inspect_err(warn).ok()
}

/// The file of this name; none if it is not a file, or has gone meanwhile.
fn found(path: PathBuf) -> Option<Found> {
    let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let gzip = path.extension().is_some_and(|extension| extension == "gz");
    Some(Found { place: Place::new(&metadata, path.into_os_string(), gzip, 0), file: None })
}

/// Looks for a file that has left its name, in the folder where it was, whatever it is called there now. None also if
/// it has not, and only is not wanted any more.
pub(crate) fn renamed(place: &Place) -> Option<PathBuf> {
    if is_at(place.id, &place.path) {
        return None;
    }
    let folder = Path::new(&place.path).parent()?;
    // An empty parent is the current folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut paths = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| is_at(place.id, path) && place.fingerprint.is_of(path))
}

/// Whether this file has this name.
pub(crate) fn is_at(id: FileId, path: impl AsRef<Path>) -> bool {
    fs::metadata(path).is_ok_and(|metadata| FileId::of(&metadata) == id)
}
