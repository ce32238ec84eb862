//! The log: appends, makes durable, lets go.
//!
//! One rule carries it: **to a segment in which a write or a sync has failed no record is added.** A failed sync leaves
//! pages that the kernel takes for clean, so that trying again would succeed and prove nothing; a failed write leaves
//! bytes that nobody knows. The log goes on in a new segment, and what was not durable yet is written there once more,
//! from memory, under the same numbers. The new segment's first number ends the old one, whatever stands in it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::Error;
use crate::active::{Active, State, create};
use crate::format::{Header, Kind, MAX_RECORD, RECORD_HEADER, SEGMENT_HEADER, encode};
use crate::fs::{File, FileSystem, write_all};
use crate::place::{Name, Place};
use crate::reader::{Follow, Reader};
use crate::recover::{self, Recovered};
use crate::view::{Segment, View};
use crate::walk::{Item, Walk};

/// What is not durable is kept in memory as well, in bytes; an append that would exceed it syncs first.
const MAX_UNSYNCED: usize = 16 << 20;
/// The disk begins to write when so many bytes are there for it; it would have nothing to do until the next sync.
const WRITE_BACK: u64 = 1 << 20;
/// A buffer that is larger than this, in bytes, and twice what it was used for, is given back after a sync.
const KEPT_BUFFER: usize = 1 << 20;
/// No segment is larger, in bytes, unless by one call: each new one costs a file and a sync of the folder, and the last
/// is read whole when the log is opened.
const LARGEST_SEGMENT: u64 = 64 << 20;

/// An append-only log in a folder. Its calls block, and are for one owner; see [`Writer`](crate::Writer) for tasks.
///
/// An error is the answer to one call, and changes nothing: the log can be used as before.
#[derive(Debug)]
pub struct Log {
    pub(crate) place: Arc<Place>,
    pub(crate) max_size: u64,
    pub(crate) active: Active,
    /// The last release that is durable. What goes before that would come back after a power cut.
    pub(crate) noted: u64,
    /// The ordinal that was given last.
    pub(crate) ordinal: u64,
    pub(crate) view: watch::Sender<View>,
    /// Held for its lock.
    pub(crate) _lock: Box<dyn File>,
}

impl Log {
    /// Opens the log in `folder`, or makes one, and says what was found there. The segments take up to `max_size`
    /// bytes; each has up to an eighth of it, at most 64 MiB, or one call's records if those are larger.
    ///
    /// # Errors
    /// Somebody else has it open ([`Error::Locked`]), or the folder can't be read or written. Damage is no error.
    pub fn open(fs: Arc<dyn FileSystem>, folder: &Path, max_size: u64) -> Result<(Self, Recovered), Error> {
        recover::open(fs, folder, max_size)
    }

    /// Appends records, in one write, and returns their numbers. All are appended, or none.
    ///
    /// They outlive the process from now on, and a power cut after the next [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::TooLarge`], or they can't be written.
    pub fn append<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<Range<u64>, Error> {
        let size = self.size(records)?;
        let next = self.view.borrow().next;
        if records.is_empty() {
            return Ok(next..next);
        }
        self.make_room(size as u64)?;
        if self.active.tail.len() + size > MAX_UNSYNCED {
            self.sync()?;
        }
        if !self.takes(size as u64) {
            self.sync()?;
            if !self.takes(size as u64) {
                self.begin()?;
            }
        }
        let (start, seed) = (self.active.tail.len(), self.seed());
        let mut number = next;
        for record in records {
            encode(seed, Kind::Data, number, record.as_ref(), &mut self.active.tail);
            number += 1;
        }
        self.write(start)?;
        self.publish(|view| view.next = number);
        Ok(next..number)
    }

    /// Makes all that was appended and released durable, and returns the number of the last durable record.
    ///
    /// # Errors
    /// It is not durable. It stays in memory, and the next call writes it anew.
    pub fn sync(&mut self) -> Result<u64, Error> {
        if self.active.state != State::Lost {
            match self.flush() {
                Err(error) => {
                    tracing::warn!(%error, "A sync has failed. What it was for is written into a new segment.");
                }
                durable => return durable,
            }
        }
        self.begin()?;
        self.flush()
    }

    /// Lets go of all records up to this number. Segments that hold no others are removed, once that is durable.
    ///
    /// After a power cut before the next [`sync`](Self::sync), the records may be there again.
    ///
    /// # Errors
    /// A segment could be removed and the log can't be made durable before that. The records are released all the same.
    pub fn release(&mut self, up_to: u64) -> Result<(), Error> {
        let up_to = {
            let view = self.view.borrow();
            let up_to = up_to.min(view.next - 1);
            if up_to <= view.released {
                return Ok(());
            }
            up_to
        };
        self.publish(|view| view.released = up_to);
        if self.active.state == State::Whole {
            let (start, seed) = (self.active.tail.len(), self.seed());
            encode(seed, Kind::Release, up_to, &[], &mut self.active.tail);
            if self.write(start).is_ok() {
                self.active.released = up_to;
            }
        }
        if !self.view.borrow().oldest_may_go(up_to) {
            // A note that was not written is in the next segment's header.
            return Ok(());
        }
        if self.active.state == State::Closed {
            // The disk is full, most likely. The header is there already, and takes the note without any more room.
            self.write_header()?;
        }
        self.sync().map(|_| ())
    }

    /// What names the log, made at random with it: with a number, it names a record for ever.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.place.id
    }

    /// A reader of its own position.
    #[must_use]
    pub fn reader(&self, follow: Follow) -> Reader {
        Reader::new(Arc::clone(&self.place), self.view.subscribe(), follow)
    }

    /// How far the log is, now and whenever that changes.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// What these records take, in bytes.
    fn size<R: AsRef<[u8]>>(&self, records: &[R]) -> Result<usize, Error> {
        let mut size = 0;
        for length in records.iter().map(|record| record.as_ref().len()) {
            if length > MAX_RECORD {
                return Err(Error::TooLarge { size: length as u64, limit: MAX_RECORD as u64 });
            }
            size += RECORD_HEADER + length;
        }
        let limit = self.max_size.saturating_sub(2 * SEGMENT_HEADER as u64);
        if size as u64 > limit {
            return Err(Error::TooLarge { size: size as u64, limit });
        }
        Ok(size)
    }

    /// Checks that there is room for so many bytes, and a segment's header.
    fn make_room(&mut self, size: u64) -> Result<(), Error> {
        let needed = size + SEGMENT_HEADER as u64;
        let (used, all_released) = {
            let view = self.view.borrow();
            (view.bytes(), view.records() == 0)
        };
        if used + needed <= self.max_size {
            return Ok(());
        }
        if !all_released || self.active.segment.is_empty() {
            return Err(Error::Full { needed, used, max_size: self.max_size });
        }
        // Only the segment at the end is left, and nobody needs it.
        self.sync()?;
        self.begin()?;
        self.sync()?;
        Ok(())
    }

    /// Whether the segment at the end takes so many bytes more.
    fn takes(&self, size: u64) -> bool {
        let limit = (self.max_size / 8).clamp(4 << 10, LARGEST_SEGMENT);
        let last = &self.active.segment;
        self.active.state == State::Whole && (last.is_empty() || last.length + size <= limit)
    }

    /// Writes what stands in the tail from `start` on.
    fn write(&mut self, start: usize) -> Result<(), Error> {
        let active = &mut self.active;
        let bytes = &active.tail[start..];
        if let Err(error) = write_all(&*active.file, bytes, active.segment.length) {
            // The next segment does not need it, but a start before that is spared what nobody was told of.
            let _ = active.file.set_len(active.segment.length);
            active.tail.truncate(start);
            active.state = State::Closed;
            return Err(Error::io("written", &self.place.path(&active.segment))(error));
        }
        active.segment.length += bytes.len() as u64;
        let waiting = active.segment.length - active.on_its_way;
        if waiting >= WRITE_BACK {
            active.file.write_back(active.on_its_way, waiting);
            active.on_its_way = active.segment.length;
        }
        Ok(())
    }

    /// Writes the header of the segment at the end once more, with what is released by now.
    fn write_header(&mut self) -> Result<(), Error> {
        let Segment { ordinal, named, before, .. } = self.active.segment;
        let released = self.view.borrow().released;
        let header = Header { id: self.place.id, ordinal, first: named, before: before.unwrap_or(0), released };
        write_all(&*self.active.file, &header.encode(), 0)
            .map_err(Error::io("written", &self.place.path(&self.active.segment)))?;
        self.active.released = released;
        Ok(())
    }

    /// Makes the segment at the end durable, and lets go of what is released.
    pub(crate) fn flush(&mut self) -> Result<u64, Error> {
        if !self.is_durable() {
            if let Err(error) = self.sync_files() {
                self.active.state = State::Lost;
                return Err(error);
            }
            self.active.named = true;
            self.noted = self.active.released;
            // A log at full speed keeps its memory: fresh memory comes page by page, which costs more than to fill it.
            let used = self.active.tail.len();
            self.active.tail.clear();
            self.active.tail.shrink_to(KEPT_BUFFER.max(2 * used));
            self.view.send_modify(|view| view.durable = view.next - 1);
        }
        self.let_go();
        Ok(self.view.borrow().durable)
    }

    fn sync_files(&self) -> Result<(), Error> {
        let Place { fs, folder, .. } = &*self.place;
        let path = self.place.path(&self.active.segment);
        self.active.file.sync_data().map_err(Error::io("synced", &path))?;
        if self.active.named { Ok(()) } else { fs.sync_folder(folder).map_err(Error::io("synced", folder)) }
    }

    fn is_durable(&self) -> bool {
        self.active.tail.is_empty() && self.active.named && self.noted == self.active.released
    }

    /// Begins a new segment, with what was not durable in the one before.
    fn begin(&mut self) -> Result<(), Error> {
        let (durable, released) = {
            let view = self.view.borrow();
            (view.durable, view.released)
        };
        let last = self.active.segment;
        self.ordinal += 1;
        let first = durable + 1;
        let before = if last.first < first { last.first } else { last.before.unwrap_or(0) };
        let header = Header { id: self.place.id, ordinal: self.ordinal, first, before, released };
        let seed = Name { ordinal: self.ordinal, first, id: self.place.id }.seed();
        // An empty tail gives its memory on.
        let mut tail = if self.active.tail.is_empty() { std::mem::take(&mut self.active.tail) } else { Vec::new() };
        for item in Walk::new(self.seed(), &self.active.tail, true) {
            if let Item::Record { number, payload } = item {
                encode(seed, Kind::Data, number, &self.active.tail[payload], &mut tail);
            }
        }
        let active = create(&self.place, &header, tail)?;
        self.publish(|view| view.segments.push_back(active.segment));
        self.active = active;
        Ok(())
    }

    /// Removes the segments of which all is released.
    fn let_go(&mut self) {
        while self.view.borrow().oldest_may_go(self.noted) {
            // First from the view: a reader that finds no file then knows why.
            let mut gone = None;
            self.view.send_modify(|view| gone = view.segments.pop_front());
            let Some(path) = gone.map(|segment| self.place.path(&segment)) else { return };
            if let Err(error) = self.place.fs.remove(&path) {
                tracing::warn!(path = %path.display(), %error, "A released segment stays until the next start.");
            }
        }
    }

    /// Shows what has changed to readers and whoever waits.
    fn publish(&self, change: impl FnOnce(&mut View)) {
        self.view.send_modify(|view| {
            if let Some(last) = view.segments.back_mut() {
                *last = self.active.segment;
            }
            change(view);
        });
    }

    fn seed(&self) -> u64 {
        self.place.name(&self.active.segment).seed()
    }
}
