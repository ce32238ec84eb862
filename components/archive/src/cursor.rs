//! Where a page ended, as a text that only the archive reads.
//!
//! It carries a sum over its bytes, so that a damaged one is refused instead of leading somewhere. It is no secret and
//! no permit: whoever makes one up sees what a filter and their scope let them see anyway.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logd_sdk::{Time, snapshot};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;

const VERSION: u8 = 1;
const SUM: usize = 4;
/// No cursor is longer, in characters.
const LONGEST: usize = 512;

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cursor {
    /// Behind the anomaly of this time and id.
    Anomaly(Time, String),
    /// Behind the incident that opened at this time and has this id.
    Incident(Time, String),
    /// Behind the log of this time and number, in the part of this hour and number.
    Log { part: (i64, u32), time: Time, number: u64 },
}

impl Cursor {
    pub(crate) fn encode(&self) -> Result<String, Error> {
        let mut bytes = snapshot::encode(VERSION, self)?;
        bytes.extend(sum(&bytes));
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Error> {
        let bytes = if text.len() <= LONGEST { URL_SAFE_NO_PAD.decode(text).ok() } else { None };
        let bytes = bytes.ok_or(Error::Cursor)?;
        let (bytes, end) = bytes.split_at_checked(bytes.len().saturating_sub(SUM)).ok_or(Error::Cursor)?;
        if end != sum(bytes) {
            return Err(Error::Cursor);
        }
        snapshot::decode(VERSION, bytes).map_err(|_| Error::Cursor)
    }
}

fn sum(bytes: &[u8]) -> [u8; SUM] {
    (xxh3_64(bytes) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_or_not_at_all() {
        for cursor in [
            Cursor::Anomaly(Time::from_micros(-5), "id".repeat(64)),
            Cursor::Incident(Time::MAX, String::new()),
            Cursor::Log { part: (497_000, 3), time: Time::from_micros(7), number: u64::MAX },
        ] {
            let text = cursor.encode().unwrap();
            assert_eq!(Cursor::decode(&text).unwrap(), cursor);
            for place in 0..text.len() {
                let mut damaged = text.clone().into_bytes();
                damaged[place] = if damaged[place] == b'A' { b'B' } else { b'A' };
                let damaged = String::from_utf8(damaged).unwrap();
                assert!(matches!(Cursor::decode(&damaged), Err(Error::Cursor)), "{damaged}");
                assert!(matches!(Cursor::decode(&text[..place]), Err(Error::Cursor)));
            }
        }
        assert!(Cursor::decode(&"A".repeat(100_000)).is_err());
        assert!(Cursor::decode("💥").is_err());
    }
}
