//! The settings of `parse`, and what must fit together in them.

use std::collections::BTreeMap;

use logd_sdk::component::Makes;
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::FieldPath;
use logd_sdk::{Check, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Reader;
use super::timestamp::Layout;

/// Reads events in one of the known formats, and finds their time.
///
/// The fields that are found become the event's. The raw line stays in `message` unless the format gives one: an
/// access log's `message` is the request, a log4j line's is the message itself, and a JSON document is the event as it
/// is. An event that is not a plain line keeps its other fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParseSettings {
    /// How events are written.
    pub(super) format: Format,
    /// The field that holds the text. By default it is the line, or `message` where an event is none.
    pub(super) field: Option<FieldPath>,
    /// For `regex`: the expression, in the syntax of Rust's `regex`; its named groups, `(?P<status>\d+)`, are the
    /// fields. For `grok`: the pattern; its names, `%{NUMBER:status}`, are the fields.
    pub(super) pattern: Option<String>,
    /// For `grok`: patterns of your own, which `pattern` may use by their names.
    #[serde(default)]
    pub(super) patterns: BTreeMap<String, String>,
    /// For `csv`: the names of the columns.
    #[serde(default)]
    pub(super) columns: Vec<String>,
    /// For `csv`: the character between two cells; `,` by default.
    pub(super) delimiter: Option<String>,
    /// For `csv`: whether a line that repeats the names of the columns, as the first of a file does, is left out; true
    /// by default.
    pub(super) header: Option<bool>,
    /// For `csv`, `regex`, `grok` and `logfmt`: whether a text that spells a number becomes one (`42` and `0.5`, but
    /// not `007`); true by default.
    pub(super) numbers: Option<bool>,
    /// Where the event's time stands. The formats `clf`, `combined`, `log4j` and `syslog` know; for the others it is
    /// when the event came in, unless this is set.
    pub(super) timestamp: Option<TimestampSettings>,
    /// What becomes of events that can't be read or whose time is missing.
    #[serde(default)]
    pub(super) on_error: OnError,
}

/// Where an event's time stands, and how it is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimestampSettings {
    /// The field; `timestamp` by default.
    pub(super) field: Option<FieldPath>,
    /// Its format: `unix`, `unix_ms`, `unix_us`, `unix_ns`, or as for `strftime`, like `%d/%b/%Y:%H:%M:%S %z`. By
    /// default RFC 3339 with or without a zone, an access log's form, and numbers since 1970 are known.
    pub(super) format: Option<String>,
    /// The time zone of times that name none, as the IANA database has it: `Europe/Berlin`. UTC by default.
    pub(super) timezone: Option<String>,
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// A JSON object.
    Json,
    /// `key=value` pairs.
    Logfmt,
    /// Comma-separated values.
    Csv,
    /// Anything, by a regular expression.
    Regex,
    /// Anything, by a grok pattern.
    Grok,
    /// The common log format of web servers.
    Clf,
    /// The combined log format of Apache and NGINX.
    Combined,
    /// RFC 3164 or RFC 5424.
    Syslog,
    /// The text layouts of log4j, logback and Kafka.
    Log4j,
}

/// What becomes of events that can't be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnError {
    /// They leave by the port `dead`, with the reason.
    #[default]
    Dead,
    /// They end here.
    Drop,
    /// They go on with what could be read of them. Where a time is looked for and not found, theirs is the greatest
    /// so far.
    Keep,
}

impl Format {
    /// As it stands in the settings.
    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Logfmt => "logfmt",
            Self::Csv => "csv",
            Self::Regex => "regex",
            Self::Grok => "grok",
            Self::Clf => "clf",
            Self::Combined => "combined",
            Self::Syslog => "syslog",
            Self::Log4j => "log4j",
        }
    }

    /// Whether it says itself where the time stands, and how it is written.
    pub(super) fn knows_time(self) -> bool {
        matches!(self, Self::Clf | Self::Combined | Self::Syslog | Self::Log4j)
    }
}

impl Settings for ParseSettings {
    const NAME: &'static str = "parse";
    const SUMMARY: &'static str = "Reads events in a known format, and finds their time";
    const EXAMPLE: &'static str = r#"
        format = "json"
        timestamp.field = "timestamp"
        on_error = "dead"
    "#;

    fn check(&self, check: &mut Check<'_>) {
        self.check_keys(check);
        match self.reader() {
            Ok(reader) => self.check_time_field(&reader, check),
            Err((key, fault)) => {
                check.report.fault(key, fault);
            }
        }
        // What the reader did not come to.
        let delimiter = if self.format == Format::Csv { self.csv_delimiter().err() } else { None };
        for (key, fault) in delimiter.into_iter().chain(self.zone().err()) {
            if !check.report.problems().iter().any(|problem| problem.key == key) {
                check.report.fault(key, fault);
            }
        }
        if let Err(fault) = Layout::new(self.timestamp.as_ref().and_then(|timestamp| timestamp.format.as_deref())) {
            check.report.fault(["timestamp", "format"], fault);
        }
    }

    fn ports(&self) -> Vec<String> {
        if self.on_error == OnError::Dead { vec!["dead".to_owned()] } else { Vec::new() }
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        // A line, or a document, is read as it stands in its bytes.
        if self.field.is_some() { Reads::Whole } else { Reads::nothing() }
    }

    fn makes(&self, port: &str) -> Makes {
        if port == "dead" { Makes::Same } else { Makes::Anything }
    }
}

impl ParseSettings {
    /// Reports settings that are of another format.
    fn check_keys(&self, check: &mut Check<'_>) {
        use Format::{Csv, Grok, Log4j, Logfmt, Regex, Syslog};
        let timestamp = self.timestamp.clone().unwrap_or_default();
        let timed = !self.format.knows_time();
        let name = self.format.name();
        let mut only = |key: KeyPath, given: bool, fits: bool| {
            if given && !fits {
                let message = format!("`{key}` does not go with the format {name}");
                check.report.error(key, message);
            }
        };
        only("pattern".into(), self.pattern.is_some(), [Regex, Grok].contains(&self.format));
        only("patterns".into(), !self.patterns.is_empty(), self.format == Grok);
        only("columns".into(), !self.columns.is_empty(), self.format == Csv);
        only("delimiter".into(), self.delimiter.is_some(), self.format == Csv);
        only("header".into(), self.header.is_some(), self.format == Csv);
        only("numbers".into(), self.numbers.is_some(), [Csv, Regex, Grok, Logfmt].contains(&self.format));
        only(["timestamp", "field"].into(), timestamp.field.is_some(), timed);
        only(["timestamp", "format"].into(), timestamp.format.is_some(), timed);
        let zoned = timed || [Syslog, Log4j].contains(&self.format);
        only(["timestamp", "timezone"].into(), timestamp.timezone.is_some(), zoned);
    }

    /// Reports a time that is looked for in a field that the format does not make.
    fn check_time_field(&self, reader: &Reader, check: &mut Check<'_>) {
        let (Some(timestamp), Reader::Flat { names, .. }, None) = (&self.timestamp, reader, &self.field) else {
            return;
        };
        let field = timestamp.field.as_ref().map_or("timestamp", |field| field.as_str().trim_start_matches('.'));
        if !self.format.knows_time() && !names.iter().any(|name| name == field.trim_matches('"')) {
            let message = format!("`{field}` is none of the fields that are read");
            let help = format!("they are {}", names.join(", "));
            check.report.error(["timestamp", "field"], message).help(help);
        }
    }
}
