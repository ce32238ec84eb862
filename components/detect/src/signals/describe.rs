//! What is known of a key, for people: level, error rate, traffic, how well the time of day is known, and what is open.
//!
//! `usually latency 84 ms, 0.61 % errors, 20 events/s; the time of day is known from 7 days; no incident; up to 2026-…`

use serde::Serialize;
use serde_json::{Value, json};

use super::explain::{amount, percent};
use super::outcome::Signal;
use super::watch::{Watch, Watched, part};
use crate::explain::figures::two_digits;
use crate::incident::{Part, hex, word};

/// How well a key is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// In its first hour nothing is judged.
    FirstHour,
    /// In its first day latency and errors are.
    FirstDay,
    /// All is.
    Known,
    /// It has sent nothing for a day, and nothing is expected of it.
    Asleep,
}

impl Watch {
    /// Says it in words and in figures. Level and rate are those over the whole day.
    pub(crate) fn describe(&self, watched: &Watched) -> (String, Value) {
        let state = &watched.state;
        let seconds = f64::from(self.monitor().bucket_seconds());
        let latency = state.latency.mean();
        let (errors, rate) = (state.errors.usual(), state.traffic.mean().map(|events| events / seconds));
        let stage = match () {
            () if state.is_asleep() => Stage::Asleep,
            () if !self.monitor().is_warm(state) => Stage::FirstHour,
            () if !self.monitor().is_grown(state) => Stage::FirstDay,
            () => Stage::Known,
        };
        let days = state.traffic.days();
        let open: Vec<Signal> = Signal::ALL.into_iter().filter(|&signal| state.is_alarming(signal)).collect();
        let parts: Vec<Part> = watched.incident.parts.iter().map(part).collect();
        let until = state.last_closed().map(|start| self.monitor().next(start));

        let mut words = "usually ".to_owned();
        if let Some(latency) = latency {
            words += &format!("{} {}, ", self.measure.label, amount(latency, &self.measure));
        }
        words += &format!("{} errors", percent(errors));
        if let Some(rate) = rate {
            words += &format!(", {} events/s", two_digits(rate));
        }
        words += &match stage {
            Stage::FirstHour => "; not judged in its first hour".to_owned(),
            Stage::FirstDay => "; in its first day judged by latency and errors alone".to_owned(),
            Stage::Known => format!("; the time of day is known from {days} day{}", if days == 1 { "" } else { "s" }),
            Stage::Asleep => "; asleep, for nothing came for a day".to_owned(),
        };
        words += &match &watched.incident.open {
            Some(incident) => {
                let parts = parts.iter().filter(|part| part.open);
                let parts = parts.map(|part| format!("{} since {}", word(part.r#type), part.since));
                format!("; {}: {}", word(incident.severity), parts.collect::<Vec<_>>().join(", "))
            }
            None => "; no incident".to_owned(),
        };
        if let Some(until) = until {
            words += &format!("; up to {until}");
        }
        let incident = watched.incident.open.as_ref().map(|incident| {
            json!({
                "incident_id": hex(incident.id),
                "since": incident.opened,
                "severity": incident.severity,
                "signals": parts,
            })
        });
        let figures = json!({
            "latency": latency,
            "error_rate": errors,
            "events_per_second": rate,
            "days": days,
            "stage": stage,
            "open": open,
            "incident": incident,
            "until": until,
        });
        (words, figures)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::explain::Measure;
    use crate::incident::{Identity, Key};
    use crate::signals::{Bucket, Settings};
    use crate::time::Micros;

    #[test]
    fn says_what_is_usual_and_what_is_open() {
        let identity = Identity { pipeline: "p".to_owned(), component: "web".to_owned(), field: "latency".to_owned() };
        let measure = Measure::of_field("latency", "");
        let watch = Watch::new(&Settings::default(), Duration::ZERO, identity, measure);
        let mut watched = Watched::default();
        assert_eq!(watch.describe(&watched).0, "usually 1.0 % errors; not judged in its first hour; no incident");
        let mut close = |bucket: i64, latency: f64| {
            let mut events = Bucket::default();
            (0..20).for_each(|_| events.add(Some(latency), false));
            watch.close(&mut watched, Key::new, Micros(bucket * 10_000_000), Some(&events));
        };
        (0..500).for_each(|bucket| close(bucket, 100.0));
        (500..510).for_each(|bucket| close(bucket, 900.0));
        let (words, figures) = watch.describe(&watched);
        assert!(words.starts_with("usually latency 100 ms, 0."), "{words}");
        assert!(words.contains("2.0 events/s; in its first day judged by latency and errors alone; "), "{words}");
        assert!(words.contains("latency since 1970-01-01T01:2"), "{words}");
        assert_eq!((&figures["open"], &figures["stage"]), (&json!(["latency"]), &json!("first_day")));
        assert_eq!(figures["incident"]["signals"][0]["type"], json!("latency"));
    }
}
