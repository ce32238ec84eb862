//! How far a log is: what its writer changes, and its readers and whoever waits look at.

use std::collections::VecDeque;

use crate::format::SEGMENT_HEADER;
use crate::reader::Follow;

/// A segment, as it is known without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) ordinal: u64,
    /// The number of its first record, as its name says.
    pub(crate) named: u64,
    /// The number from which on it counts: that of its name, or of the next segment if that is less.
    pub(crate) first: u64,
    /// The first number of the last segment before it that holds any; `None` if the header is damaged.
    pub(crate) before: Option<u64>,
    /// How many bytes of its file count.
    pub(crate) length: u64,
}

impl Segment {
    pub(crate) fn is_empty(&self) -> bool {
        self.length <= SEGMENT_HEADER as u64
    }
}

/// How far a log is.
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) next: u64,
    pub(crate) durable: u64,
    pub(crate) released: u64,
}

impl View {
    /// The number that the next record gets.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The number up to which all records survive a power cut; 0 if none does.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The number up to which all records may go; 0 if none may.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.released
    }

    /// How many records are not released; lost ones among them count, until they are read over.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.next - 1 - self.released
    }

    /// What the segments take on the disk, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// The number that is the first not to be read.
    pub(crate) fn limit(&self, follow: Follow) -> u64 {
        match follow {
            Follow::Durable => self.durable + 1,
            Follow::Appended => self.next,
        }
    }

    /// The segment that this number is in, or the oldest, and the number at which it ends.
    pub(crate) fn find(&self, number: u64) -> Option<(Segment, u64)> {
        let behind = self.segments.partition_point(|segment| segment.first <= number).max(1);
        let end = self.segments.get(behind).map_or(self.next, |next| next.first);
        Some((*self.segments.get(behind - 1)?, end))
    }

    /// Whether the oldest segment, if it is not the one that is written to, has nothing behind this release.
    pub(crate) fn oldest_may_go(&self, released: u64) -> bool {
        self.segments.get(1).is_some_and(|second| second.first <= released + 1)
    }
}
