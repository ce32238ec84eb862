//! Spans of time by the clocks on a wall: quiet hours, and silences that come again.
//!
//! A span is a pair of wall times on a date, and each of them is turned into a moment by the rules of its zone. So quiet
//! hours until seven end at seven, also on the night on which clocks are changed. A beginning that the clocks show twice
//! is the first, an end the second; one that they skip is taken by the offset from before, as RFC 5545 has it.

use std::time::Duration;

use chrono::offset::LocalResult;
use chrono::{Days, NaiveDateTime, NaiveTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use logd_sdk::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Repeat, Silence};

/// Hours in which only what is critical makes a call. The rest is told in one call when they end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuietHours {
    /// When they begin.
    #[schema(example = "22:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub(crate) from: String,
    /// When they end: on the next day if that is earlier.
    #[schema(example = "07:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub(crate) to: String,
    /// Whose clocks they go by, as the time zone database names it.
    #[schema(example = "Europe/Berlin")]
    pub(crate) time_zone: String,
}

/// Hours of each day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hours {
    from: NaiveTime,
    to: NaiveTime,
    zone: Tz,
}

impl Hours {
    /// Reads them.
    ///
    /// # Errors
    /// Which member is wrong, and why.
    pub(super) fn read(hours: &QuietHours) -> Result<Self, (&'static str, String)> {
        let time = |field, text: &str| {
            let time = Some(text)
                .filter(|text| text.len() == 5)
                .and_then(|text| NaiveTime::parse_from_str(text, "%H:%M").ok());
            time.ok_or_else(|| (field, "a time of day is written as 22:00".to_owned()))
        };
        let (from, to) = (time("quiet_hours.from", &hours.from)?, time("quiet_hours.to", &hours.to)?);
        if from == to {
            return Err(("quiet_hours.to", "they would never begin or never end".to_owned()));
        }
        Ok(Self { from, to, zone: zone(&hours.time_zone).map_err(|reason| ("quiet_hours.time_zone", reason))? })
    }

    /// When they end, if `now` is in them.
    pub(super) fn end(&self, now: Time) -> Option<Time> {
        let today = wall(now, self.zone)?.date();
        // Those that have begun yesterday may not be over.
        [today.checked_sub_days(Days::new(1)), Some(today)].into_iter().flatten().find_map(|date| {
            let until = if self.to > self.from { date } else { date.checked_add_days(Days::new(1))? };
            let from = moment(date.and_time(self.from), self.zone, Twice::First)?;
            let to = moment(until.and_time(self.to), self.zone, Twice::Second)?;
            (from <= now && now < to).then_some(to)
        })
    }
}

/// A time zone by its name.
pub(super) fn zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| "there is no such time zone; one is Europe/Berlin".to_owned())
}

impl Silence {
    /// When it ends, if it holds at `now`.
    pub(super) fn end(&self, now: Time) -> Option<Time> {
        let Some(repeat) = self.repeat else { return (self.from <= now && now < self.to).then_some(self.to) };
        let zone = self.time_zone.as_deref().and_then(|name| zone(name).ok()).unwrap_or(Tz::UTC);
        let (from, to) = (wall(self.from, zone)?, wall(self.to, zone)?);
        let days = repeat.days();
        let turn = (wall(now, zone)? - from).num_days().div_euclid(days);
        // The turn by the wall may be one beside that by the moments, where clocks are changed.
        [turn - 1, turn, turn + 1].into_iter().filter(|turn| *turn >= 0).find_map(|turn| {
            let later = TimeDelta::try_days(turn * days)?;
            let from = moment(from.checked_add_signed(later)?, zone, Twice::First)?;
            let to = moment(to.checked_add_signed(later)?, zone, Twice::Second)?;
            (from <= now && now < to).then_some(to)
        })
    }

    /// Whether it holds for what a pipeline knows of a service.
    pub(super) fn covers(&self, pipeline: &str, service: &str, kind: &str) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.pipeline, pipeline)
            && is(&self.service, service)
            && is(&self.kind, kind)
            && self.limits.allow(pipeline, service)
    }
}

impl Repeat {
    fn days(self) -> i64 {
        match self {
            Self::Daily => 1,
            Self::Weekly => 7,
        }
    }

    /// How long one turn may be, so that the next does not begin before it ends.
    pub(super) fn longest(self) -> Duration {
        Duration::from_secs(86_400 * self.days().unsigned_abs())
    }
}

/// What the clocks of a zone show.
fn wall(time: Time, zone: Tz) -> Option<NaiveDateTime> {
    Some(time.to_chrono()?.with_timezone(&zone).naive_local())
}

/// Which of two moments is meant, where clocks show a time twice.
#[derive(Clone, Copy)]
enum Twice {
    First,
    Second,
}

/// The moment at which the clocks of a zone show `wall`.
fn moment(wall: NaiveDateTime, zone: Tz, twice: Twice) -> Option<Time> {
    let time = match (zone.from_local_datetime(&wall), twice) {
        (LocalResult::Single(time), _) | (LocalResult::Ambiguous(time, _), Twice::First) => time.to_utc(),
        (LocalResult::Ambiguous(_, time), Twice::Second) => time.to_utc(),
        (LocalResult::None, _) => {
            let day_before = wall.checked_sub_days(Days::new(1))?;
            let offset = zone.offset_from_local_datetime(&day_before).latest()?.fix();
            wall.checked_sub_offset(offset)?.and_utc()
        }
    };
    Some(Time::from_chrono(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse_rfc3339(text.as_bytes()).unwrap()
    }

    fn hours(from: &str, to: &str, zone: &str) -> Result<Hours, (&'static str, String)> {
        Hours::read(&QuietHours { from: from.to_owned(), to: to.to_owned(), time_zone: zone.to_owned() })
    }

    fn ends(hours: &Hours, now: &str) -> Option<String> {
        hours.end(at(now)).map(|end| end.to_string())
    }

    #[test]
    fn quiet_hours_go_over_midnight() {
        let night = hours("22:00", "07:00", "UTC").unwrap();
        for (now, end) in [
            ("2026-11-23T21:59:59Z", None),
            ("2026-11-23T22:00:00Z", Some("2026-11-24T07:00:00.000Z")),
            ("2026-11-24T06:59:59Z", Some("2026-11-24T07:00:00.000Z")),
            ("2026-11-24T07:00:00Z", None),
            ("2026-12-31T23:00:00Z", Some("2027-01-01T07:00:00.000Z")),
        ] {
            assert_eq!(ends(&night, now).as_deref(), end, "{now}");
        }
        let noon = hours("12:00", "13:30", "Asia/Kolkata").unwrap();
        assert_eq!(ends(&noon, "2026-11-23T06:30:00Z").as_deref(), Some("2026-11-23T08:00:00.000Z"));
        assert_eq!(ends(&noon, "2026-11-23T12:30:00Z"), None);
    }

    #[test]
    fn quiet_hours_end_when_the_clock_says_so_though_it_was_changed() {
        let night = hours("22:00", "07:00", "Europe/Berlin").unwrap();
        // Clocks go forward on 2026-03-29 at 1:00 UTC and back on 2026-10-25 at 1:00 UTC: nights of 8 and of 10 hours.
        for (now, end) in [
            ("2026-03-28T21:00:00Z", Some("2026-03-29T05:00:00.000Z")),
            ("2026-03-29T05:00:00Z", None),
            ("2026-10-24T20:00:00Z", Some("2026-10-25T06:00:00.000Z")),
            ("2026-10-25T05:59:59Z", Some("2026-10-25T06:00:00.000Z")),
        ] {
            assert_eq!(ends(&night, now).as_deref(), end, "{now}");
        }
        // An end that the clocks skip, and bounds that they show twice.
        let skipped = hours("22:00", "02:30", "Europe/Berlin").unwrap();
        assert_eq!(ends(&skipped, "2026-03-29T00:30:00Z").as_deref(), Some("2026-03-29T01:30:00.000Z"));
        let twice = hours("02:15", "02:45", "Europe/Berlin").unwrap();
        for (now, end) in [
            ("2026-10-25T00:14:00Z", None),
            ("2026-10-25T00:15:00Z", Some("2026-10-25T01:45:00.000Z")),
            ("2026-10-25T01:44:00Z", Some("2026-10-25T01:45:00.000Z")),
            ("2026-10-25T01:45:00Z", None),
        ] {
            assert_eq!(ends(&twice, now).as_deref(), end, "{now}");
        }
        // A day that was skipped as a whole.
        let samoa = hours("22:00", "07:00", "Pacific/Apia").unwrap();
        assert_eq!(ends(&samoa, "2011-12-30T09:00:00Z").as_deref(), Some("2011-12-30T17:00:00.000Z"));
    }

    #[test]
    fn says_what_is_wrong_with_quiet_hours() {
        for (from, to, zone, field) in [
            ("22", "07:00", "UTC", "quiet_hours.from"),
            ("24:00", "07:00", "UTC", "quiet_hours.from"),
            ("22:00", "7:00", "UTC", "quiet_hours.to"),
            ("22:00", "22:00", "UTC", "quiet_hours.to"),
            ("22:00", "07:00", "Mars/Olympus", "quiet_hours.time_zone"),
        ] {
            assert_eq!(hours(from, to, zone).unwrap_err().0, field, "{from} {to} {zone}");
        }
    }

    fn silence(from: &str, to: &str, repeat: Option<Repeat>, zone: Option<&str>) -> Silence {
        Silence {
            id: String::new(),
            service: Some("a".to_owned()),
            kind: None,
            pipeline: None,
            from: at(from),
            to: at(to),
            repeat,
            time_zone: zone.map(str::to_owned),
            comment: String::new(),
            created_by: String::new(),
            created_at: Time::EPOCH,
            limits: super::super::model::Limits::default(),
        }
    }

    #[test]
    fn a_silence_ends_or_comes_again() {
        let once = silence("2026-11-23T02:00:00Z", "2026-11-23T04:00:00Z", None, None);
        assert!(once.end(at("2026-11-23T01:59:59Z")).is_none());
        assert_eq!(once.end(at("2026-11-23T02:00:00Z")), Some(once.to));
        assert!(once.end(once.to).is_none() && once.end(at("2026-11-24T03:00:00Z")).is_none());

        // A Monday, late in the evening until Tuesday.
        let (from, to) = ("2026-11-23T23:00:00Z", "2026-11-24T01:00:00Z");
        let daily = silence(from, to, Some(Repeat::Daily), None);
        let weekly = silence(from, to, Some(Repeat::Weekly), None);
        for (now, by_day, by_week) in [
            ("2026-11-22T23:30:00Z", false, false),
            ("2026-11-23T23:00:00Z", true, true),
            ("2026-11-24T00:59:59Z", true, true),
            ("2026-11-24T01:00:00Z", false, false),
            ("2026-11-24T23:30:00Z", true, false),
            ("2026-12-01T00:30:00Z", true, true),
            ("2027-11-24T00:30:00Z", true, false),
        ] {
            assert_eq!(daily.end(at(now)).is_some(), by_day, "{now}");
            assert_eq!(weekly.end(at(now)).is_some(), by_week, "{now}");
        }
        assert_eq!(daily.end(at("2026-12-24T23:00:00Z")), Some(at("2026-12-25T01:00:00Z")));
    }

    #[test]
    fn a_silence_that_comes_again_goes_by_the_clock() {
        let (from, to) = ("2026-03-22T01:00:00Z", "2026-03-22T03:00:00Z");
        let weekly = silence(from, to, Some(Repeat::Weekly), Some("Europe/Berlin"));
        // From two to four in winter; in summer that is an hour earlier. On the Sunday between, two o'clock is three.
        for (now, holds) in [
            ("2026-03-29T00:59:00Z", false),
            ("2026-03-29T01:00:00Z", true),
            ("2026-03-29T02:00:00Z", false),
            ("2026-04-05T00:00:00Z", true),
            ("2026-04-05T01:59:00Z", true),
            ("2026-04-05T02:00:00Z", false),
        ] {
            assert_eq!(weekly.end(at(now)).is_some(), holds, "{now}");
        }
    }

    #[test]
    fn a_silence_covers_what_it_says_and_its_owner_sees() {
        let mut silence = silence("2026-11-23T02:00:00Z", "2026-11-23T04:00:00Z", None, None);
        assert!(silence.covers("p", "a", "high_latency") && !silence.covers("p", "b", "high_latency"));
        silence.kind = Some("error_spike".to_owned());
        assert!(silence.covers("p", "a", "error_spike") && !silence.covers("p", "a", "high_latency"));
        silence.pipeline = Some("p".to_owned());
        assert!(!silence.covers("q", "a", "error_spike"));
        let scope = logd_archive::Scope { services: None, pipelines: Some(["q".to_owned()].into()) };
        silence.limits = (&scope).into();
        assert!(!silence.covers("p", "a", "error_spike"), "its owner does not see that pipeline");
    }
}
