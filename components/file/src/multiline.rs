//! The settings that both sources have for lines: how long they may be, and which of them are one event.

use logd_sdk::report::Report;
use logd_sdk::settings::{ByteSize, Duration};
use regex::bytes::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

/// The largest limit for lines: they are held in memory, and places in a block are numbers of 32 bits.
const LARGEST_LINE: ByteSize = ByteSize::mebibytes(1024);

/// How lines are joined to events, as those of a stack trace.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Multiline {
    /// A regular expression. A line in which it matches begins an event; all others are joined to the line before, for
    /// as long as the whole is no longer than `max_line_size`.
    pub(crate) start_pattern: String,
    /// An event is taken as complete when nothing has followed it for this long. A line of it that comes later is an
    /// event of its own.
    #[serde(default = "default_timeout")]
    pub(crate) timeout: Duration,
}

const fn default_timeout() -> Duration {
    Duration::from_secs(1)
}

/// Lines longer than this are discarded, if nothing else is said.
pub(crate) const fn default_max_line_size() -> ByteSize {
    ByteSize::new(100 * 1024)
}

/// Says what is wrong with these settings of a source.
pub(crate) fn check(report: &mut Report, max_line_size: ByteSize, multiline: Option<&Multiline>) {
    if max_line_size < ByteSize::new(1) || max_line_size > LARGEST_LINE {
        report.error("max_line_size", format!("`max_line_size` must lie between 1 B and {LARGEST_LINE}"));
    }
    let Some(multiline) = multiline else { return };
    match Regex::new(&multiline.start_pattern) {
        Ok(pattern) if pattern.is_match(b"") => {
            report
                .warning(["multiline", "start_pattern"], "the pattern matches every line, so none is joined to another")
                .help(r"write what the first line of an event begins with, as in '^\[?\d{4}-\d\d-\d\d'");
        }
        Ok(_) => {}
        Err(error) => {
            // The regex crate draws a picture over several lines; the last one says what is wrong.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            report.error(["multiline", "start_pattern"], format!("not a regular expression: {reason}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(max: &str, pattern: &str) -> Vec<String> {
        let mut report = Report::default();
        let multiline = Multiline { start_pattern: pattern.to_owned(), timeout: default_timeout() };
        check(&mut report, max.parse().unwrap(), Some(&multiline));
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn rejects_what_it_must() {
        assert_eq!(problems("64 KiB", r"^\d{4}-"), [""; 0]);
        assert_eq!(problems("0 B", "^a"), ["max_line_size: `max_line_size` must lie between 1 B and 1 GiB"]);
        assert_eq!(problems("2 GiB", "^a").len(), 1);
        let expected = ["multiline.start_pattern: not a regular expression: unclosed group"];
        assert_eq!(problems("1 KiB", "^(a"), expected);
        assert!(problems("1 KiB", "^ *")[0].contains("matches every line"));
    }
}
