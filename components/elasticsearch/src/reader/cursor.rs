//! Where a page ended, as a text that only a reader reads.
//!
//! Logs are ordered by time and then by the number that Elasticsearch gave each document of a shard (`_seq_no`). Two shards
//! may have a document of one time with one number, so the page behind begins *at* the last one's place, and leaves out
//! those of that place that were shown. It is no secret and no permit: whoever makes one up sees what a query and its scope
//! let them see anyway.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logd_sdk::shared_stores::Error;
use logd_sdk::snapshot;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
/// No cursor is longer, in characters.
const LONGEST: usize = 2048;
/// So many documents may have one place: one for each shard.
const MOST_SEEN: usize = 100;

/// The place of a document: its time in milliseconds since 1970, and its number.
pub(super) type Place = (i64, i64);

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The place of the last document.
    place: Place,
    /// Which documents of this place were shown, by hashes of their names.
    seen: Vec<u64>,
}

/// What a document is remembered by.
pub(super) fn hash(index: &str, id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (index, id).hash(&mut hasher);
    hasher.finish()
}

impl Cursor {
    /// Behind a document at this place; `shown` are all of the page, and `before` is the cursor that it came with.
    pub(super) fn behind(place: Place, shown: impl Iterator<Item = (Place, u64)>, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.place == place).map_or(&[][..], |before| &before.seen);
        let here = shown.filter(|(other, _)| *other == place).map(|(_, hash)| hash);
        Self { place, seen: before.iter().copied().chain(here).take(MOST_SEEN).collect() }
    }

    /// What the page behind comes after, in the order of Elasticsearch: numbers that are one greater, for it is to begin
    /// with those of this place.
    pub(super) fn search_after(&self) -> [i64; 2] {
        [self.place.0, self.place.1.saturating_add(1)]
    }

    /// How many of its place were shown.
    pub(super) fn seen(&self) -> usize {
        self.seen.len()
    }

    /// Whether this document was shown.
    pub(super) fn has_shown(&self, place: Place, hash: u64) -> bool {
        self.place == place && self.seen.contains(&hash)
    }

    pub(super) fn encode(&self) -> Result<String, Error> {
        Ok(URL_SAFE_NO_PAD.encode(snapshot::encode(VERSION, self)?))
    }

    pub(super) fn decode(text: &str) -> Result<Self, Error> {
        let bytes = if text.len() <= LONGEST { URL_SAFE_NO_PAD.decode(text).ok() } else { None };
        let cursor = bytes.and_then(|bytes| snapshot::decode::<Self>(VERSION, &bytes).ok());
        cursor.filter(|cursor| cursor.seen.len() <= MOST_SEEN).ok_or(Error::Cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_or_not_at_all() {
        let cursor = Cursor { place: (1_795_442_590_001, i64::MAX), seen: vec![u64::MAX; MOST_SEEN] };
        let text = cursor.encode().unwrap();
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert_eq!(Cursor::decode(&text).unwrap(), cursor);
        for wrong in ["", "x", "💥", &text[..20], &"A".repeat(100_000)] {
            assert!(matches!(Cursor::decode(wrong), Err(Error::Cursor)), "{wrong}");
        }
    }

    #[test]
    fn all_of_one_place_that_were_shown_are_left_out() {
        let first = Cursor::behind((5, 7), [((6, 1), 10), ((5, 7), 11)].into_iter(), None);
        assert_eq!((first.search_after(), first.seen()), ([5, 8], 1));
        assert!(first.has_shown((5, 7), 11) && !first.has_shown((5, 7), 12) && !first.has_shown((6, 1), 10));
        let second = Cursor::behind((5, 7), [((5, 7), 12)].into_iter(), Some(&first));
        assert!(second.has_shown((5, 7), 11) && second.has_shown((5, 7), 12));
        let third = Cursor::behind((5, 6), [((5, 6), 13)].into_iter(), Some(&second));
        assert_eq!(third.seen(), 1);
    }
}
