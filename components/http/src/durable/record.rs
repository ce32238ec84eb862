//! A request as a record of the log: what it is, where its events begin and end, and then its bytes.
//!
//! A version and a head in `postcard`, then the bytes of all events, which are used as they are when the record is read:
//! nothing is parsed again to find the events. That the fields which somebody reads are taken out again is meant: after a
//! restart they may be others.

use std::collections::VecDeque;

use anyhow::Context as _;
use bytes::Bytes;
use logd_sdk::{Body, Row, Time, snapshot};
use serde::{Deserialize, Serialize};

use super::keys::Key;
use crate::decode::{PIECE_BYTES, PIECE_EVENTS, Piece};

/// The version of this form.
const VERSION: u8 = 1;

/// An event's place in its request has so many bits of its position; the rest is the record's number. No request has so
/// many events, and 2⁴³ requests take centuries.
const EVENT_BITS: u32 = 21;

/// What stands first, and can be read alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// When the request came in, in microseconds since 1970: the time of its events.
    pub(crate) received: i64,
    /// What its client calls it, if it does.
    pub(crate) key: Option<Key>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    head: Head,
    is_json: bool,
    /// How many bytes lie before each event, and how many it has.
    events: Vec<(u32, u32)>,
}

/// A request as bytes.
///
/// # Errors
/// It can't be encoded, which does not happen with what fits into memory.
pub(crate) fn encode(pieces: &[Piece], received: Time, key: Option<Key>) -> anyhow::Result<Bytes> {
    let mut events = Vec::with_capacity(pieces.iter().map(|piece| piece.rows.len()).sum());
    for piece in pieces {
        let mut end = 0;
        for row in &piece.rows {
            events.push((row.start - end, row.end - row.start));
            end = row.end;
        }
    }
    let is_json = pieces.first().and_then(|piece| piece.rows.first()).is_some_and(|row| matches!(row.body, Body::Json));
    let head = Head { received: received.as_micros(), key };
    let mut record = snapshot::encode(VERSION, &Stored { head, is_json, events })?;
    record.reserve_exact(pieces.iter().map(|piece| piece.bytes.len()).sum());
    for piece in pieces {
        record.extend_from_slice(&piece.bytes);
    }
    Ok(record.into())
}

/// The head of a record alone.
///
/// # Errors
/// It is none, or of another version.
pub(crate) fn head(record: &[u8]) -> anyhow::Result<Head> {
    snapshot::borrow(VERSION, record)
}

/// The events of the record `number` but for the first `skip`, in pieces that share its bytes. Their rows know their
/// places in the partition, and their time.
///
/// # Errors
/// It is none, or of another version.
pub(crate) fn decode(number: u64, record: &Bytes, skip: u32) -> anyhow::Result<VecDeque<Piece>> {
    let Stored { head, is_json, events } = snapshot::decode(VERSION, record)?;
    let (time, skip) = (Time::from_micros(head.received), skip as usize);
    let size = events.iter().try_fold(0_usize, |sum, &(gap, length)| sum.checked_add(gap as usize + length as usize));
    let mut end =
        size.and_then(|size| record.len().checked_sub(size)).context("a request is shorter than its events")?;
    let (mut pieces, mut rows, mut start) = (VecDeque::new(), Vec::new(), end);
    let mut piece = |rows: Vec<Row>, start: usize, end: usize| {
        if !rows.is_empty() {
            pieces.push_back(Piece { bytes: record.slice(start..end), rows, ..Piece::default() });
        }
    };
    let left = events.len().saturating_sub(skip);
    for (place, &(gap, length)) in events.iter().enumerate() {
        let begin = end + gap as usize;
        let behind = begin + length as usize;
        if place >= skip {
            if rows.len() == PIECE_EVENTS || (!rows.is_empty() && behind - start > PIECE_BYTES) {
                piece(std::mem::take(&mut rows), start, end);
            }
            if rows.is_empty() {
                start = begin;
                rows.reserve(PIECE_EVENTS.min(left));
            }
            // A record has far less than 4 GiB.
            let (from, to) = ((begin - start) as u32, (behind - start) as u32);
            let position = number << EVENT_BITS | place as u64;
            let body = if is_json { Body::Json } else { Body::Line };
            rows.push(Row { block: 0, start: from, end: to, position, time, seen: time, body });
        }
        end = behind;
    }
    piece(rows, start, end);
    Ok(pieces)
}
