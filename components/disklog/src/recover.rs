//! Opening: what an earlier process has left, whatever state it is in.
//!
//! Names tell which segments there are; of each but the last only the header is read, so that the time does not grow
//! with what is in the log. The last is read whole: a power cut or a kill may have left a torn record at its end, and
//! the last releases stand in it. What is broken in older segments is found when it is read.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::Error;
use crate::active::{Active, State, create};
use crate::bad::Bad;
use crate::format::{BadHeader, Header, SEGMENT_HEADER};
use crate::fs::{self, File, FileSystem};
use crate::log::Log;
use crate::place::{LOCK, Name, Place, is_bad, is_new, load, read_id, sort};
use crate::view::{Segment, View};
use crate::walk::{Item, Walk};

/// What was found when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How many records wait to be read.
    pub records: u64,
    /// What the segments take, in bytes.
    pub bytes: u64,
    /// Everything up to this number was released.
    pub released: u64,
    /// The number that the next record gets.
    pub next: u64,
    /// So many bytes of an unfinished write were cut off the end.
    pub torn: u64,
    /// So many places in the last segment are broken. What was lost there a reader counts.
    pub broken: u64,
    /// Numbers whose segments are missing. A reader counts them too; the first ones may be less than all.
    pub missing: Vec<RangeInclusive<u64>>,
    /// What is in the folder and is not as it should be. It is left where it is.
    pub odd: Vec<Odd>,
}

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd {
    /// Its name in the log's folder.
    pub name: String,
    /// What is wrong with it, as what comes after the name in a sentence.
    pub reason: String,
}

impl Recovered {
    /// Nothing was torn, broken, missing, or odd.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.torn == 0 && self.broken == 0 && self.missing.is_empty() && self.odd.is_empty()
    }
}

/// See [`Log::open`].
pub(crate) fn open(fs: Arc<dyn FileSystem>, folder: &Path, max_size: u64) -> Result<(Log, Recovered), Error> {
    fs.create_folder(folder).map_err(Error::io("made", folder))?;
    let lock = fs.lock(&folder.join(LOCK)).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => Error::Locked(folder.to_owned()),
        _ => Error::io("locked", folder)(error),
    })?;
    let names = fs.list(folder).map_err(Error::io("read", folder))?;
    let bad = Bad::new(names.iter().filter(|name| is_bad(name)).map(|name| length(&*fs, &folder.join(name))).sum());
    for name in names.iter().filter(|name| is_new(name)) {
        // Nothing is in it that is not elsewhere. One that stays does no harm.
        let _ = fs.remove(&folder.join(name));
    }
    let known = read_id(&*lock);
    let (ours, id, foreign) = sort(names, known);
    let id = id.unwrap_or_else(|| RandomState::new().hash_one(folder));
    if known.is_none() {
        // If it does not stay there, the oldest segment's name has it too.
        let _ = fs::write_all(&*lock, format!("{id:016x}").as_bytes(), 0);
    }
    let place = Arc::new(Place { fs, folder: folder.to_owned(), id, bad });

    let mut found = Recovered { next: 1, ..Recovered::default() };
    found.odd = foreign.into_iter().map(|name| Odd { name, reason: "is not of this log".into() }).collect();
    let mut segments = headers(&place, &ours, &mut found)?;
    releases(&place, &segments, &mut found)?;
    let ordinal = ours.last().map_or(0, |name| name.ordinal);
    let active = match segments.back_mut() {
        Some(last) => read_last(&place, last, &mut found)?,
        None => {
            let header = Header { id, ordinal: ordinal + 1, first: found.next, before: 0, released: found.next - 1 };
            let active = create(&place, &header, Vec::new())?;
            segments.push_back(active.segment);
            active
        }
    };
    found.next = found.next.max(found.released + 1);
    found.missing = missing(&segments, found.released);

    let durable = active.segment.first - 1;
    let view = View { segments, next: found.next, durable, released: found.released };
    let ordinal = ordinal.max(active.segment.ordinal);
    let mut log = Log { place, max_size, active, noted: 0, ordinal, view: watch::Sender::new(view), _lock: lock };
    if log.active.state != State::Lost
        && let Err(error) = log.flush()
    {
        tracing::warn!(%error, "A disk log can't be made durable at its start. The next sync writes its end anew.");
    }
    let view = log.view.borrow().clone();
    (found.records, found.bytes) = (view.records(), view.bytes());
    Ok((log, found))
}

fn length(fs: &dyn FileSystem, path: &Path) -> u64 {
    fs.open_to_read(path).and_then(|file| file.length()).unwrap_or(0)
}

/// The segments, from their names and headers.
fn headers(place: &Place, names: &[Name], found: &mut Recovered) -> Result<VecDeque<Segment>, Error> {
    let mut segments = VecDeque::new();
    for name in names {
        // Numbers of a segment that can't be read are not given again either.
        found.next = found.next.max(name.first);
        let path = place.folder.join(name.to_string());
        let mut odd = |reason: String| found.odd.push(Odd { name: name.to_string(), reason });
        let file = place.fs.open_to_read(&path).map_err(Error::io("opened", &path))?;
        let length = file.length().map_err(Error::io("measured", &path))?;
        let bytes = fs::read(&*file, 0, SEGMENT_HEADER).map_err(Error::io("read", &path))?;
        let before = match Header::decode(&bytes) {
            Ok(header) if (header.ordinal, header.first, header.id) == (name.ordinal, name.first, name.id) => {
                found.released = found.released.max(header.released);
                Some(header.before)
            }
            Ok(_) => {
                odd("has another segment's name".into());
                continue;
            }
            Err(BadHeader::Version(version)) => {
                odd(format!("is of version {version}, which is not known here"));
                continue;
            }
            Err(BadHeader::Damaged) => {
                // Unfinished, if it is the last and has nothing behind it.
                if length > SEGMENT_HEADER as u64 {
                    odd("has a damaged header".into());
                }
                None
            }
        };
        let Name { ordinal, first, .. } = *name;
        segments.push_back(Segment { ordinal, named: first, first, before, length });
    }
    let mut end = u64::MAX;
    for segment in segments.iter_mut().rev() {
        segment.first = segment.first.min(end);
        end = segment.first;
    }
    Ok(segments)
}

/// Reads the releases that stand before the last segment and are not in its header, for that is damaged: a power cut may
/// have kept the name of a new segment and not its bytes.
fn releases(place: &Place, segments: &VecDeque<Segment>, found: &mut Recovered) -> Result<(), Error> {
    for (segment, next) in segments.iter().zip(segments.iter().skip(1)).rev() {
        if next.before.is_some() {
            break;
        }
        let bytes = load(&*place.fs, &place.path(segment))?;
        for item in Walk::new(place.name(segment).seed(), bytes.get(SEGMENT_HEADER..).unwrap_or_default(), true) {
            if let Item::Release { up_to } = item {
                found.released = found.released.max(up_to);
            }
        }
    }
    Ok(())
}

/// Reads the last segment, and cuts off what is torn.
fn read_last(place: &Place, last: &mut Segment, found: &mut Recovered) -> Result<Active, Error> {
    // Its header has all that was released before it.
    let mut released = if last.before.is_some() { found.released } else { 0 };
    let path = place.path(last);
    let mut bytes = load(&*place.fs, &path)?;
    // A header that is not all there is not worth more than none.
    bytes.resize(bytes.len().max(SEGMENT_HEADER), 0);
    let mut end = SEGMENT_HEADER;
    let mut walk = Walk::new(place.name(last).seed(), &bytes[end..], true);
    let start = end;
    while let Some(item) = walk.next() {
        match item {
            Item::Record { number, .. } => found.next = found.next.max(number + 1),
            Item::Release { up_to } => released = released.max(up_to),
            Item::Broken { number: Some(number), .. } => {
                found.next = found.next.max(number + 1);
                found.broken += 1;
            }
            Item::Broken { bytes: broken, number: None } if start + broken.end == bytes.len() => break,
            Item::Broken { .. } => found.broken += 1,
        }
        end = start + walk.at();
    }
    found.released = found.released.max(released);
    found.torn = (bytes.len() - end) as u64;
    if bytes[end..].iter().any(|byte| *byte != 0) {
        place.keep_bad(last, end as u64, &bytes[end..]);
    }
    let file: Box<dyn File> = place.fs.open(&path).map_err(Error::io("opened", &path))?;
    if found.torn > 0 {
        // If they stay, the next segment ends this one before them.
        let _ = file.set_len(end as u64);
    }
    last.length = end as u64;
    bytes.truncate(end);
    // If a sync of an earlier process has failed, the kernel takes pages for written that are not. So they are written
    // again, as they are, before the next sync.
    let state = match fs::write_all(&*file, &bytes, 0) {
        Err(_) => State::Lost,
        Ok(()) if found.torn > 0 || last.before.is_none() => State::Closed,
        Ok(()) => State::Whole,
    };
    let tail = bytes.split_off(start);
    Ok(Active { segment: *last, file, tail, on_its_way: last.length, state, named: false, released })
}

/// The numbers whose segments are not there and were not released.
fn missing(segments: &VecDeque<Segment>, released: u64) -> Vec<RangeInclusive<u64>> {
    let mut missing = Vec::new();
    for (place, segment) in segments.iter().enumerate() {
        let earlier = segments.iter().take(place).rev().find(|earlier| earlier.first < segment.first);
        let from = match (earlier, segment.before) {
            (None, _) => released + 1,
            (Some(earlier), Some(before)) if before > earlier.first => before.max(released + 1),
            _ => continue,
        };
        if from < segment.first {
            missing.push(from..=segment.first - 1);
        }
    }
    missing
}
