//! The formats, one file each.
//!
//! Where the fields of a format are known beforehand ([`Flat`]) they become columns: places in the text that came in,
//! nothing copied. Where each event has fields of its own (logfmt, syslog) VRL's function makes a value ([`Open`]).

pub(super) mod access;
pub(super) mod csv;
pub(super) mod log4j;
pub(super) mod open;
pub(super) mod pattern;

use logd_sdk::{Slot, Time};

pub(super) use open::Open;

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    /// The kind, as a metric's label.
    pub(super) kind: &'static str,
    /// For a person, in one line.
    pub(super) message: String,
}

impl Reason {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The text is not of the format.
    pub(super) fn mismatch(message: impl Into<String>) -> Self {
        Self::new("format_mismatch", message)
    }

    /// The text is longer than what the format's parser can be trusted with.
    pub(super) fn too_long(length: usize, limit: usize) -> Self {
        Self::new("too_long", format!("the text has {length} bytes, and this format reads {limit}"))
    }
}

/// A format whose fields are known beforehand.
pub(super) trait Flat: Send + Sync {
    /// Puts the fields of a line into their slots, all of which are missing at first.
    ///
    /// # Errors
    /// The line is not of this format.
    fn read(&self, line: &mut Line<'_>) -> Result<(), Reason>;
}

/// A text, and where its fields go.
#[derive(Debug)]
pub(super) struct Line<'l> {
    /// What is read.
    pub(super) text: &'l str,
    /// Where it begins in its block.
    pub(super) base: u32,
    /// One for each field.
    pub(super) slots: &'l mut [Slot],
    /// Takes what does not stand in the text as it is.
    pub(super) copied: &'l mut String,
}

impl Line<'_> {
    /// The field is `part`, which must be a part of the text.
    pub(super) fn put(&mut self, field: usize, part: &str) {
        let start = part.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        self.slots[field] = match (u32::try_from(start), u32::try_from(start.saturating_add(part.len()))) {
            (Ok(start), Ok(end)) if end as usize <= self.text.len() => {
                Slot::Block { start: self.base + start, end: self.base + end }
            }
            _ => self.copy(part),
        };
    }

    /// The field is `part`, or the number that it spells.
    pub(super) fn put_typed(&mut self, field: usize, part: &str) {
        match number(part) {
            Some(slot) => self.slots[field] = slot,
            None => self.put(field, part),
        }
    }

    /// The field is a text that is not a part of the line's.
    pub(super) fn put_copied(&mut self, field: usize, value: &str) {
        self.slots[field] = self.copy(value);
    }

    /// The field is a moment.
    pub(super) fn put_time(&mut self, field: usize, time: Time) {
        self.slots[field] = Slot::Time(time);
    }

    fn copy(&mut self, value: &str) -> Slot {
        let start = self.copied.len();
        self.copied.push_str(value);
        match (u32::try_from(start), u32::try_from(self.copied.len())) {
            (Ok(start), Ok(end)) => Slot::Text { start, end },
            _ => Slot::Missing,
        }
    }
}

/// The number that `text` spells, as JSON spells numbers: `007`, `+1`, `1e999` and a number that no 64 bits hold are
/// texts, for they are identifiers more often than quantities.
pub(super) fn number(text: &str) -> Option<Slot> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let (first, rest) = digits.split_first()?;
    if !first.is_ascii_digit() || *first == b'0' && rest.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    if rest.iter().all(u8::is_ascii_digit) {
        return text.parse().ok().map(Slot::Integer);
    }
    let numeric = rest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let value = text.parse::<f64>().ok().filter(|value| numeric && value.is_finite() && !text.ends_with('.'))?;
    Some(Slot::Float(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_json() {
        for (text, expected) in [
            ("0", "Integer(0)"),
            ("-42", "Integer(-42)"),
            ("0.132", "Float(0.132)"),
            ("-1.5e3", "Float(-1500.0)"),
            ("9223372036854775807", "Integer(9223372036854775807)"),
        ] {
            assert_eq!(number(text).map(|slot| format!("{slot:?}")).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "-",
            "007",
            "-01",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e999",
            "0x1",
            "1 ",
            "9223372036854775808",
            "NaN",
            "inf",
            "1.2.3",
        ] {
            assert!(number(text).is_none(), "{text}");
        }
    }
}
