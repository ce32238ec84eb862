//! Remembers what a condition has answered.
//!
//! A pure condition is a function of the fields that it reads, and fields such as a level or a status have few values:
//! to look an answer up takes a tenth of the time that it takes to run the program. Where values seldom come again
//! the memo finds out, and rests.

use hashbrown::HashTable;
use logd_sdk::Field;
use xxhash_rust::xxh3::xxh3_64;

/// How many answers are kept; when there are as many, all are forgotten.
const MAX_ANSWERS: usize = 4096;
/// The longest key that is kept, in bytes.
const MAX_KEY: usize = 256;
/// After so many questions the memo looks at how often it knew the answer.
const PERIOD: u32 = 1024;
/// For so many events it rests if that was seldom.
const REST: u32 = 64 * PERIOD;

/// What a condition says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It could not be told.
    Failed,
}

/// Answers by the values of the fields.
#[derive(Debug, Default)]
pub(super) struct Memo {
    answers: HashTable<Entry>,
    /// The keys of all entries, one behind the other.
    keys: Vec<u8>,
    asked: u32,
    known: u32,
    rest: u32,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    start: u32,
    length: u32,
    answer: Answer,
}

impl Memo {
    /// The answer for the fields that `key` stands for: the known one, or what `find` says.
    pub(super) fn answer(&mut self, key: &[u8], find: impl FnOnce() -> Answer) -> Answer {
        if key.len() > MAX_KEY {
            return find();
        }
        let hash = xxh3_64(key);
        let keys = &self.keys;
        let same = |entry: &Entry| {
            let start = entry.start as usize;
            entry.hash == hash && keys[start..start + entry.length as usize] == *key
        };
        self.asked += 1;
        if let Some(entry) = self.answers.find(hash, same) {
            self.known += 1;
            return entry.answer;
        }
        let answer = find();
        if self.answers.len() >= MAX_ANSWERS {
            self.forget();
        }
        // At most 4096 keys of 256 bytes: a megabyte.
        if let (Ok(start), Ok(length)) = (u32::try_from(self.keys.len()), u32::try_from(key.len())) {
            self.keys.extend_from_slice(key);
            self.answers.insert_unique(hash, Entry { hash, start, length, answer }, |entry| entry.hash);
        }
        answer
    }

    /// Whether it is worth asking; to be called before each batch, with the number of its events.
    pub(super) fn is_useful(&mut self, events: usize) -> bool {
        if self.rest > 0 {
            self.rest = self.rest.saturating_sub(u32::try_from(events).unwrap_or(u32::MAX));
            return false;
        }
        if self.asked >= PERIOD {
            // A miss costs about a fifth more than no memo at all: one hit in four makes up for it.
            let seldom = self.known < self.asked / 4;
            (self.asked, self.known) = (0, 0);
            if seldom {
                self.forget();
                self.rest = REST;
                return false;
            }
        }
        true
    }

    fn forget(&mut self) {
        self.answers.clear();
        self.keys.clear();
    }
}

/// Begins a key that several fields make, or one that is no text. A lone text is its own key; such a one begins with a
/// byte that no text has.
pub(super) fn begin(key: &mut Vec<u8>) {
    key.clear();
    key.push(0xff);
}

/// Appends a field to a key, so that different values never make the same one; `false` if it is too large to be kept,
/// or an array or an object.
pub(super) fn append(field: Field<'_>, key: &mut Vec<u8>) -> bool {
    let mut number = |tag: u8, bits: [u8; 8]| {
        key.push(tag);
        key.extend_from_slice(&bits);
    };
    match field {
        Field::Missing => key.push(0),
        Field::Null => key.push(1),
        Field::Boolean(value) => key.push(2 + u8::from(value)),
        Field::Integer(value) => number(4, value.to_le_bytes()),
        Field::Float(value) => number(5, value.to_bits().to_le_bytes()),
        Field::Time(value) => number(6, value.as_micros().to_le_bytes()),
        Field::Text(text) => {
            let Ok(length) = u8::try_from(text.len()) else { return false };
            key.extend_from_slice(&[7, length]);
            key.extend_from_slice(text.as_bytes());
        }
        Field::Value(_) => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use logd_sdk::Time;

    #[test]
    fn different_fields_make_different_keys() {
        let fields = [
            Field::Missing,
            Field::Null,
            Field::Boolean(false),
            Field::Boolean(true),
            Field::Integer(1),
            Field::Float(1.0),
            Field::Time(Time::from_micros(1)),
            Field::Text(""),
            Field::Text("1"),
        ];
        let mut keys = Vec::new();
        for left in fields {
            for right in fields {
                let mut key = Vec::new();
                begin(&mut key);
                assert!(str::from_utf8(&key).is_err());
                assert!(append(left, &mut key) && append(right, &mut key));
                keys.push(key);
            }
        }
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
        assert!(!append(Field::Text(&"x".repeat(300)), &mut Vec::new()));
    }

    #[test]
    fn is_bounded() {
        let mut memo = Memo::default();
        for number in 0..100_000_u32 {
            let answer = if number % 3 == 0 { Answer::Yes } else { Answer::No };
            assert_eq!(memo.answer(&number.to_le_bytes(), || answer), answer);
            assert_eq!(memo.answer(&number.to_le_bytes(), || Answer::Failed), answer);
        }
        assert!(memo.answers.len() <= MAX_ANSWERS && memo.keys.len() <= MAX_ANSWERS * MAX_KEY);
    }

    #[test]
    fn rests_where_values_do_not_come_again() {
        let mut memo = Memo::default();
        assert!(memo.is_useful(1));
        for number in 0..2000_u32 {
            memo.answer(&number.to_le_bytes(), || Answer::No);
        }
        assert!(!memo.is_useful(1000));
        assert!(memo.answers.is_empty());
        assert!((0..64).all(|_| !memo.is_useful(1024)), "it rests for a while");
        assert!(memo.is_useful(1), "and then tries again");
    }
}
