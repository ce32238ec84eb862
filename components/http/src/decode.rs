//! From a body to events: all of them or none.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::event::{JsonError, JsonReader};
use logd_sdk::http::{Refusal, StatusCode};
use logd_sdk::{Body, Columns, Row, Slot, Time};
use memchr::{memchr, memchr_iter, memrchr};

use crate::frames::{Broken, Elements, lines, trimmed, windows};
use crate::settings::{Codec, Framing};

/// No piece has more events.
pub(crate) const PIECE_EVENTS: usize = 4096;

/// No piece of two events or more has more bytes.
pub(crate) const PIECE_BYTES: usize = 512 * 1024;

/// What the rows and columns of one request may take of memory, in bytes. A body of many tiny lines would take far more
/// than itself: two bytes of text make a row of more than fifty.
const EVENTS_MEMORY: usize = 64 << 20;

/// A text is looked at in parts of so many bytes, first for what is no text, then for lines: the second time it is still
/// in the processor's nearest cache.
const WINDOW: usize = 16 * 1024;

/// Room for rows is asked for as if events had so many bytes.
const EXPECTED_EVENT: usize = 200;

/// Some events of a request, as many as fit into a batch. What their rows don't know yet (position and time) they get
/// when the source takes them.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// The part of the body that the rows point into.
    pub(crate) bytes: Bytes,
    /// The events; at least one.
    pub(crate) rows: Vec<Row>,
    /// One for each row and column.
    pub(crate) slots: Vec<Slot>,
    /// What text slots point into.
    pub(crate) text: String,
}

impl Piece {
    /// The bytes of memory that it holds.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + size_of_val(&self.rows[..]) + size_of_val(&self.slots[..]) + self.text.len()
    }

    /// Says of its events that they happened at `time` and stand at `sequence` and on, which is moved behind them.
    pub(crate) fn place(&mut self, sequence: &mut u64, time: Time) {
        for row in &mut self.rows {
            (row.position, row.time, row.seen) = (*sequence, time, time);
            *sequence += 1;
        }
    }
}

/// Makes events of bodies.
#[derive(Debug)]
pub(crate) struct Decoder {
    framing: Framing,
    codec: Codec,
    reader: JsonReader,
    /// A request with more events is refused.
    max_events: usize,
}

/// Why a body is refused.
#[derive(Debug)]
enum Wrong {
    /// What stands at this offset of the body.
    Here(usize, String),
    /// It has too many events.
    TooMany,
}

impl From<Broken> for Wrong {
    fn from(broken: Broken) -> Self {
        Self::Here(broken.at, broken.why.to_owned())
    }
}

impl Decoder {
    /// A decoder that takes `columns` out of events that it parses.
    pub(crate) fn new(framing: Framing, codec: Codec, columns: &Arc<Columns>) -> Self {
        let columns = if codec == Codec::Json { Arc::clone(columns) } else { Arc::default() };
        let max_events = EVENTS_MEMORY / (size_of::<Row>() + columns.len() * size_of::<Slot>());
        Self { framing, codec, reader: JsonReader::new(columns), max_events }
    }

    /// The columns of the pieces that it makes.
    pub(crate) fn columns(&self) -> &Arc<Columns> {
        self.reader.columns()
    }

    /// The events of a body, in order.
    ///
    /// # Errors
    /// 400 with the line where it is wrong, 413 if it has too many events.
    pub(crate) fn decode(&self, body: &Bytes) -> Result<Vec<Piece>, Refusal> {
        let pieces = match self.codec {
            Codec::Bytes => self.plain(body),
            Codec::Text => self.text(body),
            Codec::Json => self.json(body),
        };
        pieces.map_err(|wrong| match wrong {
            Wrong::Here(at, why) => Refusal::bad_request(place(body, at, &why)),
            Wrong::TooMany => {
                let reason = format!("The body has more than {} events.", self.max_events);
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
            }
        })
    }

    /// Events that are their text.
    fn text(&self, body: &Bytes) -> Result<Vec<Piece>, Wrong> {
        let valid = |part: Range<usize>| match simdutf8::compat::from_utf8(&body[part.clone()]) {
            Ok(_) => Ok(part),
            Err(error) => Err(Wrong::Here(part.start + error.valid_up_to(), "the text is not UTF-8".to_owned())),
        };
        if self.framing == Framing::Bytes {
            valid(0..body.len())?;
            return self.plain(body);
        }
        let mut cutter = Cutter::new(self, body);
        for part in windows(body, WINDOW) {
            let part = valid(part)?;
            for line in lines(&body[part.clone()]) {
                cutter.event(part.start + line.start..part.start + line.end)?;
            }
        }
        Ok(cutter.finished())
    }

    /// Events that are their bytes.
    fn plain(&self, body: &Bytes) -> Result<Vec<Piece>, Wrong> {
        match self.framing {
            Framing::NewlineDelimited => self.cut(body, lines(body).map(Ok)),
            Framing::Bytes => self.cut(body, Some(0..body.len()).filter(|all| !all.is_empty()).map(Ok)),
        }
    }

    /// Objects: in an array, one to a line, or one over all lines.
    fn json(&self, body: &Bytes) -> Result<Vec<Piece>, Wrong> {
        let all = trimmed(body, 0..body.len());
        if body.get(all.start) == Some(&b'[') {
            return self.cut(body, Elements::new(body, all.start));
        }
        let document = || self.cut(body, Some(all.clone()).filter(|all| !all.is_empty()).map(Ok));
        let Some(first_newline) = memchr(b'\n', &body[all.clone()]) else { return document() };
        if self.framing == Framing::Bytes {
            return document();
        }
        let lines = lines(body).map(|line| trimmed(body, line)).filter(|line| !line.is_empty());
        match self.cut(body, lines.map(Ok)) {
            // Where already the first line is no object, it may be the first of an object's lines.
            Err(Wrong::Here(at, why)) if at <= all.start + first_newline => document().map_err(|wrong| match wrong {
                Wrong::Here(further, why) if further > at => Wrong::Here(further, why),
                _ => Wrong::Here(at, why),
            }),
            decoded => decoded,
        }
    }

    /// Makes an event of each frame.
    fn cut(
        &self,
        body: &Bytes,
        frames: impl IntoIterator<Item = Result<Range<usize>, Broken>>,
    ) -> Result<Vec<Piece>, Wrong> {
        let mut cutter = Cutter::new(self, body);
        for frame in frames {
            cutter.event(frame?)?;
        }
        Ok(cutter.finished())
    }
}

/// Divides a body into pieces while its events are read.
struct Cutter<'c> {
    decoder: &'c Decoder,
    body: &'c Bytes,
    done: Vec<Piece>,
    piece: Piece,
    /// Which part of the body the piece has.
    range: Range<usize>,
    events: usize,
}

impl<'c> Cutter<'c> {
    fn new(decoder: &'c Decoder, body: &'c Bytes) -> Self {
        Self { decoder, body, done: Vec::new(), piece: Piece::default(), range: 0..0, events: 0 }
    }

    /// All pieces.
    fn finished(mut self) -> Vec<Piece> {
        self.finish();
        self.done
    }

    fn event(&mut self, frame: Range<usize>) -> Result<(), Wrong> {
        if self.events == self.decoder.max_events {
            return Err(Wrong::TooMany);
        }
        self.events += 1;
        if self.piece.rows.len() == PIECE_EVENTS || frame.end - self.range.start > PIECE_BYTES {
            self.finish();
        }
        let piece = &mut self.piece;
        if piece.rows.is_empty() {
            self.range.start = frame.start;
            let expected = (self.body.len() - frame.start) / EXPECTED_EVENT + 1;
            piece.rows.reserve(expected.min(PIECE_EVENTS));
        }
        self.range.end = frame.end;
        // No body is larger than the 4 GiB that a row can point into: the settings see to it.
        let (start, end) = ((frame.start - self.range.start) as u32, (frame.end - self.range.start) as u32);
        let body = match self.decoder.codec {
            Codec::Text | Codec::Bytes => Body::Line,
            Codec::Json => {
                let filled = piece.slots.len();
                piece.slots.resize(filled + self.decoder.columns().len(), Slot::Missing);
                let document = &self.body[frame.clone()];
                let read = self.decoder.reader.read(document, start, &mut piece.slots[filled..], &mut piece.text);
                read.map_err(|error| match error {
                    JsonError::Invalid { offset, message } => Wrong::Here(frame.start + offset, message),
                    JsonError::TooDeep => Wrong::Here(frame.start, error.to_string()),
                })?;
                Body::Json
            }
        };
        // Made where it will stand: moved there, it would cost more than all else for a line.
        piece.rows.push(Row { block: 0, start, end, position: 0, time: Time::EPOCH, seen: Time::EPOCH, body });
        Ok(())
    }

    /// Ends the piece, if there is anything in it.
    fn finish(&mut self) {
        if !self.piece.rows.is_empty() {
            self.piece.bytes = self.body.slice(self.range.clone());
            self.done.push(std::mem::take(&mut self.piece));
        }
    }
}

/// What is wrong at an offset of the body, as a person finds the place: line and byte count from 1.
fn place(body: &[u8], at: usize, why: &str) -> String {
    let before = &body[..at.min(body.len())];
    let line = memchr_iter(b'\n', before).count() + 1;
    let byte = before.len() - memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
    format!("Line {line}, byte {byte}: {why}.")
}

#[cfg(test)]
mod tests;
