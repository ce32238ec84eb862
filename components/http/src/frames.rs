//! Where the events of a body begin and end.
//!
//! A frame is a range of the body. Whether what stands in it is an event is for the [decoder](crate::decode) to say.

use std::iter::from_fn;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

/// The lines of a body that have something in them, without `\n` or `\r\n`.
pub(crate) fn lines(body: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let (mut start, mut newlines) = (0, memchr_iter(b'\n', body));
    from_fn(move || {
        while start < body.len() {
            let newline = newlines.next().unwrap_or(body.len());
            let mut line = start..newline;
            start = newline + 1;
            // One byte looked at is cheaper than two slices compared.
            if !line.is_empty() && body[line.end - 1] == b'\r' {
                line.end -= 1;
            }
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    })
}

/// The body in parts of whole lines, of up to `size` bytes where no line is longer.
pub(crate) fn windows(body: &[u8], size: usize) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    from_fn(move || {
        let full = start + size;
        let end = match body.get(start..full) {
            None => body.len(),
            Some(part) => match memrchr(b'\n', part) {
                Some(newline) => start + newline + 1,
                None => memchr(b'\n', &body[full..]).map_or(body.len(), |newline| full + newline + 1),
            },
        };
        let part = start..end;
        start = end;
        (!part.is_empty()).then_some(part)
    })
}

/// The frame without the blanks at its ends.
pub(crate) fn trimmed(body: &[u8], frame: Range<usize>) -> Range<usize> {
    let (bytes, start) = (&body[frame.clone()], frame.start);
    let blanks = bytes.len() - bytes.trim_ascii_start().len();
    start + blanks..(start + blanks).max(start + bytes.trim_ascii_end().len())
}

/// The elements of the JSON array that a body is, which must begin with `[`.
///
/// Nothing is checked but the array itself. That is enough: where every element turns out to be a valid object, so are
/// the commas between them the array's. A JSON library would have to read each element to find its end, and the reader
/// of columns reads it again anyway.
pub(crate) struct Elements<'b> {
    body: &'b [u8],
    /// Where the next element begins; none behind the last.
    next: Option<usize>,
}

/// An array that is none: where, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The offset in the body.
    pub(crate) at: usize,
    /// In a few words.
    pub(crate) why: &'static str,
}

impl<'b> Elements<'b> {
    /// Those of the array that begins at `start`.
    pub(crate) fn new(body: &'b [u8], start: usize) -> Self {
        let first = trimmed(body, start + 1..body.len()).start;
        // Only here may there be no element at all.
        let empty = body.get(first) == Some(&b']') && body[first + 1..].trim_ascii().is_empty();
        Self { body, next: (!empty).then_some(start + 1) }
    }

    /// The element at `start`; leaves in `next` where the one after it begins.
    fn element(&mut self, start: usize) -> Result<Range<usize>, Broken> {
        let (mut depth, mut in_text) = (0_usize, false);
        let mut bytes = self.body.iter().enumerate().skip(start);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => in_text = !in_text,
                b'\\' if in_text => drop(bytes.next()),
                _ if in_text => {}
                b'{' | b'[' => depth += 1,
                b']' if depth == 0 => {
                    let rest = trimmed(self.body, at + 1..self.body.len());
                    return match rest.is_empty() {
                        true => Ok(start..at),
                        false => Err(Broken { at: rest.start, why: "something follows the end of the array" }),
                    };
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => {
                    self.next = Some(at + 1);
                    return Ok(start..at);
                }
                _ => {}
            }
        }
        Err(Broken { at: self.body.len(), why: "the array has no end" })
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<Range<usize>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        Some(self.element(start).map(|element| trimmed(self.body, element)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str, frames: impl Iterator<Item = Range<usize>>) -> Vec<&str> {
        frames.map(|frame| &body[frame]).collect()
    }

    fn array(body: &str) -> Result<Vec<&str>, Broken> {
        let elements: Result<Vec<_>, _> = Elements::new(body.as_bytes(), 0).collect();
        elements.map(|elements| texts(body, elements.into_iter()))
    }

    #[test]
    fn lines_of_all_sorts() {
        for (body, expected) in [
            ("", &[][..]),
            ("\n\r\n\n", &[]),
            ("one", &["one"]),
            ("one\n", &["one"]),
            ("one\r\n\r\n two \n\nthr\ree\r", &["one", " two ", "thr\ree"]),
        ] {
            assert_eq!(texts(body, lines(body.as_bytes())), expected, "{body:?}");
        }
    }

    #[test]
    fn windows_end_with_a_line() {
        for (body, expected) in [
            ("", &[][..]),
            ("one", &["one"]),
            ("a\nb\nlonger than that\nc\n", &["a\nb\n", "longer than that\n", "c\n"]),
            ("abcd\nefgh", &["abcd\n", "efgh"]),
            ("longer than that", &["longer than that"]),
        ] {
            assert_eq!(texts(body, windows(body.as_bytes(), 5)), expected, "{body:?}");
        }
    }

    #[test]
    fn trimming_leaves_what_is_not_blank() {
        for (body, expected) in [("", ""), (" \t\r\n", ""), (" a b\n", "a b"), ("a", "a")] {
            assert_eq!(&body[trimmed(body.as_bytes(), 0..body.len())], expected, "{body:?}");
        }
    }

    #[test]
    fn elements_of_arrays() {
        for (body, expected) in [
            ("[]", &[][..]),
            ("[ \n ]\n", &[]),
            ("[{}]", &["{}"]),
            ("[ {\"a\":[1,2]} ,\n{\"b\":\"],}\\\"\"}]\n", &["{\"a\":[1,2]}", "{\"b\":\"],}\\\"\"}"]),
            // These are not empty frames by mistake: no reader takes them for an object.
            ("[{},]", &["{}", ""]),
            ("[,]", &["", ""]),
        ] {
            assert_eq!(array(body).unwrap(), expected, "{body:?}");
        }
    }

    #[test]
    fn broken_arrays() {
        for (body, at) in [("[", 1), ("[{}", 3), ("[{}] x", 5), ("[] []", 3), ("[\"]", 3), ("[\"\\", 3)] {
            assert_eq!(array(body).unwrap_err().at, at, "{body:?}");
        }
    }
}
