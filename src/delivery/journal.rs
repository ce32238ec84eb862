//! What was delivered since the last epoch, so that a replay after a crash does not send it again.
//!
//! For services that would have a repeated event twice. The ids of each acknowledged batch are appended to a file by one
//! `write`, without a sync: they outlive the process, which is what is to be survived here, and only what was in flight
//! when it ended can be doubled. So are those of each batch before it is sent: what was in flight is then sent again as
//! it was, and a service that is given a name for each batch knows it. An epoch cuts the journal: what came before it is
//! not replayed any more.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use logd_sdk::{Batch, EventId};

/// The journal of one sink. Files are named by the epochs of the sink's life, and hold records: what they say, how many ids
/// they have, and ids of 16 bytes.
#[derive(Debug)]
pub(crate) struct Journal(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// What an earlier process has delivered, and has not come again yet.
    delivered: HashSet<EventId>,
    /// What an earlier process had in flight, delivery by delivery.
    in_flight: Vec<Vec<EventId>>,
    /// The files that `delivered` was read from.
    old: Vec<PathBuf>,
    /// The files of the epochs that are not durable yet, the one that is written to last.
    open: Vec<PathBuf>,
    file: File,
    number: u64,
}

const ID: usize = size_of::<u128>();
/// What a record says, and its number of ids.
const HEAD: usize = 1 + size_of::<u32>();
/// Its events are about to be sent, together and in this order.
const BEGUN: u8 = 1;
/// Its events are delivered.
const DELIVERED: u8 = 2;
/// How names of files end.
const EXTENSION: &str = "journal";

impl Journal {
    /// Opens the journal in `folder`, with what an earlier process has left in it.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let shown = folder.display();
        fs::create_dir_all(folder).with_context(|| format!("{shown} can't be made"))?;
        let (mut files, mut number) = (Vec::new(), 0);
        for entry in fs::read_dir(folder).with_context(|| format!("{shown} can't be read"))? {
            let path = entry?.path();
            let found = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            let Some(found) = found.filter(|_| path.extension().is_some_and(|extension| extension == EXTENSION)) else {
                continue;
            };
            files.push((found, path));
            number = number.max(found + 1);
        }
        files.sort();
        let mut found = Found::default();
        for (_, path) in &files {
            found.read(&fs::read(path).with_context(|| format!("{} can't be read", path.display()))?);
        }
        let in_flight = found.in_flight();
        let old = files.into_iter().map(|(_, path)| path).collect();
        let (path, file) = create(folder, number)?;
        let (folder, delivered, open) = (folder.to_owned(), found.delivered, vec![path]);
        Ok(Self(Mutex::new(Inner { folder, delivered, in_flight, old, open, file, number })))
    }

    /// Takes out what an earlier process had in flight: events that were sent together, in their order.
    pub(crate) fn in_flight(&self) -> Vec<Vec<EventId>> {
        std::mem::take(&mut self.lock().in_flight)
    }

    /// The rows that were not delivered before; `None` if all of them are new.
    pub(crate) fn new_rows(&self, batch: &Batch) -> Option<Vec<u32>> {
        let mut inner = self.lock();
        if inner.delivered.is_empty() {
            return None;
        }
        let rows: Vec<u32> = (0..batch.len())
            .zip(0_u32..)
            .filter(|(row, _)| !inner.delivered.remove(&batch.id(*row)))
            .map(|(_, row)| row)
            .collect();
        (rows.len() < batch.len()).then_some(rows)
    }

    /// Takes note that the batch is about to be sent.
    pub(crate) fn begun(&self, batch: &Batch) -> io::Result<()> {
        self.note(BEGUN, batch, 0..batch.len())
    }

    /// Takes note that these rows of the batch were delivered.
    pub(crate) fn delivered(&self, batch: &Batch, rows: impl Iterator<Item = usize>) -> io::Result<()> {
        self.note(DELIVERED, batch, rows)
    }

    fn note(&self, what: u8, batch: &Batch, rows: impl Iterator<Item = usize>) -> io::Result<()> {
        let mut record = vec![what; HEAD];
        record.extend(rows.flat_map(|row| batch.id(row).0.to_le_bytes()));
        let ids = u32::try_from((record.len() - HEAD) / ID).map_err(io::Error::other)?;
        record[1..HEAD].copy_from_slice(&ids.to_le_bytes());
        self.lock().file.write_all(&record)
    }

    /// An epoch's barrier: what is delivered from now on belongs to the next.
    pub(crate) fn cut(&self) -> anyhow::Result<()> {
        let mut inner = self.lock();
        inner.number += 1;
        let (path, file) = create(&inner.folder, inner.number)?;
        inner.open.push(path);
        inner.file = file;
        Ok(())
    }

    /// The epoch of the last cut has become durable: what was delivered before it is not replayed.
    pub(crate) fn durable(&self) {
        let mut inner = self.lock();
        let last = inner.open.len().saturating_sub(1);
        let mut past: Vec<PathBuf> = inner.open.drain(..last).collect();
        if inner.delivered.is_empty() {
            past.append(&mut inner.old);
        }
        for path in past {
            // One that stays costs room, and ids that never come again.
            let _ = fs::remove_file(path);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is found in the files of an earlier process.
#[derive(Default)]
struct Found {
    delivered: HashSet<EventId>,
    begun: Vec<Vec<EventId>>,
    /// In which delivery an event was begun last.
    last: HashMap<EventId, usize>,
}

impl Found {
    /// Reads a file.
    fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&[what, ref count @ ..], rest)) = bytes.split_first_chunk::<HEAD>() {
            let length = (u32::from_le_bytes(*count) as usize).saturating_mul(ID);
            let (ids, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            let is_whole = ids.len() == length;
            let ids = ids.chunks_exact(ID).filter_map(|id| Some(EventId(u128::from_le_bytes(id.try_into().ok()?))));
            if what == DELIVERED {
                // In one that was cut off, what is there is true.
                self.delivered.extend(ids);
            } else if is_whole {
                // One that was cut off was never sent.
                let ids: Vec<EventId> = ids.collect();
                self.last.extend(ids.iter().map(|&id| (id, self.begun.len())));
                self.begun.push(ids);
            }
            bytes = behind;
        }
    }

    /// What was begun and not delivered.
    fn in_flight(&mut self) -> Vec<Vec<EventId>> {
        let mut begun = std::mem::take(&mut self.begun);
        for (number, ids) in begun.iter_mut().enumerate() {
            ids.retain(|id| !self.delivered.contains(id) && self.last.get(id) == Some(&number));
        }
        begun.retain(|ids| !ids.is_empty());
        begun
    }
}

fn create(folder: &Path, number: u64) -> anyhow::Result<(PathBuf, File)> {
    let path = folder.join(format!("{number}.{EXTENSION}"));
    let file = OpenOptions::new().append(true).create_new(true).open(&path).or_else(|error| match error.kind() {
        ErrorKind::AlreadyExists => OpenOptions::new().append(true).open(&path),
        _ => Err(error),
    });
    let file = file.with_context(|| format!("{} can't be made", path.display()))?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row, Time};

    use super::*;

    /// Events at these positions.
    fn batch(positions: &[u64]) -> Batch {
        let block = Block::new(Bytes::from_static(b"x"), Partition::new("p/s", ""));
        Batch::new(block, positions.iter().map(|&position| Row::line(0, 1, position, Time::EPOCH)).collect())
    }

    #[test]
    fn what_was_delivered_after_the_last_epoch_is_not_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let journal = Journal::open(&path).expect("opened");
        journal.delivered(&batch(&[1, 2]), 0..2).expect("written");
        journal.cut().expect("cut");
        journal.delivered(&batch(&[3, 4]), 1..2).expect("written");
        journal.durable();
        drop(journal);

        let journal = Journal::open(&path).expect("opened again");
        // 1 and 2 are behind the epoch and do not come again; 3 was never acknowledged.
        assert_eq!(journal.new_rows(&batch(&[3, 4, 5])), Some(vec![0, 2]));
        assert_eq!(journal.new_rows(&batch(&[4])), None, "an id is skipped once");
        journal.cut().expect("cut");
        journal.durable();
        assert_eq!(fs::read_dir(&path).expect("read").count(), 1, "nothing is kept for longer than it is needed");
    }

    #[test]
    fn a_crash_before_an_epoch_is_durable_keeps_both_sides_of_its_barrier() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(folder.path()).expect("opened");
        journal.delivered(&batch(&[1]), 0..1).expect("written");
        journal.cut().expect("cut");
        journal.delivered(&batch(&[2]), 0..1).expect("written");
        drop(journal);
        let journal = Journal::open(folder.path()).expect("opened again");
        assert_eq!(journal.new_rows(&batch(&[1, 2, 3])), Some(vec![2]));
    }

    #[test]
    fn of_a_record_that_was_cut_off_counts_what_is_true() {
        for (cut, new) in [(HEAD + ID + 4, vec![1]), (HEAD - 1, vec![0, 1])] {
            let folder = tempfile::tempdir().expect("a folder");
            let journal = Journal::open(folder.path()).expect("opened");
            journal.delivered(&batch(&[1, 2]), 0..2).expect("written");
            drop(journal);
            let path = folder.path().join("0.journal");
            File::options().write(true).open(&path).expect("opened").set_len(cut as u64).expect("cut");
            let journal = Journal::open(folder.path()).expect("opened again");
            assert_eq!(journal.new_rows(&batch(&[1, 2])).unwrap_or(vec![0, 1]), new);
        }
    }

    #[test]
    fn what_was_in_flight_is_known_delivery_by_delivery() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(folder.path()).expect("opened");
        let all = batch(&[1, 2, 3, 4, 5, 6]);
        journal.begun(&batch(&[1, 2])).expect("written");
        journal.begun(&batch(&[3, 4, 5])).expect("written");
        journal.delivered(&batch(&[1, 2]), 0..2).expect("written");
        // 4 was delivered, and the other two are sent again together.
        journal.delivered(&batch(&[3, 4, 5]), 1..2).expect("written");
        journal.begun(&batch(&[5, 3])).expect("written");
        journal.begun(&batch(&[6])).expect("written");
        drop(journal);
        let journal = Journal::open(folder.path()).expect("opened again");
        assert_eq!(journal.in_flight(), [vec![all.id(4), all.id(2)], vec![all.id(5)]]);
        assert_eq!(journal.in_flight(), Vec::<Vec<EventId>>::new());
    }
}
