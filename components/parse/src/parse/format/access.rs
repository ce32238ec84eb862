//! The access logs of Apache and NGINX: the common log format (httpd.apache.org/docs/current/logs.html#common) and
//! the combined one, which has the referrer and the agent too.
//!
//! VRL's `parse_apache_log` reads them by a regular expression that takes some microseconds a line. A plain line is
//! read here by its spaces and quotes instead, with the same result; any other goes to VRL.

use logd_sdk::{Slot, Time};
use memchr::memchr;
use vrl::value::{ObjectMap, Value};

use super::{Flat, Line, Open, Reason};
use crate::parse::timestamp::apache_time;

/// The fields, as `parse_apache_log` names them; the common format has all but the last two. `message` is the request.
pub(in crate::parse) const FIELDS: [&str; 12] = [
    "host",
    "identity",
    "user",
    "timestamp",
    "message",
    "method",
    "path",
    "protocol",
    "status",
    "size",
    "referrer",
    "agent",
];
const HOST: usize = 0;
const TIMESTAMP: usize = 3;
const MESSAGE: usize = 4;
const METHOD: usize = 5;
const STATUS: usize = 8;
const SIZE: usize = 9;
const REFERRER: usize = 10;
const AGENT: usize = 11;

/// Reads one of the two formats.
pub(in crate::parse) struct Access {
    combined: bool,
    /// What reads the lines that are not plain.
    slow: Open,
}

impl Access {
    /// How many of [`FIELDS`] it has.
    pub(in crate::parse) fn fields(combined: bool) -> &'static [&'static str] {
        if combined { &FIELDS } else { &FIELDS[..REFERRER] }
    }

    /// A reader of the combined format, or else of the common one.
    pub(in crate::parse) fn new(combined: bool) -> anyhow::Result<Self> {
        let name = if combined { "combined" } else { "common" };
        let source = format!("parse_apache_log!(.message, \"{name}\")");
        Ok(Self { combined, slow: Open::new(&source, chrono_tz::UTC)? })
    }

    /// Reads a plain line. `None`: it is not plain, and some fields may have been put.
    fn read_plain(&self, line: &mut Line<'_>) -> Option<()> {
        let mut rest = line.text;
        for field in HOST..TIMESTAMP {
            let word = until(&mut rest, b' ')?;
            let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
            plain.then_some(())?;
            put(line, field, word);
        }
        let time = until(
            rest.strip_prefix('[').map(|inner| {
                rest = inner;
                &mut rest
            })?,
            b']',
        )?;
        line.put_time(TIMESTAMP, apache_time(time.as_bytes())?);
        rest = rest.strip_prefix(" \"")?;
        let request = until(&mut rest, b'"')?;
        read_request(line, request)?;
        rest = rest.strip_prefix(' ')?;
        let status = until(&mut rest, b' ')?;
        put_count(line, STATUS, status)?;
        if !self.combined {
            return put_count(line, SIZE, rest.trim_ascii_end());
        }
        let size = until(&mut rest, b' ')?;
        put_count(line, SIZE, size)?;
        for field in [REFERRER, AGENT] {
            rest = rest.strip_prefix('"')?;
            let text = until(&mut rest, b'"')?;
            // What is escaped or begins with a space VRL takes apart in its own way.
            let plain = text.is_ascii() && !text.starts_with(|byte: char| byte.is_ascii_whitespace());
            (plain && memchr(b'\\', text.as_bytes()).is_none()).then_some(())?;
            put(line, field, text);
            if field == REFERRER {
                rest = rest.strip_prefix(' ')?;
            }
        }
        Some(())
    }
}

/// Takes what stands before the mark off `rest`, and the mark.
fn until<'t>(rest: &mut &'t str, mark: u8) -> Option<&'t str> {
    let end = memchr(mark, rest.as_bytes())?;
    let found = &rest[..end];
    *rest = &rest[end + 1..];
    Some(found)
}

/// Puts a field, unless it is missing, which is written as `-`.
fn put(line: &mut Line<'_>, field: usize, text: &str) {
    if text != "-" {
        line.put(field, text);
    }
}

/// Puts a count, unless it is missing. What is no count is not plain.
fn put_count(line: &mut Line<'_>, field: usize, text: &str) -> Option<()> {
    if text != "-" {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        line.slots[field] = Slot::Integer(text.parse().ok().filter(|_| digits)?);
    }
    Some(())
}

/// A plain request is a method, a path and a protocol, with single spaces between them.
fn read_request(line: &mut Line<'_>, request: &str) -> Option<()> {
    let plain = request.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic() && byte != b'\\');
    let mut words = request.split(' ');
    let words = [words.next()?, words.next()?, words.next().filter(|_| words.next().is_none())?];
    let method = words[0].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && method && words.iter().all(|word| !word.is_empty())).then_some(())?;
    line.put(MESSAGE, request);
    for (field, word) in (METHOD..).zip(words) {
        line.put(field, word);
    }
    Some(())
}

impl Flat for Access {
    fn read(&self, line: &mut Line<'_>) -> Result<(), Reason> {
        if self.read_plain(line).is_some() {
            return Ok(());
        }
        line.slots.fill(Slot::Missing);
        let fields = self.slow.read(line.text)?;
        put_all(line, &fields);
        Ok(())
    }
}

/// Puts what VRL has read.
fn put_all(line: &mut Line<'_>, fields: &ObjectMap) {
    for (field, name) in FIELDS.iter().enumerate().take(line.slots.len()) {
        match fields.get(*name) {
            Some(Value::Integer(value)) => line.slots[field] = Slot::Integer(*value),
            Some(Value::Timestamp(time)) => line.put_time(field, Time::from_chrono(*time)),
            Some(text) => match text.to_str_lossy().as_deref() {
                // VRL leaves a referrer that is missing.
                None | Some("-") => {}
                Some(text) => line.put_copied(field, text),
            },
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::format::open::slot_value;

    /// The fields of a line as both ways read them: (here, by VRL).
    fn read(combined: bool, text: &str) -> (Option<ObjectMap>, Option<ObjectMap>) {
        let access = Access::new(combined).expect("compiles");
        let mut slots = vec![Slot::Missing; Access::fields(combined).len()];
        let mut copied = String::new();
        let mut line = Line { text, base: 0, slots: &mut slots, copied: &mut copied };
        let plain = access.read_plain(&mut line).map(|()| {
            let value = |slot: &Slot| slot_value(slot, text, "");
            FIELDS.iter().zip(&slots).filter_map(|(name, slot)| Some(((*name).into(), value(slot)?))).collect()
        });
        let mut by_vrl = access.slow.read(text).ok();
        by_vrl.iter_mut().for_each(|fields| fields.retain(|_, value| *value != Value::from("-")));
        (plain, by_vrl)
    }

    #[test]
    fn plain_lines_of_a_real_log_are_read_as_vrl_reads_them() {
        let mut plain_lines = 0;
        let log = include_str!("../../../tests/data/apache_access.log");
        for text in log.lines() {
            let (here, by_vrl) = read(true, text);
            if here.is_some() {
                plain_lines += 1;
                assert_eq!(here, by_vrl, "{text}");
            }
        }
        assert_eq!(plain_lines, 7, "of {} lines", log.lines().count());
    }

    #[test]
    fn odd_lines_are_never_read_otherwise() {
        let line =
            r#"10.0.0.1 - bob [17/May/2015:10:05:03 +0200] "GET /a?b=c HTTP/1.1" 200 12 "http://x/" "Agent 1.0""#;
        assert!(read(true, line).0.is_some());
        let (clf, _) = line.split_once(" \"http").expect("a referrer");
        assert_eq!(read(false, clf).0, read(false, clf).1);
        for (from, to) in [
            ("10.0.0.1", "-"),
            ("10.0.0.1", " 10.0.0.1"),
            ("10.0.0.1", "é"),
            ("bob", "bob smith"),
            ("bob", "\"bob\""),
            ("17/May", "17/Mai"),
            ("17/May", "32/May"),
            ("[17/May/2015:10:05:03 +0200]", "-"),
            ("[17/May/2015:10:05:03 +0200]", "[-]"),
            ("+0200", "-0930"),
            ("GET /a?b=c HTTP/1.1", "-"),
            ("GET /a?b=c HTTP/1.1", ""),
            ("GET /a?b=c HTTP/1.1", "GET"),
            ("GET /a?b=c HTTP/1.1", "GET /a b HTTP/1.1"),
            ("GET /a?b=c HTTP/1.1", "GET  /a HTTP/1.1"),
            ("GET /a?b=c HTTP/1.1", " GET /a HTTP/1.1 "),
            ("GET /a?b=c HTTP/1.1", "G-T /a HTTP/1.1"),
            ("GET /a?b=c HTTP/1.1", r#"GET /a\"b HTTP/1.1"#),
            ("GET /a?b=c HTTP/1.1", r"\x16\x03"),
            (" 200 ", " - "),
            (" 200 ", " 99999999999999999999 "),
            (" 12 ", " - "),
            (" 12 ", " -1 "),
            ("\"http://x/\"", "\"-\""),
            ("\"http://x/\"", "\"\""),
            ("\"http://x/\"", "-"),
            ("\"http://x/\"", "\" x\""),
            ("\"Agent 1.0\"", "\"-\""),
            ("\"Agent 1.0\"", "-"),
            ("\"Agent 1.0\"", "\"\""),
            ("\"Agent 1.0\"", r#""Agent \"1\" 0""#),
            ("\"Agent 1.0\"", "\"Agent 1.0\" \"2.5\""),
            ("\"Agent 1.0\"", "\"Agent 1.0"),
            ("\"Agent 1.0\"", "\"Agent 1.0\"\t"),
        ] {
            let text = line.replacen(from, to, 1);
            let (here, by_vrl) = read(true, &text);
            assert!(here.is_none() || here == by_vrl, "{text}\n{here:?}\n{by_vrl:?}");
            let text = clf.replacen(from, to, 1);
            let (here, by_vrl) = read(false, &text);
            assert!(here.is_none() || here == by_vrl, "{text}\n{here:?}\n{by_vrl:?}");
        }
    }
}
