//! From the bytes of a segment to its records, over whatever is broken between them.

use std::ops::Range;

use memchr::memmem;

use crate::format::{Decoded, Kind, RECORD_HEADER, RECORD_MAGIC, decode};

/// What stands in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A whole record, and where its payload is.
    Record { number: u64, payload: Range<usize> },
    /// A whole release.
    Release { up_to: u64 },
    /// Bytes that are no record. Their number is known where the header is whole.
    Broken { bytes: Range<usize>, number: Option<u64> },
}

/// Goes through bytes that begin where a record should begin.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    seed: u64,
    bytes: &'a [u8],
    at: usize,
    /// The bytes go to the segment's end. Where they do not, the walk ends as soon as more are needed to go on.
    complete: bool,
}

/// What comes after broken bytes.
enum Beyond {
    Record(usize),
    End,
    Unknown,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(seed: u64, bytes: &'a [u8], complete: bool) -> Self {
        Self { seed, bytes, at: 0, complete }
    }

    /// Where the next item begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The first place behind `from` where a record begins.
    fn resume(&self, from: usize) -> Beyond {
        for found in memmem::find_iter(&self.bytes[from..], &RECORD_MAGIC) {
            match decode(self.seed, &self.bytes[from + found..]) {
                Decoded::Record { .. } | Decoded::Damaged { .. } => return Beyond::Record(from + found),
                Decoded::Short { .. } if !self.complete => return Beyond::Unknown,
                Decoded::Short { .. } | Decoded::Nothing => {}
            }
        }
        if self.complete { Beyond::End } else { Beyond::Unknown }
    }
}

impl Iterator for Walk<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let start = self.at;
        if start == self.bytes.len() {
            return None;
        }
        match decode(self.seed, &self.bytes[start..]) {
            Decoded::Record { kind, number, end } => {
                self.at += end;
                Some(match kind {
                    Kind::Data => Item::Record { number, payload: start + RECORD_HEADER..start + end },
                    Kind::Release => Item::Release { up_to: number },
                })
            }
            Decoded::Damaged { number, end } => {
                self.at += end;
                Some(Item::Broken { bytes: start..start + end, number: Some(number) })
            }
            Decoded::Short { .. } if !self.complete => None,
            Decoded::Short { .. } | Decoded::Nothing => {
                self.at = match self.resume(start + 1) {
                    Beyond::Record(found) => found,
                    Beyond::End => self.bytes.len(),
                    Beyond::Unknown => return None,
                };
                Some(Item::Broken { bytes: start..self.at, number: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::encode;

    const SEED: u64 = 3;

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 1..=3 {
            encode(SEED, Kind::Data, number, &[b'x'; 72], &mut bytes);
        }
        bytes
    }

    fn numbers(bytes: &[u8]) -> Vec<u64> {
        let walk = Walk::new(SEED, bytes, true);
        walk.filter_map(|item| if let Item::Record { number, .. } = item { Some(number) } else { None }).collect()
    }

    #[test]
    fn a_broken_record_costs_no_other() {
        for byte in 0..300 {
            let mut bytes = three();
            bytes[byte] ^= 0x40;
            let hit = byte as u64 / 100 + 1;
            assert_eq!(numbers(&bytes), (1..=3).filter(|number| *number != hit).collect::<Vec<_>>(), "byte {byte}");
        }
    }

    #[test]
    fn a_zeroed_range_costs_what_was_in_it() {
        let mut bytes = three();
        bytes[50..150].fill(0);
        assert_eq!(numbers(&bytes), [3]);
        let broken = Walk::new(SEED, &bytes, true).next();
        // The first record's header is whole, so that its number and its end are known.
        assert_eq!(broken, Some(Item::Broken { bytes: 0..100, number: Some(1) }));
    }

    #[test]
    fn a_record_in_a_payload_is_no_record() {
        let mut inner = Vec::new();
        encode(SEED + 1, Kind::Data, 99, b"forged", &mut inner);
        let mut bytes = Vec::new();
        encode(SEED, Kind::Data, 1, &inner, &mut bytes);
        encode(SEED, Kind::Data, 2, b"", &mut bytes);
        bytes[0] = 0;
        assert_eq!(numbers(&bytes), [2]);
    }

    #[test]
    fn a_window_ends_before_what_is_cut_off() {
        let bytes = three();
        let mut walk = Walk::new(SEED, &bytes[..250], false);
        assert_eq!(walk.by_ref().count(), 2);
        assert_eq!(walk.at(), 200);
        let mut broken = bytes;
        broken[100] = 0;
        let mut walk = Walk::new(SEED, &broken[..250], false);
        assert_eq!((walk.by_ref().count(), walk.at()), (1, 100), "the third may begin in what is not there yet");
    }
}
