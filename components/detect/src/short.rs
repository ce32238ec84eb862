//! Texts that are kept for long are short: a key, a field of an event, an event as evidence.
//!
//! State is bounded by how many keys there are, and so by bytes only if none of them is longer than is planned for. An
//! event may be megabytes, and what it says is not ours to choose. So what is longer is cut; of a key, what is cut off
//! still counts, by a hash, so that different ones stay different, and the same one the same after a replay.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

/// A text in a key, or a field that is kept, has so many bytes at most.
pub(crate) const LONGEST: usize = 1024;

/// An event that a window keeps as evidence has so many bytes of JSON at most.
pub(crate) const LONGEST_EVENT: usize = 16 << 10;

/// The text, or as much of it as is kept, and then a hash of all of it.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let mark = format!("…{:016x}", xxh3_64(text.as_bytes()));
    let end = text.floor_char_boundary(LONGEST - mark.len());
    Cow::Owned(format!("{}{mark}", &text[..end]))
}

/// An event in JSON; one of more than `most` bytes becomes a text, of its beginning.
pub(crate) fn short_event(json: Vec<u8>, most: usize) -> Vec<u8> {
    if json.len() <= most {
        return json;
    }
    let text = String::from_utf8_lossy(&json[..most]);
    // What was cut in two at the end is no character.
    let beginning = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    serde_json::Value::from(format!("{beginning}…")).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_stays_itself() {
        let long = "é".repeat(LONGEST);
        assert_eq!(short(&long[..LONGEST]), long[..LONGEST]);
        let cut = short(&long);
        assert!((LONGEST - 3..=LONGEST).contains(&cut.len()), "{}", cut.len());
        assert!(cut.starts_with("éé") && cut.contains('…'));
        assert_eq!(cut, short(&long), "the same after a replay");
        assert_ne!(cut, short(&format!("{long}x")), "what is cut off counts");
        assert_eq!(short(&cut), cut);
    }

    #[test]
    fn an_event_that_is_too_long_is_a_text() {
        assert_eq!(short_event(b"{\"a\":1}".to_vec(), LONGEST_EVENT), b"{\"a\":1}");
        let event = format!("{{\"a\":\"x{}\"}}", "é".repeat(LONGEST_EVENT));
        let kept = short_event(event.clone().into_bytes(), LONGEST_EVENT);
        let text: String = serde_json::from_slice(&kept).unwrap();
        assert!(text.ends_with("é…") && event.starts_with(text.trim_end_matches('…')), "{}", text.len());
        assert!(kept.len() < LONGEST_EVENT + 100);
    }
}
