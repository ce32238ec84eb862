//! All files of a sink: opened when needed, a bounded number at a time, followed by others when they are large or old.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::mem;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use logd_sdk::{Clock, Time, snapshot};
use serde::{Deserialize, Serialize};

use super::journal::Journal;
use super::output::{Compression, Output, Piece, number_of, numbered};

/// So many files are open at once, at most.
const MOST: usize = 64;

/// The version of what is kept of an epoch.
const VERSION: u8 = 1;

/// How files are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// How they are compressed.
    pub(crate) compression: Compression,
    /// How large they may become, in bytes.
    pub(crate) max_size: Option<u64>,
    /// How old they may become.
    pub(crate) interval: Option<Duration>,
    /// How long they stay open when nothing is written.
    pub(crate) idle_timeout: Duration,
}

/// What is kept of an epoch.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Which one, as the sink counts them.
    epoch: u64,
    /// The files that were open.
    files: Vec<KeptFile>,
}

/// A file at the end of an epoch.
#[derive(Debug, Serialize, Deserialize)]
struct KeptFile {
    path: String,
    device: u64,
    inode: u64,
    length: u64,
}

/// The files of a sink.
#[derive(Debug)]
pub(crate) struct Files {
    rules: Rules,
    /// Tells how old files are.
    clock: Clock,
    /// Remembers which files were opened.
    journal: Journal,
    /// By the name that the template gives, whatever number the file has.
    open: BTreeMap<PathBuf, Output>,
    /// Files that were closed, and folders in which files were made, since the last epoch.
    unsynced: BTreeSet<PathBuf>,
    /// How many epochs there were.
    epoch: u64,
    /// Whether the journal is open: files are first touched by a restore, a write or an epoch.
    started: bool,
}

impl Files {
    pub(crate) fn new(rules: Rules, clock: Clock, data_dir: PathBuf) -> Self {
        let journal = Journal::new(data_dir);
        Self { rules, clock, journal, open: BTreeMap::new(), unsynced: BTreeSet::new(), epoch: 0, started: false }
    }

    /// Writes the events of `piece` to the file of this name.
    ///
    /// # Errors
    /// It can't: how many events are written, and why not the others.
    pub(crate) fn write(&mut self, name: &Path, piece: Piece) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < piece.len() {
            let max_size = self.rules.max_size.unwrap_or(u64::MAX);
            let output = self.output(name).map_err(|error| (written, error))?;
            let last = output.write(&piece, written, max_size).map_err(|error| (written, error))?;
            if last < piece.len() {
                // It is full.
                self.follow(name).map_err(|error| (last, error))?;
            }
            written = last;
        }
        Ok(())
    }

    /// Makes all that was written durable, and returns what is to be kept of the epoch.
    ///
    /// # Errors
    /// It can't be made durable.
    pub(crate) fn sync(&mut self) -> anyhow::Result<Vec<u8>> {
        self.start()?;
        self.epoch += 1;
        let mut kept = Kept { epoch: self.epoch, files: Vec::new() };
        let mut let_go = Vec::new();
        for (name, output) in &mut self.open {
            output.sync().with_context(|| format!("`{}`", output.path.display()))?;
            let metadata = output.metadata()?;
            let (device, inode) = (metadata.dev(), metadata.ino());
            let is_there = fs::metadata(&output.path).is_ok_and(|found| (found.dev(), found.ino()) == (device, inode));
            if is_there {
                let path = output.path.display().to_string();
                kept.files.push(KeptFile { path, device, inode, length: output.length });
            }
            if !is_there || output.used.elapsed() >= self.rules.idle_timeout {
                let_go.push(name.clone());
            }
        }
        for path in std::mem::take(&mut self.unsynced) {
            match File::open(&path).and_then(|file| file.sync_all()) {
                // Somebody has removed it, who wants it to be gone.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                synced => synced.with_context(|| format!("`{}`", path.display()))?,
            }
        }
        self.journal.sync()?;
        for name in let_go {
            self.open.remove(&name);
        }
        snapshot::encode(VERSION, &kept)
    }

    /// Cuts all files back to an epoch, of which `kept` was kept.
    ///
    /// # Errors
    /// It can't be read, or a file can't be cut.
    pub(crate) fn restore(&mut self, kept: &[u8]) -> anyhow::Result<()> {
        let Kept { epoch, files } = snapshot::decode(VERSION, kept)?;
        let later = self.journal.read()?.iter().filter(|note| note.epoch >= epoch);
        // The first note of a file tells how long it was when the epoch ended.
        let mut lengths: BTreeMap<PathBuf, (u64, Option<(u64, u64)>)> = BTreeMap::new();
        for note in later {
            lengths.entry(note.path.clone()).or_insert((note.length, None));
        }
        for KeptFile { path, device, inode, length } in files {
            lengths.insert(path.into(), (length, Some((device, inode))));
        }
        for (path, (length, id)) in lengths {
            cut(&path, length, id).with_context(|| format!("`{}` can't be cut back", path.display()))?;
        }
        self.journal.retain(|note| note.epoch < epoch)?;
        (self.epoch, self.started) = (epoch, true);
        Ok(())
    }

    /// Goes on with the files of another, as they are, which has none afterwards.
    ///
    /// # Errors
    /// What was written can't be brought to the end.
    pub(crate) fn succeed(&mut self, before: &mut Self) -> io::Result<()> {
        mem::swap(self, before);
        mem::swap(&mut self.rules, &mut before.rules);
        if self.rules.compression != before.rules.compression {
            for (_, mut output) in mem::take(&mut self.open) {
                output.flush()?;
                self.unsynced.insert(output.path);
            }
        }
        Ok(())
    }

    /// Begins without an epoch to go back to: what an earlier run has noted counts no more.
    fn start(&mut self) -> io::Result<()> {
        if !self.started {
            self.journal.retain(|_| false)?;
            self.started = true;
        }
        Ok(())
    }

    /// The open file of this name.
    fn output(&mut self, name: &Path) -> io::Result<&mut Output> {
        if self.rules.interval.is_some()
            && let Some(output) = self.open.get(name)
            && self.is_old(&output.metadata()?)
        {
            self.follow(name)?;
        }
        if !self.open.contains_key(name) {
            self.start()?;
            let number = last_number(name)?;
            let file = open(&numbered(name, number), false)?;
            match file {
                Some(file) if !self.is_old(&file.metadata()?) => self.add(name, number, file)?,
                _ => self.add_next(name, number)?,
            }
        }
        self.open.get_mut(name).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Closes a file and opens the one that follows it.
    fn follow(&mut self, name: &Path) -> io::Result<()> {
        if let Some(output) = self.open.get_mut(name) {
            output.flush()?;
            let file_name = output.path.file_name().unwrap_or_default().to_string_lossy();
            let number = number_of(name, &file_name).unwrap_or(0);
            self.close(name);
            self.add_next(name, number)?;
        }
        Ok(())
    }

    /// Opens a new file with the next number that is free.
    fn add_next(&mut self, name: &Path, mut number: u32) -> io::Result<()> {
        loop {
            number += 1;
            if let Some(file) = open(&numbered(name, number), true)? {
                return self.add(name, number, file);
            }
        }
    }

    /// Takes an open file as the one of this name, in the place of another if there are many. Its length is noted before
    /// anything is written to it.
    fn add(&mut self, name: &Path, number: u32, file: File) -> io::Result<()> {
        if self.open.len() >= MOST {
            let oldest = self.open.iter().min_by_key(|(_, output)| output.used).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.open.get_mut(&oldest).map_or(Ok(()), Output::flush)?;
                self.close(&oldest);
            }
        }
        let path = numbered(name, number);
        let output = Output::new(path.clone(), file, self.rules.compression)?;
        self.journal.note(self.epoch, output.length, &path)?;
        if output.length == 0 {
            self.unsynced.insert(folder(&path).to_owned());
        }
        self.open.insert(name.to_owned(), output);
        Ok(())
    }

    /// Lets go of a file that is written; it becomes durable at the next epoch.
    fn close(&mut self, name: &Path) {
        if let Some(output) = self.open.remove(name) {
            self.unsynced.insert(output.path);
        }
    }

    /// The files that are open.
    #[cfg(test)]
    pub(super) fn open(&self) -> Vec<PathBuf> {
        self.open.values().map(|output| output.path.clone()).collect()
    }

    /// Closes all files, as if others had to be opened.
    #[cfg(test)]
    pub(super) fn close_all(&mut self) {
        for name in self.open.keys().cloned().collect::<Vec<_>>() {
            self.close(&name);
        }
    }

    /// Whether a file has something in it and is as old as it may become.
    fn is_old(&self, metadata: &fs::Metadata) -> bool {
        let Some(interval) = self.rules.interval else { return false };
        // Where a file system keeps no time of birth, files follow one another by size only.
        let Some(born) = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()) else {
            return false;
        };
        metadata.len() > 0 && self.clock.now().since(Time::EPOCH.after(born)) >= interval
    }
}

/// Opens a file for this sink alone, and its folders; none if it is there and must be new, or is another's.
fn open(path: &Path, new: bool) -> io::Result<Option<File>> {
    fs::create_dir_all(folder(path))?;
    let file = match OpenOptions::new().write(true).create(!new).create_new(new).truncate(false).open(path) {
        Err(error) if new && error.kind() == ErrorKind::AlreadyExists => return Ok(None),
        file => file?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            tracing::warn!(path = %path.display(), "Somebody else writes to a file; another one is written instead.");
            Ok(None)
        }
        // Some network file systems have no locks.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The largest number of a file in the series of `name`; 0 if there is none.
fn last_number(name: &Path) -> io::Result<u32> {
    let entries = match fs::read_dir(folder(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let numbers = entries.filter_map(|entry| number_of(name, &entry.ok()?.file_name().to_string_lossy()));
    Ok(numbers.max().unwrap_or(0))
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Cuts a file back to `length`, if it still is the one with this device and inode, where they are known.
fn cut(path: &Path, length: u64, id: Option<(u64, u64)>) -> io::Result<()> {
    let file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), "A file of the last checkpoint is gone, and begins anew.");
            return Ok(());
        }
        file => file?,
    };
    let metadata = file.metadata()?;
    if id.is_some_and(|id| id != (metadata.dev(), metadata.ino())) || metadata.len() < length {
        tracing::warn!(path = %path.display(), "A file is not the one of the last checkpoint, and is left as it is.");
        return Ok(());
    }
    if metadata.len() > length {
        tracing::info!(path = %path.display(), length, was = metadata.len(), "A file was cut back to the last checkpoint.");
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok(())
}
