//! Reading: records from a number on, while others are appended.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;

use crate::Error;
use crate::format::SEGMENT_HEADER;
use crate::fs::{self, File};
use crate::place::Place;
use crate::view::{Segment, View};
use crate::walk::{Item, Walk};

/// A window is so much longer than what is asked for, in bytes, for the headers in it.
const SLACK: usize = 64 << 10;

/// How far a reader goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// To the last record that survives a power cut: what it reads keeps its number for ever.
    Durable,
    /// To the last record that was appended. A power cut may take it, and its number is given to another record then.
    Appended,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Records with their numbers, which grow.
    pub records: Vec<(u64, Bytes)>,
    /// Where to read on.
    pub next: u64,
    /// So many records that should have been there are lost: broken, or their segment is missing.
    pub lost: u64,
}

/// Reads a log. It remembers where it was, so that reading on costs no search.
#[derive(Debug)]
pub struct Reader {
    place: Arc<Place>,
    view: watch::Receiver<View>,
    follow: Follow,
    open: Option<Open>,
    /// Memory of earlier windows, used again once their records are gone: fresh memory comes from the system page by
    /// page, which costs more than to read the file.
    memory: BytesMut,
}

/// A segment that is being read.
#[derive(Debug)]
struct Open {
    ordinal: u64,
    file: Box<dyn File>,
    /// Where the first record stands whose number is `number` or more.
    offset: u64,
    number: u64,
}

/// The numbers to be read from a segment.
struct Span {
    segment: Segment,
    /// The first number that is not to be read.
    until: u64,
}

impl Reader {
    pub(crate) fn new(place: Arc<Place>, view: watch::Receiver<View>, follow: Follow) -> Self {
        Self { place, view, follow, open: None, memory: BytesMut::new() }
    }

    /// Reads records from this number on: up to `max_bytes` of payload, but at least one record if there is one. What
    /// was released and is gone is left out. Blocks while the disk is read.
    ///
    /// # Errors
    /// The disk can't be read. Broken records are no error; they are counted, and copied to a file `.bad`.
    pub fn read(&mut self, from: u64, max_bytes: usize) -> Result<Chunk, Error> {
        let mut chunk = Chunk { next: from.max(1), ..Chunk::default() };
        while chunk.records.is_empty() {
            let Some(span) = self.span(&mut chunk) else { break };
            let result = self.read_span(&span, max_bytes, &mut chunk);
            if result.is_err() {
                self.open = None;
            }
            match result {
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                    if self
                        .view
                        .borrow()
                        .find(chunk.next)
                        .is_some_and(|(found, _)| found.ordinal == span.segment.ordinal)
                    {
                        chunk.skip_to(span.until);
                    }
                }
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        Ok(chunk)
    }

    /// The segment that has what is next, if there is anything to be read.
    fn span(&self, chunk: &mut Chunk) -> Option<Span> {
        let view = self.view.borrow();
        let limit = view.limit(self.follow);
        let (segment, end) = view.find(chunk.next)?;
        if chunk.next < segment.first {
            // Up to there all was released and is gone, or is missing.
            chunk.next = chunk.next.max(view.released + 1).min(segment.first);
            chunk.skip_to(segment.first);
        }
        (chunk.next < limit).then_some(Span { segment, until: end.min(limit) })
    }

    fn read_span(&mut self, span: &Span, max_bytes: usize, chunk: &mut Chunk) -> Result<(), Error> {
        let Span { segment, .. } = span;
        let path = self.place.path(segment);
        let kept = self.open.take().filter(|open| open.ordinal == segment.ordinal && open.number <= chunk.next);
        let mut open = match kept {
            Some(open) => open,
            None => {
                let file = self.place.fs.open_to_read(&path).map_err(Error::io("opened", &path))?;
                Open { ordinal: segment.ordinal, file, offset: SEGMENT_HEADER as u64, number: segment.first }
            }
        };
        let seed = self.place.name(segment).seed();
        let (mut wanted, mut room) = (max_bytes.saturating_add(SLACK), max_bytes);
        loop {
            let left = usize::try_from(segment.length.saturating_sub(open.offset)).unwrap_or(usize::MAX);
            self.memory.resize(wanted.min(left), 0);
            let filled = fs::fill(&*open.file, open.offset, &mut self.memory).map_err(Error::io("read", &path))?;
            let window = self.memory.split_to(filled).freeze();
            // A file that is shorter than it should be ends where it ends.
            let complete = window.len() == left || window.len() < wanted;
            let mut walk = Walk::new(seed, &window, complete);
            let start = open.offset;
            let mut flow = ControlFlow::Continue(());
            while let Some(item) = walk.next() {
                if let Item::Broken { bytes, .. } = &item {
                    self.place.keep_bad(segment, start + bytes.start as u64, &window[bytes.clone()]);
                }
                if let Item::Record { number, payload } = item {
                    flow = chunk.take(number, &window, payload, span.until, &mut room);
                    if flow.is_break() {
                        break;
                    }
                }
                open.offset = start + walk.at() as u64;
                open.number = chunk.next;
            }
            if flow.is_continue() && complete {
                // What is not there by now is not in this segment.
                chunk.skip_to(span.until);
                break;
            }
            if flow.is_break() || !chunk.records.is_empty() {
                break;
            }
            if open.offset == start {
                wanted = wanted.saturating_mul(2);
            }
        }
        if wanted > max_bytes.saturating_add(SLACK) {
            // A window for one large record is not kept for the next.
            self.memory = BytesMut::new();
        }
        self.open = Some(open);
        Ok(())
    }
}

impl Chunk {
    /// Takes a record, unless it was asked for later ones, or there is no room any more.
    fn take(
        &mut self,
        number: u64,
        window: &Bytes,
        payload: std::ops::Range<usize>,
        until: u64,
        room: &mut usize,
    ) -> ControlFlow<()> {
        if number < self.next {
            return ControlFlow::Continue(());
        }
        if number >= until {
            self.skip_to(until);
            return ControlFlow::Break(());
        }
        if payload.len() > *room && !self.records.is_empty() {
            return ControlFlow::Break(());
        }
        *room = room.saturating_sub(payload.len());
        self.skip_to(number);
        self.records.push((number, window.slice(payload)));
        self.next = number + 1;
        ControlFlow::Continue(())
    }

    /// What lies before this number is lost.
    fn skip_to(&mut self, number: u64) {
        self.lost += number.saturating_sub(self.next);
        self.next = self.next.max(number);
    }
}
