//! From bytes to events: where lines end, which of them belong together, and which are too long.

use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::settings::ByteSize;
use logd_sdk::{Row, Time};
use memchr::{memchr, memchr_iter};
use regex::bytes::Regex;

use crate::buffer::Buffer;
use crate::multiline::Multiline;

/// How a stream is divided into events.
#[derive(Debug)]
pub(crate) struct Splitter {
    /// No line and no event has more bytes than this.
    max: usize,
    /// Matches the first line of an event; where there is none, every line is one.
    start: Option<Regex>,
    /// How long an event of several lines waits for more of them.
    timeout: std::time::Duration,
}

impl Splitter {
    /// By the settings of a source.
    ///
    /// # Errors
    /// The pattern is not a regular expression.
    pub(crate) fn new(max_line_size: ByteSize, multiline: Option<&Multiline>) -> Result<Arc<Self>, regex::Error> {
        Ok(Arc::new(Self {
            max: max_line_size.in_memory(),
            start: multiline.map(|multiline| Regex::new(&multiline.start_pattern)).transpose()?,
            timeout: multiline.map_or(std::time::Duration::MAX, |multiline| *multiline.timeout),
        }))
    }

    /// How long an event of several lines waits for more of them; without end where every line is one.
    pub(crate) fn timeout(&self) -> std::time::Duration {
        self.timeout
    }

    /// Whether a line belongs to the event before it.
    fn joins(&self, line: &[u8]) -> bool {
        self.start.as_ref().is_some_and(|start| !start.is_match(line))
    }
}

/// What is known of the bytes behind those at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// More may come.
    Open,
    /// More may come, but not of the same event.
    Quiet,
    /// There are none: the last line is complete without a newline too.
    Final,
}

/// A stream between two reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// Where the stream's first byte stands that is not done with: the first of `rest`.
    pub(crate) offset: u64,
    /// Whether that byte stands within a line that is not wanted, of which the beginning has been discarded.
    pub(crate) skipping: bool,
    /// What was read and is not complete.
    rest: Vec<u8>,
}

/// What was made of a buffer.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The block's bytes and its events, if there are any.
    pub(crate) events: Option<(Bytes, Vec<Row>)>,
    /// How many lines were discarded because they are too long.
    pub(crate) too_long: u64,
}

impl Lines {
    /// A stream of which nothing behind `offset` has been read.
    pub(crate) fn new(offset: u64, skipping: bool) -> Self {
        Self { offset, skipping, rest: Vec::new() }
    }

    /// What was read and is not complete: a buffer to be [taken](Self::take) begins with it.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// Up to where the stream has been read.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.rest.len() as u64
    }

    /// Divides what was read. Empty lines are skipped; they count in the positions all the same.
    pub(crate) fn take(&mut self, splitter: &Splitter, buffer: Buffer, now: Time, ending: Ending) -> Taken {
        let Cut { rows, consumed, skipping, too_long } = self.cut(splitter, buffer.as_ref(), now, ending);
        self.rest = buffer.as_ref()[consumed..].to_vec();
        self.offset += consumed as u64;
        self.skipping = skipping;
        Taken { events: (!rows.is_empty()).then(|| (buffer.into_bytes(consumed), rows)), too_long }
    }

    /// One pass over `bytes`. An event of several lines is the range from its first to its last, so joining copies as
    /// little as dividing does.
    fn cut(&self, splitter: &Splitter, bytes: &[u8], now: Time, ending: Ending) -> Cut {
        let mut cut = Cut { rows: Vec::new(), consumed: bytes.len(), skipping: self.skipping, too_long: 0 };
        let mut start = 0;
        if self.skipping {
            let Some(newline) = memchr(b'\n', bytes) else { return cut };
            start = newline + 1;
            cut.skipping = false;
        }
        cut.rows.reserve((bytes.len() - start) / EXPECTED_LINE);
        // Buffers are far smaller than the 4 GiB that a row can point into.
        let row = |(from, to): (usize, usize)| Row::line(from as u32, to as u32, self.offset + from as u64, now);
        let mut event = None;
        let mut line = |from: usize, newline: usize, cut: &mut Cut| {
            // One byte looked at is cheaper than two slices compared.
            let to = if newline > from && bytes[newline - 1] == b'\r' { newline - 1 } else { newline };
            match &mut event {
                _ if from == to => {}
                _ if to - from > splitter.max => {
                    cut.rows.extend(event.take().map(row));
                    cut.too_long += 1;
                }
                Some((first, last)) if to - *first <= splitter.max && splitter.joins(&bytes[from..to]) => *last = to,
                event => cut.rows.extend(event.replace((from, to)).map(row)),
            }
        };
        let first = start;
        for newline in memchr_iter(b'\n', &bytes[first..]) {
            line(start, first + newline, &mut cut);
            start = first + newline + 1;
        }
        if ending == Ending::Final {
            line(start, bytes.len(), &mut cut);
            start = bytes.len();
        }
        let endless = bytes.len() - start > splitter.max;
        match event {
            // More lines of it may come: it stays, with all that was read behind its first byte.
            Some((first, _)) if ending == Ending::Open && splitter.start.is_some() && !endless => start = first,
            event => cut.rows.extend(event.map(row)),
        }
        if endless {
            (start, cut.skipping) = (bytes.len(), true);
            cut.too_long += 1;
        }
        cut.consumed = start;
        cut
    }
}

/// Room for rows is asked for as if lines were this long.
const EXPECTED_LINE: usize = 200;

/// What was found in a buffer.
struct Cut {
    /// The events, in order.
    rows: Vec<Row>,
    /// How many bytes are done with.
    consumed: usize,
    /// Whether the next byte stands within a line that is not wanted.
    skipping: bool,
    /// How many lines were discarded because they are too long.
    too_long: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Buffers;

    const TRACES: Option<&str> = Some("^[A-Z]");

    fn splitter(max: u64, start: Option<&str>) -> Arc<Splitter> {
        let multiline =
            start.map(|start| Multiline { start_pattern: start.to_owned(), timeout: "1s".parse().unwrap() });
        Splitter::new(ByteSize::new(max), multiline.as_ref()).unwrap()
    }

    /// Positions and texts of the events, and how many lines were too long, when `text` is read in pieces.
    fn events(splitter: &Splitter, text: &[u8], piece: usize, last: Ending) -> (Vec<(u64, Vec<u8>)>, u64, Lines) {
        let buffers = Buffers::new(16);
        let mut lines = Lines::new(100, false);
        let (mut events, mut too_long) = (Vec::new(), 0);
        let endings = text.chunks(piece).map(|piece| (piece, Ending::Open)).chain([(&b""[..], last)]);
        for (mut piece, ending) in endings {
            loop {
                let mut buffer = buffers.get(lines.rest());
                let taken = piece.len().min(buffer.room().len());
                buffer.room()[..taken].copy_from_slice(&piece[..taken]);
                buffer.fill(taken);
                piece = &piece[taken..];
                let taken = lines.take(splitter, buffer, Time::EPOCH, ending);
                too_long += taken.too_long;
                let (bytes, rows) = taken.events.unwrap_or_default();
                events.extend(rows.iter().map(|row| (row.position, bytes[row.range()].to_vec())));
                if piece.is_empty() {
                    break;
                }
            }
        }
        (events, too_long, lines)
    }

    /// The same for pieces of every size, which must make no difference.
    fn all(splitter: &Splitter, text: &str) -> (Vec<(u64, String)>, u64) {
        let text = text.as_bytes();
        let (expected, too_long, lines) = events(splitter, text, text.len(), Ending::Final);
        assert_eq!((lines.end(), lines.rest().len()), (100 + text.len() as u64, 0));
        for piece in 1..text.len() {
            let (found, long, _) = events(splitter, text, piece, Ending::Final);
            assert_eq!((&found, long), (&expected, too_long), "in pieces of {piece}");
        }
        (expected.into_iter().map(|(at, text)| (at, String::from_utf8(text).unwrap())).collect(), too_long)
    }

    fn owned(events: &[(u64, &str)]) -> Vec<(u64, String)> {
        events.iter().map(|(at, text)| (*at, (*text).to_owned())).collect()
    }

    #[test]
    fn lines_of_all_sorts() {
        let expected = owned(&[(100, "one"), (106, "two"), (110, "\r"), (113, "three\rfour"), (125, "last")]);
        assert_eq!(all(&splitter(50, None), "one\n\r\ntwo\n\r\r\nthree\rfour\r\nlast"), (expected, 0));
        assert_eq!(all(&splitter(50, None), "\n\n\r\n"), (Vec::new(), 0));
    }

    #[test]
    fn bytes_that_are_no_text_pass() {
        let (events, ..) = events(&splitter(50, None), b"\xff\xfe\0\n\x80\n", 3, Ending::Final);
        assert_eq!(events, [(100, b"\xff\xfe\0".to_vec()), (104, b"\x80".to_vec())]);
    }

    #[test]
    fn lines_that_are_too_long_are_discarded() {
        let long = "x".repeat(200);
        let text = format!("12345678\n123456789\nok\n{long}\nok\n{long}");
        assert_eq!(all(&splitter(8, None), &text), (owned(&[(100, "12345678"), (119, "ok"), (323, "ok")]), 3));
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let (_, too_long, lines) = events(&splitter(8, None), &[b'x'; 1000], 10, Ending::Open);
        assert_eq!((too_long, lines.skipping, lines.end(), lines.rest().len()), (1, true, 1100, 0));
    }

    #[test]
    fn joins_lines_to_events() {
        let text = "lost\n at a\nErr\r\n at b\r\n\r\n at c\r\nWarn\nX\n at d";
        let expected = [(100, "lost\n at a"), (111, "Err\r\n at b\r\n\r\n at c"), (132, "Warn"), (137, "X\n at d")];
        assert_eq!(all(&splitter(50, TRACES), text), (owned(&expected), 0));
    }

    #[test]
    fn an_event_ends_where_it_would_be_too_long() {
        let expected = [(100, "E\n at a"), (108, " at b\n at c"), (120, " at d"), (139, "X")];
        assert_eq!(
            all(&splitter(11, TRACES), "E\n at a\n at b\n at c\n at d\nan endless l\nX"),
            (owned(&expected[..]), 1)
        );
    }

    #[test]
    fn an_open_event_waits_for_more() {
        let (found, _, lines) = events(&splitter(50, TRACES), b"A\nB\n b\n c", 100, Ending::Open);
        assert_eq!((found, lines.offset, lines.rest()), (vec![(100, b"A".to_vec())], 102, &b"B\n b\n c"[..]));
        let (found, _, lines) = events(&splitter(50, TRACES), b"A\nB\n b\n c", 100, Ending::Quiet);
        assert_eq!((found[1].1.as_slice(), lines.offset, lines.rest()), (&b"B\n b"[..], 107, &b" c"[..]));
    }
}
