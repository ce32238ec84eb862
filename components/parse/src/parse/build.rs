//! From `parse`'s settings to the transform.

use anyhow::anyhow;
use logd_sdk::Context;
use logd_sdk::component::TransformSettings;
use logd_sdk::report::KeyPath;
use logd_sdk::settings::Fault;
use vrl::path::OwnedValuePath;

use super::columns::Columnar;
use super::format::access::Access;
use super::format::csv::Csv;
use super::format::log4j::{self, Log4j};
use super::format::open::Open;
use super::format::pattern::{Expression, Grok};
use super::settings::{Format, ParseSettings};
use super::timestamp::{Layout, Stamp};
use super::{Parse, Reader};
use crate::settings::timezone;

/// The field of the event's time, unless another is set.
const TIMESTAMP: &str = "timestamp";

impl TransformSettings for ParseSettings {
    type Transform = Parse;

    fn build(&self, context: &Context) -> anyhow::Result<Parse> {
        let reader = self.reader().map_err(|(key, fault)| anyhow!("{key}: {}", fault.message))?;
        let stamp = self.stamp().map_err(|(key, fault)| anyhow!("{key}: {}", fault.message))?;
        let columnar = Columnar::new(&reader, stamp.as_ref().map(|(path, _)| path), &context.columns);
        Ok(Parse {
            reader,
            columnar,
            field: self.field.as_ref().map(|field| field.path().clone()),
            stamp,
            on_error: self.on_error,
            columns: context.columns.clone(),
        })
    }
}

impl ParseSettings {
    /// What reads the format, or what is wrong at which setting.
    pub(super) fn reader(&self) -> Result<Reader, (KeyPath, Fault)> {
        // A wrong zone is told of by itself, and hides nothing else.
        let zone = self.zone().unwrap_or_default();
        let numbers = self.numbers.unwrap_or(true);
        let open = |source: &str, numbers: bool| {
            let format =
                Open::new(source, zone).map_err(|error| (KeyPath::from("format"), Fault::new(error.to_string())));
            Ok(Reader::Open { format: Box::new(format?), numbers })
        };
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let access = |combined: bool| {
            let format =
                Access::new(combined).map_err(|error| (KeyPath::from("format"), Fault::new(error.to_string())));
            Ok(Reader::Flat { format: Box::new(format?), names: names(Access::fields(combined)) })
        };
        match self.format {
            Format::Json => Ok(Reader::Json),
            Format::Logfmt => open("parse_logfmt!(.message)", numbers),
            Format::Syslog => open("parse_syslog!(.message)", false),
            Format::Clf => access(false),
            Format::Combined => access(true),
            Format::Log4j => Ok(Reader::Flat { format: Box::new(Log4j::new(zone)), names: names(&log4j::FIELDS) }),
            Format::Csv => {
                let columns = self.csv_columns()?;
                let csv = Csv::new(columns.clone(), self.csv_delimiter()?, self.header.unwrap_or(true), numbers);
                Ok(Reader::Flat { format: Box::new(csv), names: columns })
            }
            Format::Regex => {
                let built = Expression::new(self.pattern_text("(?P<status>\\d+)")?, numbers);
                let (format, names) = built.map_err(|fault| ("pattern".into(), fault))?;
                Ok(Reader::Flat { format: Box::new(format), names })
            }
            Format::Grok => {
                let built = Grok::new(self.pattern_text("%{NUMBER:status}")?, &self.patterns, numbers);
                let (format, names) = built.map_err(|fault| ("pattern".into(), fault))?;
                Ok(Reader::Flat { format: Box::new(format), names })
            }
        }
    }

    /// Where the time stands, and how it is read; `None` where no time is looked for.
    fn stamp(&self) -> Result<Option<(OwnedValuePath, Stamp)>, (KeyPath, Fault)> {
        let zone = self.zone()?;
        let Some(timestamp) = &self.timestamp else {
            let own = || (OwnedValuePath::single_field(TIMESTAMP), Stamp::new(Layout::Auto, zone));
            return Ok(self.format.knows_time().then(own));
        };
        let path = timestamp.field.as_ref().map(|field| field.path().clone());
        let layout = Layout::new(timestamp.format.as_deref());
        let layout = layout.map_err(|fault| (["timestamp", "format"].into(), fault))?;
        Ok(Some((path.unwrap_or_else(|| OwnedValuePath::single_field(TIMESTAMP)), Stamp::new(layout, zone))))
    }

    /// The zone of times that name none.
    pub(super) fn zone(&self) -> Result<chrono_tz::Tz, (KeyPath, Fault)> {
        let name = self.timestamp.as_ref().and_then(|timestamp| timestamp.timezone.as_deref());
        timezone(name).map_err(|fault| (["timestamp", "timezone"].into(), fault))
    }

    /// The pattern of `regex` and `grok`, which must be there.
    fn pattern_text(&self, example: &str) -> Result<&str, (KeyPath, Fault)> {
        let missing =
            || (KeyPath::default(), Fault::new("there is no `pattern`").help(format!("write one like '{example}'")));
        self.pattern.as_deref().ok_or_else(missing)
    }

    /// The columns of `csv`: at least one, each with a name of its own.
    fn csv_columns(&self) -> Result<Vec<String>, (KeyPath, Fault)> {
        if self.columns.is_empty() {
            let fault = Fault::new("the columns are not named").help("write `columns = [\"timestamp\", \"value\"]`");
            return Err((KeyPath::default(), fault));
        }
        for (place, name) in self.columns.iter().enumerate() {
            if name.is_empty() || self.columns[..place].contains(name) {
                let fault = Fault::new(format!("the column `{name}` must have a name of its own"));
                return Err((KeyPath::from("columns").index(place), fault));
            }
        }
        Ok(self.columns.clone())
    }

    /// The delimiter of `csv`, as `csv-core` takes it.
    pub(super) fn csv_delimiter(&self) -> Result<u8, (KeyPath, Fault)> {
        match self.delimiter.as_deref().unwrap_or(",").as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
            _ => Err(("delimiter".into(), Fault::new("the delimiter must be a single ASCII character"))),
        }
    }
}
