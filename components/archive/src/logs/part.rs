//! A part: the logs that came in one hour, or less of an hour with many. A folder with an index of its own, so that what
//! is old goes by deleting a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use logd_sdk::Time;
use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::{Index, IndexSettings};

use super::schema::{FIELDS, is_known, tokenizers};

const HOUR: i64 = 3600 * 1_000_000;
/// Records are compressed together in blocks of so many bytes.
const BLOCK: usize = 32 << 10;
/// What a folder is called while it is deleted: a crash leaves a rest of it.
const GONE: &str = ".gone";

/// What names a part: the hour since the epoch, and its number in that hour. A later one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartName {
    pub(super) hour: i64,
    pub(super) number: u32,
}

impl PartName {
    /// The hour of a time.
    pub(super) fn hour(time: Time) -> i64 {
        time.as_micros().div_euclid(HOUR)
    }

    /// The end of its hour.
    pub(super) fn end(self) -> Time {
        Time::from_micros(self.hour.saturating_add(1).saturating_mul(HOUR))
    }

    /// The folder: `2026-11-23T10-001`.
    fn folder(self) -> String {
        let hour = Time::from_micros(self.hour.saturating_mul(HOUR)).to_string();
        let hour = hour.split_once(':').map_or(hour.as_str(), |(hour, _)| hour);
        format!("{hour}-{:03}", self.number)
    }

    fn of_folder(folder: &str) -> Option<Self> {
        let (hour, number) = folder.rsplit_once('-')?;
        let name = Self {
            hour: Self::hour(Time::parse_rfc3339(format!("{hour}:00:00Z").as_bytes())?),
            number: number.parse().ok()?,
        };
        (name.folder() == folder).then_some(name)
    }
}

/// What is known of a part without looking into it. It is written with each commit, so that it holds for just that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// The least and the greatest event time, in microseconds; `None` without logs.
    pub(super) times: Option<(i64, i64)>,
    /// The greatest number of a log.
    pub(super) number: u64,
    /// By feed: its last epoch here.
    pub(super) feeds: BTreeMap<String, u64>,
}

impl Facts {
    /// Takes in a log.
    pub(super) fn add(&mut self, time: Time, number: u64, feed: &str, epoch: u64) {
        let time = time.as_micros();
        self.times = Some(self.times.map_or((time, time), |(least, most)| (least.min(time), most.max(time))));
        self.number = number;
        match self.feeds.get_mut(feed) {
            Some(last) => *last = epoch,
            None => drop(self.feeds.insert(feed.to_owned(), epoch)),
        }
    }
}

/// What is known of a part as of its last commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) facts: Facts,
    pub(super) logs: u64,
    pub(super) bytes: u64,
}

/// A part.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: PartName,
    pub(super) folder: PathBuf,
    committed: Mutex<Committed>,
    /// Whether all its bytes were looked at in this run.
    checked: AtomicBool,
}

impl Part {
    /// A new part in `logs`.
    pub(super) fn create(logs: &Path, name: PartName) -> anyhow::Result<(Self, Index)> {
        let folder = logs.join(name.folder());
        fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
        let settings = IndexSettings {
            docstore_compress_dedicated_thread: false,
            docstore_blocksize: BLOCK,
            ..IndexSettings::default()
        };
        let builder = Index::builder().schema(FIELDS.schema.clone()).settings(settings).tokenizers(tokenizers());
        let index = builder.create_in_dir(&folder)?;
        let part = Self { name, folder, committed: Mutex::default(), checked: AtomicBool::new(true) };
        Ok((part, index))
    }

    /// A part that is there; `None` if nothing was ever committed to it.
    pub(super) fn open(folder: &Path, name: PartName) -> anyhow::Result<Option<Self>> {
        let part =
            Self { name, folder: folder.to_owned(), committed: Mutex::default(), checked: AtomicBool::new(false) };
        if !folder.join("meta.json").exists() {
            return Ok(None);
        }
        let meta = part.index()?.load_metas()?;
        let Some(payload) = &meta.payload else { return Ok(None) };
        let facts = serde_json::from_str(payload).context("what is known of it can't be read")?;
        let logs = meta.segments.iter().map(|segment| u64::from(segment.num_docs())).sum();
        part.set_committed(facts, logs);
        Ok(Some(part))
    }

    /// Its index.
    pub(super) fn index(&self) -> anyhow::Result<Index> {
        let mut index = Index::open(MmapDirectory::open(&self.folder)?)?;
        index.set_tokenizers(tokenizers());
        anyhow::ensure!(is_known(&index.schema()), "it has other fields than this logd knows");
        Ok(index)
    }

    /// Looks at all its bytes, once in a run. Blocks.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if !self.checked.load(Ordering::Relaxed) {
            let damaged = self.index()?.validate_checksum()?;
            anyhow::ensure!(damaged.is_empty(), "{damaged:?} are not what was written");
            self.checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether [`check`](Self::check) has to look at it.
    pub(super) fn is_unchecked(&self) -> bool {
        !self.checked.load(Ordering::Relaxed)
    }

    /// Has it checked again.
    pub(super) fn doubt(&self) {
        self.checked.store(false, Ordering::Relaxed);
    }

    pub(super) fn committed(&self) -> MutexGuard<'_, Committed> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a commit has brought.
    pub(super) fn set_committed(&self, facts: Facts, logs: u64) {
        let bytes = bytes(&self.folder);
        *self.committed() = Committed { facts, logs, bytes };
    }

    /// Deletes it. Who reads it goes on reading.
    pub(super) fn delete(&self) -> anyhow::Result<()> {
        let mut gone = self.folder.clone().into_os_string();
        gone.push(GONE);
        fs::rename(&self.folder, &gone)?;
        fs::remove_dir_all(&gone)?;
        Ok(())
    }
}

/// The bytes of the files in a folder; those that go meanwhile count nothing.
fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// The parts in `logs`, the oldest first. What is damaged is set aside; what was being deleted is deleted.
pub(super) fn list(logs: &Path) -> anyhow::Result<Vec<Part>> {
    fs::create_dir_all(logs).with_context(|| format!("{} can't be made", logs.display()))?;
    let mut parts = Vec::new();
    for entry in fs::read_dir(logs).with_context(|| format!("{} can't be read", logs.display()))? {
        let path = entry?.path();
        let folder = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if folder.ends_with(GONE) {
            fs::remove_dir_all(&path).with_context(|| format!("{} can't be deleted", path.display()))?;
        }
        let Some(name) = PartName::of_folder(folder) else { continue };
        match Part::open(&path, name) {
            Ok(Some(part)) => parts.push(part),
            Ok(None) => fs::remove_dir_all(&path).with_context(|| format!("{} can't be deleted", path.display()))?,
            Err(error) => crate::store::set_aside(&path, &format!("{error:#}"))?,
        }
    }
    parts.sort_by_key(|part| part.name);
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_by_hour() {
        let time = Time::parse_rfc3339(b"2026-11-23T10:59:59.999999Z").unwrap();
        let name = PartName { hour: PartName::hour(time), number: 7 };
        assert_eq!(name.folder(), "2026-11-23T10-007");
        assert_eq!(PartName::of_folder("2026-11-23T10-007"), Some(name));
        assert_eq!(name.end(), Time::parse_rfc3339(b"2026-11-23T11:00:00Z").unwrap());
        for other in ["2026-11-23T10-7", "2026-11-23T10-007.damaged-1", "x", "2026-11-23T10", "2026-11-23T25-001"] {
            assert_eq!(PartName::of_folder(other), None, "{other}");
        }
    }
}
