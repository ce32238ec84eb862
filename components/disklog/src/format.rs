//! The bytes of a log, version 1. All numbers are little-endian.
//!
//! A log is a folder. It holds `lock`, which its writer has locked and in which the log's id stands as 16 hexadecimal
//! digits, and segments, whose names are `FIRST-ORDINAL-ID.log`: the number of the first record that may be in it (20
//! decimal digits), which segment it is (20 decimal digits, ever growing), and the log's id. What is needed to read a
//! segment is in its name, so that no page of it is more precious than another. `NAME.new` is a
//! segment that is not finished, `NAME-OFFSET.bad` a copy of broken bytes.
//!
//! A segment ends where the next begins: a record whose number is not below the next segment's first does not count.
//!
//! # Segment header, 64 bytes
//!
//! | offset | bytes | what                                                                                  |
//! |-------:|------:|---------------------------------------------------------------------------------------|
//! |      0 |     8 | `LOGDLOG` and a zero byte                                                             |
//! |      8 |     4 | version, 1                                                                            |
//! |     12 |     4 | 0                                                                                     |
//! |     16 |     8 | the log's id                                                                          |
//! |     24 |     8 | ordinal                                                                               |
//! |     32 |     8 | number of the first record                                                            |
//! |     40 |     8 | number of the first record of the last segment before it that holds any; 0: none does |
//! |     48 |     8 | released up to this number when the segment was begun                                 |
//! |     56 |     8 | XXH3-64 of bytes 0 to 55                                                              |
//!
//! Every later version keeps the magic, the version, and the place of the checksum.
//!
//! # Record, 28 bytes and the payload
//!
//! | offset | bytes | what                                                                           |
//! |-------:|------:|--------------------------------------------------------------------------------|
//! |      0 |     3 | `F5 4C 52`; the first byte is in no UTF-8 text                                 |
//! |      3 |     1 | 1: a record, 2: a release                                                      |
//! |      4 |     4 | length of the payload, at most 32 MiB; 0 in a release                          |
//! |      8 |     8 | the record's number; in a release the number up to which everything may go     |
//! |     16 |     8 | XXH3-64 of the payload                                                         |
//! |     24 |     4 | lower half of XXH3-64 of bytes 0 to 23                                         |
//! |     28 |       | payload                                                                        |
//!
//! Both checksums are seeded with id XOR ordinal. So no payload can look like a record, not even one that was made to,
//! and what an older file has left on the disk is not taken for one either.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The largest record, in bytes.
pub const MAX_RECORD: usize = 32 << 20;

/// The length of a segment's header, in bytes.
pub const SEGMENT_HEADER: usize = 64;
/// The length of a record's header, in bytes.
pub const RECORD_HEADER: usize = 28;
/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

const SEGMENT_MAGIC: [u8; 8] = *b"LOGDLOG\0";
/// What every record begins with.
pub(crate) const RECORD_MAGIC: [u8; 3] = [0xF5, b'L', b'R'];

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) ordinal: u64,
    pub(crate) first: u64,
    pub(crate) before: u64,
    pub(crate) released: u64,
}

/// Why a segment's header can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Its bytes are damaged; the segment's records may be whole.
    Damaged,
    /// It is whole, and of a version that is not known.
    Version(u32),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        for (place, value) in [self.id, self.ordinal, self.first, self.before, self.released].into_iter().enumerate() {
            bytes[16 + 8 * place..][..8].copy_from_slice(&value.to_le_bytes());
        }
        let check = xxh3_64(&bytes[..56]);
        bytes[56..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads the header that these bytes begin with.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes = bytes.get(..SEGMENT_HEADER).ok_or(BadHeader::Damaged)?;
        if bytes[..8] != SEGMENT_MAGIC || xxh3_64(&bytes[..56]) != u64_at(bytes, 56) {
            return Err(BadHeader::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            other => return Err(BadHeader::Version(other)),
        }
        let [id, ordinal, first, before, released] = [16, 24, 32, 40, 48].map(|offset| u64_at(bytes, offset));
        Ok(Self { id, ordinal, first, before, released })
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Release,
}

/// Appends a record to `out`. Its payload is at most [`MAX_RECORD`] long.
pub(crate) fn encode(seed: u64, kind: Kind, number: u64, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&RECORD_MAGIC);
    out.push(match kind {
        Kind::Data => 1,
        Kind::Release => 2,
    });
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&xxh3_64_with_seed(payload, seed).to_le_bytes());
    let check = header_check(seed, &out[start..]);
    out.extend_from_slice(&check.to_le_bytes());
    out.extend_from_slice(payload);
}

/// What bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A whole record, that ends there.
    Record { kind: Kind, number: u64, end: usize },
    /// A record whose header is whole and whose payload is not.
    Damaged { number: u64, end: usize },
    /// The beginning of a record: as many bytes are needed to tell more.
    Short { needed: usize },
    /// No record.
    Nothing,
}

/// Reads the record that these bytes begin with.
pub(crate) fn decode(seed: u64, bytes: &[u8]) -> Decoded {
    let Some(header) = bytes.get(..RECORD_HEADER) else { return Decoded::Short { needed: RECORD_HEADER } };
    let kind = match header[3] {
        1 => Kind::Data,
        2 => Kind::Release,
        _ => return Decoded::Nothing,
    };
    let length = u32_at(header, 4) as usize;
    if header[..3] != RECORD_MAGIC || length > MAX_RECORD || header_check(seed, &header[..24]) != u32_at(header, 24) {
        return Decoded::Nothing;
    }
    let (number, end) = (u64_at(header, 8), RECORD_HEADER + length);
    match bytes.get(RECORD_HEADER..end) {
        None => Decoded::Short { needed: end },
        Some(payload) if xxh3_64_with_seed(payload, seed) == u64_at(header, 16) => {
            Decoded::Record { kind, number, end }
        }
        Some(_) => Decoded::Damaged { number, end },
    }
}

/// The lower half of the hash, for a header is short.
#[expect(clippy::cast_possible_truncation, reason = "half of it is what is wanted")]
fn header_check(seed: u64, header: &[u8]) -> u32 {
    xxh3_64_with_seed(header, seed) as u32
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(value)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stands_where_the_table_says() {
        let mut bytes = Vec::new();
        encode(7, Kind::Data, 258, b"abc", &mut bytes);
        assert_eq!(bytes[..16], [0xF5, b'L', b'R', 1, 3, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&bytes[RECORD_HEADER..], b"abc");
        assert_eq!(decode(7, &bytes), Decoded::Record { kind: Kind::Data, number: 258, end: 31 });
        assert_eq!(decode(8, &bytes), Decoded::Nothing, "a record of another segment");
        assert_eq!(decode(7, &bytes[..30]), Decoded::Short { needed: 31 });
    }

    #[test]
    fn each_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        encode(7, Kind::Data, 9, b"payload", &mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut broken = bytes.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            let payload = bit / 8 >= RECORD_HEADER;
            let expected = if payload { Decoded::Damaged { number: 9, end: 35 } } else { Decoded::Nothing };
            assert_eq!(decode(7, &broken), expected, "bit {bit}");
        }
    }

    #[test]
    fn a_header_says_what_is_wrong_with_it() {
        let header = Header { id: 1, ordinal: 2, first: 3, before: 4, released: 5 };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Ok(header));
        assert_eq!(Header::decode(&bytes[..63]), Err(BadHeader::Damaged));
        let mut flipped = bytes;
        flipped[8] ^= 2;
        assert_eq!(Header::decode(&flipped), Err(BadHeader::Damaged), "a flipped bit makes no other version");
        let check = xxh3_64(&flipped[..56]);
        flipped[56..].copy_from_slice(&check.to_le_bytes());
        assert_eq!(Header::decode(&flipped), Err(BadHeader::Version(3)));
    }
}
