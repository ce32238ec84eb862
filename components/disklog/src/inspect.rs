//! Looks at a log's folder from outside: for tools. Nothing is written and nothing locked, so that another process may
//! have the log open; what it removes meanwhile is left out.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{io, vec};

use bytes::Bytes;

use crate::Error;
use crate::format::{BadHeader, Header, SEGMENT_HEADER};
use crate::fs::{FileSystem as _, Real};
use crate::place::{self, LOCK, Name, is_bad};
use crate::walk::{Item, Walk};

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What names the log, if that can be read.
    pub id: Option<u64>,
    /// The segments in their order.
    pub segments: Vec<Segment>,
    /// Everything up to this number was released.
    pub released: u64,
    /// The names of files that do not belong to the log.
    pub foreign: Vec<String>,
    /// The names of the copies of broken bytes.
    pub bad: Vec<String>,
}

/// What is in a segment, every byte of it checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// The file's name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// How many whole records are in it that no later segment has as well.
    pub records: u64,
    /// The number of the first of them.
    pub first: Option<u64>,
    /// The number of the last of them.
    pub last: Option<u64>,
    /// How many places are broken.
    pub broken: u64,
    /// How many bytes at the end are no whole record: of the last segment they may just be being written.
    pub unfinished: u64,
    /// What is wrong with its header, if anything is.
    pub header: Option<String>,
}

impl Report {
    /// How many records come after this number, and were not released. Broken ones among them count.
    #[must_use]
    pub fn after(&self, number: u64) -> u64 {
        let last = self.segments.iter().filter_map(|segment| segment.last).max().unwrap_or(0);
        last.saturating_sub(self.released.max(number))
    }

    /// What the segments take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Everything can be read: nothing is broken, and no number is missing. An unfinished end is no damage.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let sound = |segment: &Segment| segment.broken == 0 && segment.header.is_none();
        let full = self.segments.iter().filter(|segment| segment.records > 0).try_fold(None, |expected, segment| {
            let (first, last) = (segment.first?, segment.last?);
            let follows = expected.is_none_or(|expected| expected == first) && last - first + 1 == segment.records;
            follows.then_some(Some(last + 1))
        });
        self.segments.iter().all(sound) && full.is_some()
    }
}

/// Reads all segments of a folder, and checks every record.
///
/// # Errors
/// The folder or a segment can't be read.
pub fn report(folder: &Path) -> Result<Report, Error> {
    let Names { id, segments: names, foreign, bad } = names(folder)?;
    let mut report = Report { id, foreign, bad, ..Report::default() };
    for (place, name) in names.iter().enumerate() {
        let Some(bytes) = load(folder, name)? else { continue };
        let until = names.get(place + 1).map_or(u64::MAX, |next| next.first);
        let mut segment = Segment { name: name.to_string(), size: bytes.len() as u64, ..Segment::default() };
        match Header::decode(&bytes) {
            Ok(header) => report.released = report.released.max(header.released),
            Err(BadHeader::Damaged) => segment.header = Some("is damaged".into()),
            Err(BadHeader::Version(version)) => segment.header = Some(format!("is of version {version}")),
        }
        let start = SEGMENT_HEADER.min(bytes.len());
        let mut walk = Walk::new(name.seed(), &bytes[start..], false);
        for item in walk.by_ref() {
            match item {
                Item::Record { number, .. } if number < until => {
                    segment.records += 1;
                    segment.first = segment.first.or(Some(number));
                    segment.last = Some(number);
                }
                Item::Record { .. } => {}
                Item::Release { up_to } => report.released = report.released.max(up_to),
                Item::Broken { .. } => segment.broken += 1,
            }
        }
        segment.unfinished = (bytes.len() - start - walk.at()) as u64;
        report.segments.push(segment);
    }
    Ok(report)
}

/// The records of a folder from this number on, in order; broken ones are left out.
///
/// # Errors
/// The folder can't be read.
pub fn records(folder: &Path, from: u64) -> Result<Records, Error> {
    let names = names(folder)?.segments;
    // A segment that ends before `from` need not be read.
    let skip = names.partition_point(|name| name.first <= from).saturating_sub(1);
    let names: Vec<Name> = names.into_iter().skip(skip).collect();
    Ok(Records { folder: folder.to_owned(), from, names: names.into_iter(), now: Vec::new().into_iter() })
}

/// Records with their numbers. One segment is in memory at a time.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
    from: u64,
    names: vec::IntoIter<Name>,
    now: vec::IntoIter<(u64, Bytes)>,
}

impl Iterator for Records {
    type Item = Result<(u64, Bytes), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.now.next() {
                return Some(Ok(record));
            }
            let name = self.names.next()?;
            let until = self.names.as_slice().first().map_or(u64::MAX, |next| next.first);
            match load(&self.folder, &name) {
                Err(error) => return Some(Err(error)),
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    let bytes = Bytes::from(bytes);
                    let records = bytes.slice(SEGMENT_HEADER.min(bytes.len())..);
                    let numbers = self.from..until;
                    let whole = Walk::new(name.seed(), &records, false).filter_map(|item| match item {
                        Item::Record { number, payload } if numbers.contains(&number) => {
                            Some((number, records.slice(payload)))
                        }
                        _ => None,
                    });
                    self.now = whole.collect::<Vec<_>>().into_iter();
                }
            }
        }
    }
}

/// What the names in a folder say.
struct Names {
    id: Option<u64>,
    segments: Vec<Name>,
    foreign: Vec<String>,
    bad: Vec<String>,
}

fn names(folder: &Path) -> Result<Names, Error> {
    let names = Real.list(folder).map_err(Error::io("read", folder))?;
    let mut bad: Vec<String> = names.iter().filter(|name| is_bad(name)).cloned().collect();
    bad.sort();
    let id = Real.open_to_read(&folder.join(LOCK)).ok().and_then(|lock| place::read_id(&*lock));
    let (segments, id, foreign) = place::sort(names, id);
    Ok(Names { id, segments, foreign, bad })
}

/// A segment's bytes; `None` if it is gone by now.
fn load(folder: &Path, name: &Name) -> Result<Option<Vec<u8>>, Error> {
    let gone = |source: &io::Error| source.kind() == ErrorKind::NotFound;
    match place::load(&Real, &folder.join(name.to_string())) {
        Err(Error::Io { source, .. }) if gone(&source) => Ok(None),
        bytes => bytes.map(Some),
    }
}
