//! Follows the raw bytes of a connection just closely enough to see where each request begins and ends.
//!
//! hyper frames the messages; this reads along for two things that it does not tell:
//!
//! - A request with two `Content-Length`, or with that and `Transfer-Encoding`, is how one request is smuggled past a
//!   proxy inside another (RFC 9112 section 11.2, CWE-444). hyper picks one of them and removes the other, as RFC
//!   9112 section 6.3 allows, so nobody after it can refuse the request.
//! - Whether a connection that is silent is between two requests, inside a head, or inside a body: each has its own
//!   limit of time.
//!
//! It never decides what the service sees. When the bytes make no sense it stops, and hyper refuses them by itself.

use memchr::memchr;

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To the next request, of which nothing is there yet.
    Between,
    /// To a head.
    Head,
    /// To a body of which this many bytes are missing.
    Body(u64),
    /// To a line with a chunk's size.
    ChunkSize,
    /// To a chunk of which this many bytes are missing.
    Chunk(u64),
    /// To the end of a chunk's line.
    ChunkEnd,
    /// To the trailers.
    Trailers,
    /// To nothing that can be followed.
    Lost,
}

/// The state between two reads.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) place: Place,
    /// Heads seen whole so far.
    pub(super) heads: u32,
    /// The number, from 1, of the first request whose length is ambiguous; the scan ends there.
    pub(super) ambiguous: Option<u32>,
    /// The line begun in an earlier read. hyper stops reading when a head is too long, which bounds it.
    line: Vec<u8>,
    head: Head,
}

/// What a head says so far of its body's length.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    lengths: u32,
    length: Option<u64>,
    codings: u32,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self { place: Place::Between, heads: 0, ambiguous: None, line: Vec::new(), head: Head::default() }
    }

    /// Whether the next byte belongs to a body.
    pub(super) fn in_body(&self) -> bool {
        !matches!(self.place, Place::Between | Place::Head | Place::Lost)
    }

    /// Reads on.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.place != Place::Lost {
            if let Place::Body(left) | Place::Chunk(left) = self.place {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[here..];
                self.place = match (self.place, left - here as u64) {
                    (Place::Body(_), 0) => Place::Between,
                    (Place::Body(_), left) => Place::Body(left),
                    (_, 0) => Place::ChunkEnd,
                    (_, left) => Place::Chunk(left),
                };
                continue;
            }
            let Some(end) = memchr(b'\n', bytes) else {
                self.line.extend_from_slice(bytes);
                // An empty line may be cut in two.
                if self.place == Place::Between && self.line != b"\r" {
                    self.place = Place::Head;
                }
                return;
            };
            let (rest, after) = bytes.split_at(end);
            bytes = &after[1..];
            if self.line.is_empty() {
                self.end_of_line(rest);
            } else {
                self.line.extend_from_slice(rest);
                let line = std::mem::take(&mut self.line);
                self.end_of_line(&line);
            }
        }
    }

    fn end_of_line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.place = match self.place {
            // Empty lines before a request are ignored, RFC 9112 section 2.2.
            Place::Between if line.is_empty() => Place::Between,
            Place::Between => Place::Head,
            Place::Head if line.is_empty() => self.end_of_head(),
            Place::Head => {
                self.head.note(line);
                Place::Head
            }
            Place::ChunkSize => match chunk_size(line) {
                Some(0) => Place::Trailers,
                Some(size) => Place::Chunk(size),
                None => Place::Lost,
            },
            Place::ChunkEnd if line.is_empty() => Place::ChunkSize,
            Place::Trailers if line.is_empty() => Place::Between,
            Place::Trailers => Place::Trailers,
            _ => Place::Lost,
        };
    }

    fn end_of_head(&mut self) -> Place {
        self.heads += 1;
        match std::mem::take(&mut self.head) {
            Head { lengths, codings, .. } if lengths + codings > 1 => {
                self.ambiguous = Some(self.heads);
                Place::Lost
            }
            Head { codings: 1, .. } => Place::ChunkSize,
            Head { lengths: 0, .. } | Head { length: Some(0), .. } => Place::Between,
            Head { length: Some(length), .. } => Place::Body(length),
            Head { length: None, .. } => Place::Lost,
        }
    }
}

impl Head {
    fn note(&mut self, line: &[u8]) {
        if let Some(value) = value_of(line, b"content-length:") {
            self.lengths += 1;
            self.length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
        } else if value_of(line, b"transfer-encoding:").is_some() {
            self.codings += 1;
        }
    }
}

/// The value of a header line whose name, in lower case and with its colon, is `name`.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// The size in a chunk's first line, RFC 9112 section 7.1; extensions are skipped.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| !byte.is_ascii_hexdigit()).next()?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same answer must come out however the bytes are cut into reads.
    fn scan(bytes: &[u8]) -> (Place, u32, Option<u32>) {
        let whole = |size: usize| {
            let mut scan = Scan::new();
            bytes.chunks(size).for_each(|piece| scan.feed(piece));
            (scan.place, scan.heads, scan.ambiguous)
        };
        let expected = whole(bytes.len());
        for size in [1, 2, 3, 7, 19] {
            assert_eq!(whole(size), expected, "in pieces of {size}");
        }
        expected
    }

    #[test]
    fn requests_one_after_the_other_are_told_apart() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST / HTTP/1.1\nContent-Length: 5\n\nab\r\n\n\
                      POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5;x=\"y\"\r\n\r\n\r\n\n\r\n0a \r\n0123456789\r\n\
                      0\r\nSum: 1\r\n\r\nGET";
        assert_eq!(scan(bytes), (Place::Head, 3, None));
    }

    #[test]
    fn places_are_known_in_the_middle() {
        assert_eq!(scan(b"\r\n").0, Place::Between);
        assert_eq!(scan(b"GET / HTTP/1.1\r\n").0, Place::Head);
        assert_eq!(scan(b"POST / HTTP/1.1\r\nContent-Length:  10 \r\n\r\nabc").0, Place::Body(7));
        assert_eq!(scan(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc").0, Place::Chunk(252));
    }

    #[test]
    fn ambiguous_lengths_are_found_with_the_number_of_the_request() {
        for lines in [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5\r\nHost: a\r\ncontent-length: 5",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        ] {
            let bytes = format!("GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n{lines}\r\n\r\nhello");
            assert_eq!(scan(bytes.as_bytes()), (Place::Lost, 2, Some(2)), "{lines}");
        }
    }

    #[test]
    fn nonsense_ends_the_scan() {
        assert_eq!(scan(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n").0, Place::Lost);
        assert_eq!(scan(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n").0, Place::Lost);
        assert_eq!(scan(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n").0, Place::Lost);
    }
}
