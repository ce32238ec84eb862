//! The messages of one partition, in a nameless file until all are there; and those of all as one file of lines.
//!
//! A record is the time that decides where it comes (milliseconds, 8 bytes), the length of the line (4 bytes), and the
//! line.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;

/// How many bytes are written or read at once.
const BUFFER: usize = 16 * 1024;

/// One partition.
pub(super) struct Spool {
    /// Offsets that are still to come.
    left: Range<i64>,
    /// The greatest time so far, in milliseconds.
    greatest: i64,
    file: BufWriter<File>,
}

/// What a message's offset says.
pub(super) struct Passed {
    /// How many offsets there are up to it, of those that are awaited.
    pub(super) offsets: u64,
    /// Whether it is behind the end: those before it are gone.
    pub(super) is_beyond: bool,
}

impl Spool {
    /// Of these offsets.
    pub(super) fn new(offsets: Range<i64>, folder: &Path) -> anyhow::Result<Self> {
        let file = tempfile::tempfile_in(folder).context("there is no room for temporary files")?;
        Ok(Self { left: offsets, greatest: i64::MIN, file: BufWriter::with_capacity(BUFFER, file) })
    }

    /// The offset that comes next.
    pub(super) fn next(&self) -> i64 {
        self.left.start
    }

    /// How many offsets are to come.
    pub(super) fn left(&self) -> u64 {
        self.left.end.saturating_sub(self.left.start).max(0).unsigned_abs()
    }

    /// There is a message at this offset. None if it is not awaited: it has come already, or all have.
    pub(super) fn pass(&mut self, offset: i64) -> Option<Passed> {
        let before = self.left();
        if before == 0 || offset < self.left.start {
            return None;
        }
        self.left.start = offset.saturating_add(1).min(self.left.end);
        Some(Passed { offsets: before - self.left(), is_beyond: offset >= self.left.end })
    }

    /// The partition has no more. Returns how many offsets were awaited still: there is no message at them.
    pub(super) fn end(&mut self) -> u64 {
        let left = self.left();
        self.left.start = self.left.end;
        left
    }

    /// Adds a line of this time, in milliseconds, if it has one.
    pub(super) fn add(&mut self, time: Option<i64>, line: &[u8]) -> anyhow::Result<()> {
        self.greatest = self.greatest.max(time.unwrap_or(i64::MIN));
        let length = u32::try_from(line.len()).context("a message has more than 4 GiB")?;
        self.file.write_all(&self.greatest.to_le_bytes())?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(line)?;
        Ok(())
    }
}

/// The next line of a partition: by time, then by the partition's place.
type Head = Reverse<(i64, usize, u32)>;

/// Writes the lines of all partitions into a new file, by time, and where times are equal in the partitions' order.
pub(super) fn merge(spools: impl Iterator<Item = Spool>, path: &Path) -> anyhow::Result<()> {
    let mut readers = Vec::new();
    for spool in spools {
        let mut file = spool.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        readers.push(BufReader::with_capacity(BUFFER, file));
    }
    let mut heads: BinaryHeap<Head> = BinaryHeap::new();
    for (place, reader) in readers.iter_mut().enumerate() {
        heads.extend(head(reader, place)?);
    }
    let mut lines = BufWriter::with_capacity(BUFFER, File::create(path)?);
    while let Some(Reverse((_, place, length))) = heads.pop() {
        let reader = &mut readers[place];
        io::copy(&mut reader.take(length.into()), &mut lines)?;
        lines.write_all(b"\n")?;
        heads.extend(head(reader, place)?);
    }
    lines.flush()?;
    Ok(())
}

/// What comes next, if anything does.
fn head(reader: &mut BufReader<File>, place: usize) -> io::Result<Option<Head>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let (mut time, mut length) = ([0; 8], [0; 4]);
    reader.read_exact(&mut time)?;
    reader.read_exact(&mut length)?;
    Ok(Some(Reverse((i64::from_le_bytes(time), place, u32::from_le_bytes(length)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_one_by_time_and_each_keeps_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let spool = |lines: &[(Option<i64>, &str)]| {
            let mut spool = Spool::new(0..9, folder.path()).unwrap();
            lines.iter().for_each(|(time, line)| spool.add(*time, line.as_bytes()).unwrap());
            spool
        };
        let long = "z".repeat(2 * BUFFER);
        let spools = [
            spool(&[(Some(1), "a1"), (Some(5), "a5"), (Some(2), "a2"), (None, "a"), (Some(7), "a7")]),
            spool(&[]),
            spool(&[(None, "b"), (Some(1), "b1"), (Some(5), &long), (Some(6), "")]),
        ];
        let path = folder.path().join("lines");
        merge(spools.into_iter(), &path).unwrap();
        let expected = format!("b\na1\nb1\na5\na2\na\n{long}\n\na7\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn offsets_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(10..20, folder.path()).unwrap();
        let mut pass = |offset| spool.pass(offset).map(|passed| (passed.offsets, passed.is_beyond));
        assert_eq!([pass(12), pass(12), pass(13)], [Some((3, false)), None, Some((1, false))]);
        assert_eq!([pass(25), pass(26)], [Some((6, true)), None]);
        let mut spool = Spool::new(10..20, folder.path()).unwrap();
        spool.pass(19);
        assert_eq!((spool.left(), spool.end()), (0, 0));
        assert_eq!(Spool::new(10..20, folder.path()).unwrap().end(), 10);
    }
}
