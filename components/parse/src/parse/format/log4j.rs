//! The text layouts of log4j and its kin (logback, Spring Boot), as far as they begin with a date.
//!
//! Pattern layouts are the user's to choose, but nearly all are one of these
//! (logging.apache.org/log4j/2.x/manual/pattern-layout.html):
//!
//! ```text
//! [%d] %p %m (%c)              Kafka
//! %d %p [%t] %c - %m           and with `:` for ` - `, in either order of level and thread
//! %d [%X] - %p [%t] - %m       ZooKeeper
//! %d %p %pid --- [%t] %c : %m  Spring Boot
//! ```
//!
//! Lines that follow the first, such as a stack trace, are a field of their own.

use super::{Flat, Line, Reason};
use crate::parse::timestamp::{Layout, Stamp};

/// The fields; `class` is the logger, which is named after a class.
pub(in crate::parse) const FIELDS: [&str; 6] = ["timestamp", "level", "thread", "class", "message", "stack_trace"];
const TIMESTAMP: usize = 0;
const LEVEL: usize = 1;
const THREAD: usize = 2;
const CLASS: usize = 3;
const MESSAGE: usize = 4;
const STACK_TRACE: usize = 5;

const LEVELS: [&str; 8] = ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "SEVERE"];

/// Reads the layouts.
pub(in crate::parse) struct Log4j {
    stamp: Stamp,
}

impl Log4j {
    /// Its dates name no zone: they are in `zone`.
    pub(in crate::parse) fn new(zone: chrono_tz::Tz) -> Self {
        Self { stamp: Stamp::new(Layout::Auto, zone) }
    }
}

impl Flat for Log4j {
    fn read(&self, line: &mut Line<'_>) -> Result<(), Reason> {
        let (first, more) = match line.text.split_once('\n') {
            Some((first, more)) => (first.trim_end_matches('\r'), Some(more)),
            None => (line.text, None),
        };
        let (date, in_brackets, rest) =
            date(first).ok_or_else(|| Reason::mismatch("the line does not begin with a date and a time"))?;
        let time = self.stamp.text(date.as_bytes()).map_err(|message| Reason::new("invalid_timestamp", message))?;
        line.put_time(TIMESTAMP, time);
        let known = if in_brackets { read_kafka(line, rest) } else { read_heads(line, rest) };
        known.ok_or_else(|| Reason::mismatch("there is no level"))?;
        if let Some(more) = more {
            line.put(STACK_TRACE, more);
        }
        Ok(())
    }
}

/// The date and time at the line's beginning, whether they stand in brackets, and what follows.
fn date(line: &str) -> Option<(&str, bool, &str)> {
    if let Some(inner) = line.strip_prefix('[') {
        let (date, rest) = inner.split_once(']')?;
        return Some((date, true, rest));
    }
    // `2016-12-19T19:01:37,536`, or with a space in the middle.
    let day = line.find([' ', 'T']).filter(|end| *end == 10)?;
    let end = line[day + 1..].find(' ').map_or(line.len(), |end| day + 1 + end);
    Some((&line[..end], false, &line[end..]))
}

/// `%p %m (%c)`: the message may begin with a bracket, and the class is the last thing.
fn read_kafka(line: &mut Line<'_>, rest: &str) -> Option<()> {
    let rest = rest.trim_start();
    let (level, message) = rest.split_once(' ').unwrap_or((rest, ""));
    level_of(level)?;
    line.put(LEVEL, level);
    let message = message.trim();
    let class = message.strip_suffix(')').and_then(|inner| inner.rsplit_once('(')).filter(|(_, class)| is_class(class));
    match class {
        Some((message, class)) => {
            line.put(CLASS, class);
            line.put(MESSAGE, message.trim_end());
        }
        None => line.put(MESSAGE, message),
    }
    Some(())
}

/// Level, threads, dashes and the process's number in any order, then a class if a dash or a colon follows it, then
/// the message.
fn read_heads(line: &mut Line<'_>, mut rest: &str) -> Option<()> {
    let mut level = None;
    loop {
        rest = rest.trim_start();
        if let Some((inner, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            match level_of(inner.trim()) {
                Some(found) if level.is_none() => level = Some(found),
                _ => line.put(THREAD, inner.trim()),
            }
            rest = after;
            continue;
        }
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "-" | "---" => {}
            _ if level.is_none() => level = Some(level_of(word)?),
            _ if word.bytes().all(|byte| byte.is_ascii_digit()) && after.trim_start().starts_with("---") => {}
            _ => break,
        }
        if after.is_empty() {
            rest = "";
            break;
        }
        rest = after;
    }
    line.put(LEVEL, level?);
    let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let after = after.trim_start();
    let named = match word.strip_suffix(':') {
        Some(class) => Some((class, after)),
        None => after.strip_prefix("- ").or_else(|| after.strip_prefix(": ")).map(|message| (word, message)),
    };
    match named.filter(|(class, _)| is_class(class)) {
        Some((class, message)) => {
            line.put(CLASS, class);
            line.put(MESSAGE, message.trim());
        }
        None => line.put(MESSAGE, rest.trim_end()),
    }
    Some(())
}

/// The level that a word is, as the layouts write it.
fn level_of(word: &str) -> Option<&str> {
    LEVELS.contains(&word).then_some(word)
}

/// Whether a logger may have this name; not every word with a colon behind it is one.
fn is_class(name: &str) -> bool {
    let part =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'-' | b'[' | b']' | b'/');
    !name.is_empty() && name.bytes().all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::format::open::slot_value;
    use logd_sdk::Slot;

    /// The fields of a text, in order, `-` where there is none.
    fn read(text: &str) -> Result<[String; 6], Reason> {
        let mut slots = vec![Slot::Missing; 6];
        let mut line = Line { text, base: 0, slots: &mut slots, copied: &mut String::new() };
        Log4j::new(chrono_tz::UTC).read(&mut line)?;
        let show =
            |slot: &Slot| slot_value(slot, text, "").map_or("-".to_owned(), |value| value.to_string_lossy().into());
        Ok(std::array::from_fn(|field| show(&slots[field])))
    }

    #[test]
    fn reads_a_real_brokers_log() {
        for text in include_str!("../../../tests/data/kafka_server.log").replace("  (", " (").lines() {
            let [timestamp, level, thread, class, message, _] = read(text).expect(text);
            assert_eq!(
                format!(
                    "[{}] {level} {message} ({class})",
                    timestamp.replace('T', " ").replace('.', ",").replace('Z', "")
                ),
                text
            );
            assert_eq!(thread, "-");
        }
    }

    #[test]
    fn reads_the_common_layouts() {
        let at = "2015-10-17T15:37:56.547Z";
        for (text, fields) in [
            (
                "2015-10-17 15:37:56,547 INFO [main] org.a.B: Created it: now",
                ["INFO", "main", "org.a.B", "Created it: now"],
            ),
            ("2015-10-17 15:37:56,547 [main] WARN  org.a.B - Not - good", ["WARN", "main", "org.a.B", "Not - good"]),
            ("2015-10-17 15:37:56,547 ERROR org.a.B$C - x", ["ERROR", "-", "org.a.B$C", "x"]),
            ("2015-10-17 15:37:56,547 - INFO  [main:Q@117] - Starting", ["INFO", "main:Q@117", "-", "Starting"]),
            (
                "2015-10-17 15:37:56,547 [myid:1] - INFO  [main:Q@117] - Starting",
                ["INFO", "main:Q@117", "-", "Starting"],
            ),
            (
                "2015-10-17T15:37:56.547  INFO 12345 --- [  main] o.s.App          : Started App",
                ["INFO", "main", "o.s.App", "Started App"],
            ),
            ("2015-10-17T15:37:56.547Z DEBUG no class: here", ["DEBUG", "-", "-", "no class: here"]),
            ("2015-10-17 15:37:56,547 [INFO ] [t-1] c.d.E - m", ["INFO", "t-1", "c.d.E", "m"]),
            ("2015-10-17 15:37:56,547 FATAL", ["FATAL", "-", "-", ""]),
            ("[2015-10-17 15:37:56,547] INFO [Group 2]: Removed (k.c.M)", ["INFO", "-", "k.c.M", "[Group 2]: Removed"]),
            ("[2015-10-17 15:37:56,547] WARN odd (one two)", ["WARN", "-", "-", "odd (one two)"]),
        ] {
            let [timestamp, found @ .., _] = read(text).expect(text);
            assert_eq!((timestamp.as_str(), found), (at, fields.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn a_stack_trace_is_a_field_of_its_own() {
        let text = "[2015-10-17 15:37:56,547] ERROR It broke (k.s.A)\njava.io.IOException: x\n\tat k.s.A.b(A.java:1)";
        let [_, level, _, class, message, trace] = read(text).expect("a log");
        assert_eq!((level.as_str(), class.as_str(), message.as_str()), ("ERROR", "k.s.A", "It broke"));
        assert_eq!(trace, "java.io.IOException: x\n\tat k.s.A.b(A.java:1)");
    }

    #[test]
    fn refuses_what_is_none() {
        for (text, kind) in [
            ("", "format_mismatch"),
            ("\tat k.s.A.b(A.java:1)", "format_mismatch"),
            ("[main] INFO x", "invalid_timestamp"),
            ("2015-10-17 15:37:56,547 hello world", "format_mismatch"),
            ("[2015-13-17 15:37:56,547] INFO x", "invalid_timestamp"),
            ("15:37:56,547 INFO x", "format_mismatch"),
        ] {
            assert_eq!(read(text).expect_err(text).kind, kind, "{text}");
        }
    }
}
