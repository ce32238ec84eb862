//! One template: a text of words with one space between them, some of which are wildcards.
//!
//! A line is like a template of the same number of words if more than half of the words (of two, one) are the same and no
//! wildcards, or if the texts are equal. What a line that joins has otherwise becomes a wildcard. So a template that was
//! ever changed keeps so many of its words, and all lines that have joined it have those: **a line that was given a
//! template will always be like it**, whatever has joined since.
//!
//! Words are compared by 32 bits of their hashes, for a line may be compared with every template of its key. What joins is
//! compared by text: two words that collide are taken to be like, once in four thousand million times, and not the same.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::mask::WILDCARD;

/// The mark of a wildcard in a template,
const ANY: u32 = 0;

/// and in a line, where it is like no other. No word has either.
const MASKED: u32 = 1;

/// A line, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'l> {
    /// Its words, with one space between them.
    pub(super) text: &'l str,
    /// The marks of its words.
    pub(super) marks: &'l [u32],
}

/// A template of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub(super) struct Template {
    /// Names it: the hash of its first text.
    pub(super) id: u64,
    /// As it reads now.
    pub(super) text: Arc<str>,
    /// The marks of its words.
    marks: Box<[u32]>,
    /// Which of the tree's levels it goes down as any word, a bit for each.
    pub(super) any: u8,
    /// By which line it began, counted from the key's first.
    pub(super) born: u64,
    /// By which line it was last seen.
    pub(super) used: u64,
}

/// What a snapshot has of it: marks follow from the text.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: u64,
    text: Arc<str>,
    any: u8,
    born: u64,
    used: u64,
}

impl From<Kept> for Template {
    fn from(Kept { id, text, any, born, used }: Kept) -> Self {
        let marks = marks_of(&text);
        Self { id, text, marks, any, born, used }
    }
}

impl From<Template> for Kept {
    fn from(Template { id, text, any, born, used, .. }: Template) -> Self {
        Self { id, text, any, born, used }
    }
}

/// The mark of a word in a line.
pub(super) fn mark(word: &str) -> u32 {
    if word == WILDCARD {
        return MASKED;
    }
    // The lower half of the hash.
    (xxh3_64(word.as_bytes()) as u32).max(MASKED + 1)
}

/// The marks of a template's words.
fn marks_of(text: &str) -> Box<[u32]> {
    text.split(' ').map(|word| if word == WILDCARD { ANY } else { mark(word) }).collect()
}

/// How like a line is to a template, from little to much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Likeness {
    /// How many words are the same and no wildcards.
    same: usize,
    /// Whether the texts are equal.
    equal: bool,
}

impl Template {
    /// Begun by the line of this number.
    pub(super) fn new(line: &str, any: u8, number: u64) -> Self {
        let id = xxh3_64(line.as_bytes());
        Self { id, text: line.into(), marks: marks_of(line), any, born: number, used: number }
    }

    /// How like the line is, if it is like enough.
    pub(super) fn likeness(&self, line: Words<'_>) -> Option<Likeness> {
        let same = self.marks.iter().zip(line.marks).map(|(one, other)| usize::from(one == other)).sum::<usize>();
        let equal = *self.text == *line.text;
        let enough = if line.marks.len() == 2 { 1 } else { line.marks.len() / 2 + 1 };
        (equal || same >= enough).then_some(Likeness { same, equal })
    }

    /// Makes wildcards of the words that differ in the line, which is like enough.
    pub(super) fn join(&mut self, line: &str) {
        let fits = |(word, token)| word == token || word == WILDCARD;
        if *self.text == *line || self.text.split(' ').zip(line.split(' ')).all(fits) {
            return;
        }
        let mut text = String::with_capacity(self.text.len());
        for (place, (word, token)) in self.text.split(' ').zip(line.split(' ')).enumerate() {
            if place > 0 {
                text.push(' ');
            }
            text.push_str(if word == token { word } else { WILDCARD });
        }
        (self.marks, self.text) = (marks_of(&text), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(template: &Template, line: &str) -> Option<Likeness> {
        let marks: Vec<u32> = line.split(' ').map(mark).collect();
        template.likeness(Words { text: line, marks: &marks })
    }

    #[test]
    fn what_differs_becomes_a_wildcard() {
        let mut template = Template::new("user alice logged in late", 0, 0);
        let id = template.id;
        for line in ["user bob logged in late", "user carol logged out late"] {
            assert!(likeness(&template, line).is_some());
            template.join(line);
        }
        assert_eq!(
            (&*template.text, template.id),
            ("user <*> logged <*> late", id),
            "the id is that of the first line"
        );
        assert_eq!(likeness(&template, "user dave went away late"), None, "two words of five");
        assert_eq!(likeness(&template, "user dave logged off late"), Some(Likeness { same: 3, equal: false }));
    }

    #[test]
    fn wildcards_alone_are_like_none_but_themselves() {
        let template = Template::new("<*> <*> x", 0, 0);
        assert_eq!(likeness(&template, "<*> <*> y"), None);
        let equal = likeness(&template, "<*> <*> x");
        assert!(equal > likeness(&Template::new("<*> y x", 0, 0), "<*> <*> x") && equal.is_some());
    }
}
