//! Finds an event's time in one of its fields.
//!
//! Each layout that log lines commonly have is read by its digits, in some ten nanoseconds; a layout that the user
//! writes in `strftime` is read by `chrono`.

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use logd_sdk::Time;
use logd_sdk::settings::Fault;
use vrl::value::Value;

/// How a moment is written.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// RFC 3339, the same without a zone and with a comma before the fraction, an access log's `17/May/2015:10:05:03
    /// +0000`, or a number of seconds, milli-, micro- or nanoseconds since 1970, as its size tells.
    Auto,
    /// A number of this many microseconds each (0.001 for nanoseconds) since 1970.
    Unix(f64),
    /// As `strftime` would write it.
    Items(Vec<Item<'static>>),
}

/// Reads moments of one layout.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    layout: Layout,
    /// Where no zone is written it is this one.
    zone: Tz,
}

impl Layout {
    /// The layout that is called `text`, or that `text` is in `strftime`; [`Layout::Auto`] where there is none.
    pub(super) fn new(text: Option<&str>) -> Result<Self, Fault> {
        Ok(match text {
            None | Some("rfc3339") => Self::Auto,
            Some("unix") => Self::Unix(1e6),
            Some("unix_ms") => Self::Unix(1e3),
            Some("unix_us") => Self::Unix(1.0),
            Some("unix_ns") => Self::Unix(1e-3),
            Some(text) => {
                let wrong = |why: &str| Fault::new(format!("`{text}` {why}")).help(FORMAT_HELP);
                let items = StrftimeItems::new(text).parse_to_owned().map_err(|_| wrong("is no time format"))?;
                // What it writes it must be able to read.
                let sample = DateTime::<Utc>::from_timestamp_nanos(981_173_106_000_000_000);
                let written = sample.format_with_items(items.iter()).to_string();
                if moment(&written, &items, Tz::UTC).is_err() {
                    return Err(wrong("does not say a day and a time"));
                }
                Self::Items(items)
            }
        })
    }
}

const FORMAT_HELP: &str =
    "write a strftime format like \"%d/%b/%Y:%H:%M:%S %z\", or unix, unix_ms, unix_us, unix_ns; or leave it out";

impl Stamp {
    /// Reads `layout`, in `zone` where the text names none.
    pub(super) fn new(layout: Layout, zone: Tz) -> Self {
        Self { layout, zone }
    }

    /// The moment that `text` says.
    ///
    /// # Errors
    /// Why it says none.
    pub(super) fn text(&self, text: &[u8]) -> Result<Time, String> {
        let found = match &self.layout {
            Layout::Auto => self.common(text),
            Layout::Unix(_) => str::from_utf8(text).ok().and_then(|text| self.number(text.trim().parse().ok()?)),
            Layout::Items(items) => {
                let text = String::from_utf8_lossy(text);
                return moment(text.trim(), items, self.zone).map_err(|why| format!("`{}` {why}", short(&text)));
            }
        };
        found.ok_or_else(|| format!("`{}` is not a known form of time", short(&String::from_utf8_lossy(text))))
    }

    /// The moment that a whole number says.
    pub(super) fn integer(&self, number: i64) -> Result<Time, String> {
        let exact = match self.layout {
            Layout::Auto => number.checked_abs().and_then(|size| match size {
                0..100_000_000_000 => number.checked_mul(1_000_000),
                100_000_000_000..100_000_000_000_000 => number.checked_mul(1000),
                100_000_000_000_000..100_000_000_000_000_000 => Some(number),
                _ => Some(number / 1000),
            }),
            #[allow(clippy::cast_possible_truncation)]
            Layout::Unix(micros) if micros >= 1.0 => number.checked_mul(micros as i64),
            Layout::Unix(_) => Some(number / 1000),
            Layout::Items(_) => return self.text(number.to_string().as_bytes()),
        };
        exact.map(Time::from_micros).ok_or_else(|| format!("{number} is out of range"))
    }

    /// The moment that a number says.
    pub(super) fn float(&self, number: f64) -> Result<Time, String> {
        self.number(number).ok_or_else(|| format!("{number} is not a time"))
    }

    /// The moment that a value says.
    pub(super) fn value(&self, value: &Value) -> Result<Time, String> {
        match value {
            Value::Timestamp(time) => Ok(Time::from_chrono(*time)),
            Value::Integer(number) => self.integer(*number),
            Value::Float(number) => self.float(number.into_inner()),
            Value::Bytes(text) => self.text(text),
            Value::String(text) => self.text(text.as_bytes()),
            _ => Err(format!("a value of the type {} is not a time", value.kind_str())),
        }
    }

    /// The moment that a number says, to the microsecond; a number this size has no finer digits.
    fn number(&self, number: f64) -> Option<Time> {
        let micros = match self.layout {
            Layout::Unix(micros) => number * micros,
            _ if number.abs() < 1e11 => number * 1e6,
            _ if number.abs() < 1e14 => number * 1e3,
            _ if number.abs() < 1e17 => number,
            _ => number * 1e-3,
        };
        // 2^62 microseconds are 146,000 years.
        #[allow(clippy::cast_possible_truncation)]
        (micros.abs() < 4.6e18).then(|| Time::from_micros(micros.round() as i64))
    }

    /// The layouts that need no description.
    fn common(&self, text: &[u8]) -> Option<Time> {
        Time::parse_rfc3339(text).or_else(|| apache_time(text)).or_else(|| self.local(text)).or_else(|| {
            let text = str::from_utf8(text).ok().filter(|text| text.bytes().any(|byte| byte.is_ascii_digit()))?;
            match text.parse::<i64>() {
                Ok(number) => self.integer(number).ok(),
                Err(_) => text.parse().ok().and_then(|number| self.number(number)),
            }
        })
    }

    /// RFC 3339 with a comma, or without a zone.
    fn local(&self, text: &[u8]) -> Option<Time> {
        /// `2016-12-19T19:01:37,536000000+00:00`, and one byte to spare.
        const LONGEST: usize = 36;
        let mut copy = [0; LONGEST];
        let length = text.len();
        copy.get_mut(..length)?.copy_from_slice(text);
        if let Some(mark) = copy.get_mut(19).filter(|mark| **mark == b',') {
            *mark = b'.';
        }
        if let Some(time) = Time::parse_rfc3339(&copy[..length]) {
            return Some(time);
        }
        *copy.get_mut(length)? = b'Z';
        let wall = Time::parse_rfc3339(&copy[..=length])?;
        if self.zone == Tz::UTC { Some(wall) } else { in_zone(wall.to_chrono()?.naive_utc(), self.zone).ok() }
    }
}

/// The layout of an access log: `17/May/2015:10:05:03 +0000`.
pub(super) fn apache_time(text: &[u8]) -> Option<Time> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let [
        d1,
        d2,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        year @ ..,
        b':',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b' ',
        sign,
        z1,
        z2,
        z3,
        z4,
    ] = text
    else {
        return None;
    };
    let month = MONTHS.chunks_exact(3).position(|name| name == [*m1, *m2, *m3])? + 1;
    let (tens, ones) = (b'0' + u8::try_from(month / 10).ok()?, b'0' + u8::try_from(month % 10).ok()?);
    let [y1, y2, y3, y4] = year.try_into().ok()?;
    Time::parse_rfc3339(&[
        y1, y2, y3, y4, b'-', tens, ones, b'-', *d1, *d2, b'T', *h1, *h2, b':', *n1, *n2, b':', *s1, *s2, *sign, *z1,
        *z2, b':', *z3, *z4,
    ])
}

/// Reads a text in `strftime`'s layout.
fn moment(text: &str, items: &[Item<'static>], zone: Tz) -> Result<Time, String> {
    let mut parsed = Parsed::new();
    let wrong = |error: chrono::ParseError| format!("does not have the format: {error}");
    chrono::format::parse(&mut parsed, text, items.iter()).map_err(wrong)?;
    if parsed.offset().is_some() {
        return parsed.to_datetime().map(|time| Time::from_chrono(time.to_utc())).map_err(wrong);
    }
    let wall = match parsed.to_naive_datetime_with_offset(0) {
        Ok(wall) => wall,
        // A day without an hour begins at midnight.
        Err(_) if parsed.hour_mod_12().is_none() && parsed.minute().is_none() => {
            parsed.to_naive_date().map_err(wrong)?.and_time(NaiveTime::MIN)
        }
        Err(error) => return Err(wrong(error)),
    };
    // A number of seconds since 1970 is in no zone.
    if parsed.timestamp().is_some() { Ok(Time::from_chrono(wall.and_utc())) } else { in_zone(wall, zone) }
}

/// The moment at which the clocks of a zone show `wall`; the earlier one if they show it twice.
fn in_zone(wall: NaiveDateTime, zone: Tz) -> Result<Time, String> {
    let moment = zone.from_local_datetime(&wall).earliest();
    moment.map(|time| Time::from_chrono(time.to_utc())).ok_or_else(|| format!("is skipped by the clocks of {zone}"))
}

/// The beginning of a text, for a message.
fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(60)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: Option<&str>, zone: Tz, text: &str) -> Result<String, String> {
        Stamp::new(Layout::new(format).expect("a format"), zone).text(text.as_bytes()).map(|time| time.to_string())
    }

    #[test]
    fn reads_common_layouts() {
        for (text, time) in [
            ("2015-05-17T10:05:03.250Z", "2015-05-17T10:05:03.250Z"),
            ("2015-05-17T10:05:03+02:00", "2015-05-17T08:05:03.000Z"),
            ("2014-02-14 14:30:00", "2014-02-14T14:30:00.000Z"),
            ("2016-12-19 19:01:37,536", "2016-12-19T19:01:37.536Z"),
            ("2016-12-19T19:01:37,536+01:00", "2016-12-19T18:01:37.536Z"),
            ("17/May/2015:10:05:03 -0730", "2015-05-17T17:35:03.000Z"),
            ("1446249499", "2015-10-30T23:58:19.000Z"),
            ("1446249499.5", "2015-10-30T23:58:19.500Z"),
            ("1446249499322", "2015-10-30T23:58:19.322Z"),
            ("1446249499322001", "2015-10-30T23:58:19.322001Z"),
            ("1446249499322001999", "2015-10-30T23:58:19.322001Z"),
        ] {
            assert_eq!(read(None, Tz::UTC, text), Ok(time.to_owned()));
        }
        for text in ["", "-", "yesterday", "2014-02-30 14:30:00", "17/Mai/2015:10:05:03 +0000", "NaN", "inf", "1e40"] {
            assert!(read(None, Tz::UTC, text).is_err(), "{text}");
        }
    }

    #[test]
    fn zones_are_for_those_that_have_none() {
        let zone = Tz::Europe__Berlin;
        assert_eq!(read(None, zone, "2015-05-17 10:05:03"), Ok("2015-05-17T08:05:03.000Z".to_owned()));
        assert_eq!(read(None, zone, "2015-05-17T10:05:03Z"), Ok("2015-05-17T10:05:03.000Z".to_owned()));
        assert_eq!(read(None, zone, "1446249499"), Ok("2015-10-30T23:58:19.000Z".to_owned()));
        assert_eq!(read(Some("%F %T"), zone, "2015-10-25 02:30:00"), Ok("2015-10-25T00:30:00.000Z".to_owned()));
        assert!(
            read(Some("%F %T"), zone, "2015-03-29 02:30:00").is_err_and(|why| why.contains("skipped by the clocks"))
        );
        assert_eq!(read(Some("%s"), zone, "1446249499"), Ok("2015-10-30T23:58:19.000Z".to_owned()));
    }

    #[test]
    fn reads_what_the_user_describes() {
        assert_eq!(
            read(Some("%d.%m.%Y %H:%M"), Tz::UTC, "17.05.2015 10:05"),
            Ok("2015-05-17T10:05:00.000Z".to_owned())
        );
        assert_eq!(
            read(Some("%a, %d %b %Y %T %z"), Tz::UTC, "Sun, 17 May 2015 10:05:03 +0200"),
            Ok("2015-05-17T08:05:03.000Z".to_owned())
        );
        assert_eq!(read(Some("unix_ms"), Tz::UTC, "1000"), Ok("1970-01-01T00:00:01.000Z".to_owned()));
        let unix = Stamp::new(Layout::new(Some("unix")).expect("a format"), Tz::UTC);
        assert_eq!(unix.integer(1_446_249_499_322), Ok(Time::from_micros(1_446_249_499_322_000_000)));
        assert_eq!(unix.integer(i64::MAX), Err("9223372036854775807 is out of range".to_owned()));
        assert_eq!(unix.float(0.25), Ok(Time::from_micros(250_000)));
        assert_eq!(read(Some("%F"), Tz::UTC, "2015-05-17"), Ok("2015-05-17T00:00:00.000Z".to_owned()));
        assert!(read(Some("%F"), Tz::UTC, "x").is_err());
    }

    #[test]
    fn refuses_formats_that_say_no_moment() {
        for text in ["%H:%M", "%Q", "%d %b %H:%M:%S", "%F %H", "", "hello"] {
            assert!(Layout::new(Some(text)).is_err(), "{text}");
        }
    }
}
