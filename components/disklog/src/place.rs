//! Where a log is: its folder, its id, and the names of its segments.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bad::Bad;
use crate::fs::{File, FileSystem};
use crate::view::Segment;
use crate::{Error, fs};

/// The name of the file that is locked, and holds the id.
pub(crate) const LOCK: &str = "lock";

/// What stands behind the name of a segment that is not finished.
const NEW: &str = ".new";

/// What the log and its readers share.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) folder: PathBuf,
    pub(crate) id: u64,
    pub(crate) bad: Bad,
}

/// What a segment's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) ordinal: u64,
    pub(crate) first: u64,
    pub(crate) id: u64,
}

impl Name {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".log")?.split('-');
        let (first, ordinal, id) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || [first.len(), ordinal.len(), id.len()] != [20, 20, 16] {
            return None;
        }
        let id = u64::from_str_radix(id, 16).ok()?;
        Some(Self { ordinal: ordinal.parse().ok()?, first: first.parse().ok()?, id })
    }

    /// What the checksums of this segment's records are seeded with.
    pub(crate) fn seed(self) -> u64 {
        self.id ^ self.ordinal
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:020}-{:020}-{:016x}.log", self.first, self.ordinal, self.id)
    }
}

impl Place {
    pub(crate) fn name(&self, segment: &Segment) -> Name {
        Name { ordinal: segment.ordinal, first: segment.named, id: self.id }
    }

    pub(crate) fn path(&self, segment: &Segment) -> PathBuf {
        self.folder.join(self.name(segment).to_string())
    }

    /// Where a segment stands until it has its name.
    pub(crate) fn new_path(&self, segment: &Segment) -> PathBuf {
        self.folder.join(format!("{}{NEW}", self.name(segment)))
    }

    /// Keeps a copy of broken bytes that stand at `offset` of a segment.
    pub(crate) fn keep_bad(&self, segment: &Segment, offset: u64, bytes: &[u8]) {
        let path = self.folder.join(format!("{}-{offset}.bad", self.name(segment)));
        self.bad.keep(&*self.fs, &path, bytes);
    }
}

/// The id that the lock file holds.
pub(crate) fn read_id(lock: &dyn File) -> Option<u64> {
    let text = fs::read(lock, 0, 17).ok()?;
    let text = std::str::from_utf8(&text).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

/// The segments of the log in a folder in their order, the log's id, and all that does not belong to it.
pub(crate) fn sort(names: Vec<String>, id: Option<u64>) -> (Vec<Name>, Option<u64>, Vec<String>) {
    let mut ours: Vec<Name> = names.iter().filter_map(|name| Name::parse(name)).collect();
    ours.sort_unstable();
    let id = id.or_else(|| ours.first().map(|name| name.id));
    ours.retain(|name| Some(name.id) == id);
    let foreign = names
        .into_iter()
        .filter(|name| name != LOCK && !is_bad(name) && !is_new(name))
        .filter(|name| Name::parse(name).is_none_or(|parsed| Some(parsed.id) != id))
        .collect();
    (ours, id, foreign)
}

/// Whether this is the name of a segment that was never finished.
pub(crate) fn is_new(name: &str) -> bool {
    name.strip_suffix(NEW).is_some_and(|name| Name::parse(name).is_some())
}

/// Whether this is the name of a copy of broken bytes.
pub(crate) fn is_bad(name: &str) -> bool {
    name.ends_with(".bad")
}

/// Reads a whole file.
pub(crate) fn load(fs: &dyn FileSystem, path: &Path) -> Result<Vec<u8>, Error> {
    let file = fs.open_to_read(path).map_err(Error::io("opened", path))?;
    let length = file.length().map_err(Error::io("measured", path))?;
    fs::read(&*file, 0, usize::try_from(length).unwrap_or(usize::MAX)).map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_needed_to_read_the_segment() {
        let name = Name { ordinal: 3, first: 41, id: 0xABC };
        let text = name.to_string();
        assert_eq!(text, "00000000000000000041-00000000000000000003-0000000000000abc.log");
        assert_eq!(Name::parse(&text), Some(name));
        for other in
            ["41-3-abc.log", "x.log", "lock", "00000000000000000041-00000000000000000003-0000000000000abc.log/"]
        {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_of_another_log_is_foreign() {
        let name = |ordinal, id| Name { ordinal, first: 1, id }.to_string();
        let names = vec![name(2, 7), name(1, 7), name(3, 8), "lock".into(), "notes.txt".into(), "x.bad".into()];
        let (ours, id, foreign) = sort(names.clone(), None);
        assert_eq!((ours.iter().map(|name| name.ordinal).collect::<Vec<_>>(), id), (vec![1, 2], Some(7)));
        assert_eq!(foreign, [name(3, 8), "notes.txt".into()]);
        assert_eq!(sort(names, Some(8)).0.len(), 1, "the lock file decides");
    }
}
