//! A disk whose power can be cut, whose calls can fail, and that can be full.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fs::{File, FileSystem};

/// What a power cut keeps or forgets as one, in bytes.
const PAGE: usize = 512;

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails. A write has written its first half by then; a sync has marked pages as clean that are not on the disk.
    Error,
    /// A write writes its first half, and says so. Other calls are not hurt.
    Short,
    /// The power goes: this call and all after it fail until [`Disk::restart`]. A write has written its first half.
    PowerCut,
}

/// A filesystem in memory. Clones are the same disk.
///
/// It tells what was written from what is durable: bytes become durable by `sync_data`, names by `sync_folder`. Folders
/// are there when they are needed.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: Vec<Contents>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    locked: BTreeSet<PathBuf>,
    capacity: Option<u64>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    fired: bool,
    off: bool,
    /// How often the power was cut. Handles of an earlier time are dead.
    epoch: u64,
}

#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// The pages that the next sync writes.
    dirty: BTreeSet<usize>,
}

/// How a call goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Well,
    Half,
    Fails,
    /// There is no power, or the handle is from before it went.
    Dead,
}

impl Disk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as what a log asks for.
    #[must_use]
    pub fn filesystem(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.clone())
    }

    /// Lets the fault happen at the `n`-th call from now, 1 being the next.
    pub fn fail_at(&self, n: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.calls + n, fault));
        state.fired = false;
    }

    /// Takes a fault back, and says whether it has happened.
    #[must_use]
    pub fn fired(&self) -> bool {
        let mut state = self.state();
        state.fault = None;
        state.fired
    }

    /// What the files can hold together, in bytes; `None` for no bound.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    /// Cuts the power, if it is not cut yet, and restarts. Nothing survives that was not synced if `seed` is 0;
    /// otherwise it decides which pages, lengths and names do.
    pub fn restart(&self, seed: u64) {
        let mut state = self.state();
        let mut survives = Lot(seed);
        for file in &mut state.files {
            let length = if survives.draw() { file.bytes.len() } else { file.durable.len() };
            let mut bytes = vec![0; length];
            for start in (0..length).step_by(PAGE) {
                let end = length.min(start + PAGE);
                let source = if survives.draw() { &file.bytes } else { &file.durable };
                let there = source.get(start..end.min(source.len())).unwrap_or_default();
                bytes[start..start + there.len()].copy_from_slice(there);
            }
            *file = Contents { durable: bytes.clone(), bytes, dirty: BTreeSet::new() };
        }
        let State { names, durable_names, .. } = &mut *state;
        let mut left = BTreeMap::new();
        for path in names.keys().chain(durable_names.keys()).collect::<BTreeSet<_>>() {
            let source = if survives.draw() { &*names } else { &*durable_names };
            left.extend(source.get(path).map(|file| (path.clone(), *file)));
        }
        *durable_names = left.clone();
        *names = left;
        state.locked.clear();
        state.epoch += 1;
        (state.off, state.fault) = (false, None);
    }

    /// The files that are there.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// The bytes of a file; none if there is no such file.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.names.get(path).map(|file| state.files[*file].bytes.clone()).unwrap_or_default()
    }

    /// Puts a file there, durably, as a hand or a broken disk would.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.add(path);
        state.files[file] = Contents { durable: bytes.clone(), bytes, dirty: BTreeSet::new() };
        state.durable_names.insert(path.to_owned(), file);
    }

    /// Takes a file away, durably.
    pub fn take(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, path: &Path, file: usize, epoch: u64) -> Box<dyn File> {
        Box::new(Handle { disk: self.clone(), path: path.to_owned(), file, epoch, locked: false })
    }

    fn existing(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.whole_call()?;
        let file = *state.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(self.handle(path, file, state.epoch))
    }
}

impl Course {
    fn or_fails(self) -> io::Result<()> {
        match self {
            Self::Well | Self::Half => Ok(()),
            Self::Fails | Self::Dead => Err(io::Error::other("the disk is broken")),
        }
    }
}

impl State {
    fn call(&mut self) -> Course {
        self.calls += 1;
        if self.off {
            return Course::Dead;
        }
        match self.fault {
            Some((n, fault)) if n == self.calls => {
                self.fired = true;
                self.off = fault == Fault::PowerCut;
                if fault == Fault::Short { Course::Half } else { Course::Fails }
            }
            _ => Course::Well,
        }
    }

    /// A call that can't be done by half.
    fn whole_call(&mut self) -> io::Result<()> {
        self.call().or_fails()
    }

    fn add(&mut self, path: &Path) -> usize {
        self.files.push(Contents::default());
        self.names.insert(path.to_owned(), self.files.len() - 1);
        self.files.len() - 1
    }

    fn room(&self) -> u64 {
        let used: usize = self.names.values().map(|file| self.files[*file].bytes.len()).sum();
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(used as u64))
    }
}

impl FileSystem for Disk {
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        self.state().whole_call()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.whole_call()?;
        let inside = state.names.keys().filter_map(|path| path.strip_prefix(folder).ok());
        Ok(inside.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.whole_call()?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = state.add(path);
        Ok(self.handle(path, file, state.epoch))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.existing(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.existing(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.whole_call()?;
        let file = state.names.get(path).copied();
        let file = file.unwrap_or_else(|| state.add(path));
        if !state.locked.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Handle { disk: self.clone(), path: path.to_owned(), file, epoch: state.epoch, locked: true }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_call()?;
        let file = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_call()?;
        state.names.remove(path).map(|_| ()).ok_or(ErrorKind::NotFound.into())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_call()?;
        let State { names, durable_names, .. } = &mut *state;
        durable_names.retain(|path, _| !path.starts_with(folder));
        let inside = names.iter().filter(|(path, _)| path.starts_with(folder));
        durable_names.extend(inside.map(|(path, file)| (path.clone(), *file)));
        Ok(())
    }
}

#[derive(Debug)]
struct Handle {
    disk: Disk,
    path: PathBuf,
    file: usize,
    epoch: u64,
    locked: bool,
}

impl Handle {
    /// The disk at a call, and how the call goes.
    fn call(&self) -> (MutexGuard<'_, State>, Course) {
        let mut state = self.disk.state();
        let course = if state.epoch == self.epoch { state.call() } else { Course::Dead };
        (state, course)
    }
}

impl File for Handle {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let (state, course) = self.call();
        course.or_fails()?;
        let bytes = &state.files[self.file].bytes;
        let there = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let length = there.len().min(into.len());
        into[..length].copy_from_slice(&there[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (mut state, course) = self.call();
        if course == Course::Dead {
            course.or_fails()?;
        }
        let offset = usize::try_from(offset).map_err(|_| ErrorKind::InvalidInput)?;
        let length = if course == Course::Well { bytes.len() } else { bytes.len().div_ceil(2) };
        let old = state.files[self.file].bytes.len();
        let grows = (offset + length).saturating_sub(old) as u64;
        let short = usize::try_from(grows.saturating_sub(state.room())).map_err(|_| ErrorKind::InvalidInput)?;
        let length = length.saturating_sub(short);
        if length == 0 && !bytes.is_empty() {
            return Err(ErrorKind::StorageFull.into());
        }
        let file = &mut state.files[self.file];
        file.bytes.resize(old.max(offset + length), 0);
        file.bytes[offset..offset + length].copy_from_slice(&bytes[..length]);
        file.dirty.extend(offset / PAGE..(offset + length).div_ceil(PAGE));
        course.or_fails().map(|()| length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let (mut state, course) = self.call();
        course.or_fails()?;
        let length = usize::try_from(length).map_err(|_| ErrorKind::InvalidInput)?;
        let file = &mut state.files[self.file];
        let from = length.min(file.bytes.len());
        file.bytes.resize(length, 0);
        file.dirty.extend(from / PAGE..length.div_ceil(PAGE));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, course) = self.call();
        let file = &mut state.files[self.file];
        let dirty = std::mem::take(&mut file.dirty);
        course.or_fails()?;
        let Contents { bytes, durable, .. } = file;
        durable.resize(bytes.len(), 0);
        for start in dirty.into_iter().map(|page| page * PAGE) {
            let end = bytes.len().min(start + PAGE);
            if start < end {
                durable[start..end].copy_from_slice(&bytes[start..end]);
            }
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let (state, course) = self.call();
        course.or_fails().map(|()| state.files[self.file].bytes.len() as u64)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if self.locked && state.epoch == self.epoch {
            state.locked.remove(&self.path);
        }
    }
}

/// Draws lots: the same for the same seed, and never for seed 0. `SplitMix64`, after Steele, Lea and Flood (2014).
struct Lot(u64);

impl Lot {
    fn draw(&mut self) -> bool {
        if self.0 == 0 {
            return false;
        }
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15).max(1);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}
