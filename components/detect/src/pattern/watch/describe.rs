//! What is known of a key's templates, for people.
//!
//! `42 templates of 12,345 lines; a template that is not known is new; no incident; up to 2026-…`

use serde_json::{Value, json};

use super::super::open::Slot;
use super::super::rate::BUCKET;
use super::super::track::template_id;
use super::{Limits, Watch};
use crate::explain::figures::fixed;
use crate::incident::{hex, word};
use crate::time::Micros;

/// How many buckets a minute has.
const MINUTE: f64 = 60e6 / BUCKET as f64;

impl Watch {
    /// Says it in words and in figures, of a key that has had so many lines.
    pub(in super::super) fn describe(&self, lines: u64, limits: Limits) -> (String, Value) {
        let until = self.next.map(|next| Micros(next.saturating_mul(BUCKET)));
        let is_learned = self.next.is_some_and(|next| self.is_learned(next, limits));
        let count =
            |number: u64, one: &str| format!("{} {one}{}", fixed(number as f64, 0), if number == 1 { "" } else { "s" });
        let (known, open) = (self.tracks.len() as u64, self.open() as u64);
        let mut words = format!("{} of {}; ", count(known, "template"), count(lines, "line"));
        words += if is_learned { "a template that is not known is new" } else { "still learning which there are" };
        words += &if open == 0 { "; no incident".to_owned() } else { format!("; {} open", count(open, "incident")) };
        for track in self.tracks.values() {
            if let Some(open) = track.slot.open() {
                words += &format!("; {} since {}: {}", word(open.figures.change), open.since, track.text);
            }
        }
        if let Some(until) = until {
            words += &format!("; up to {until}");
        }
        let templates = self.tracks.iter().map(|(&id, track)| {
            json!({
                "template_id": template_id(id),
                "template": track.text,
                "events_per_minute": track.rate.expected() * MINUTE,
                "last": Micros(track.last.saturating_mul(BUCKET)),
                "incident": incident(&track.slot),
            })
        });
        let storms = self.storms.values().filter(|slot| slot.open().is_some());
        let figures = json!({
            "lines": lines,
            "is_learned": is_learned,
            "until": until,
            "templates": templates.collect::<Vec<_>>(),
            "storms": storms.map(incident).collect::<Vec<_>>(),
        });
        (words, figures)
    }
}

fn incident(slot: &Slot) -> Option<Value> {
    let open = slot.open()?;
    Some(json!({
        "incident_id": hex(open.id),
        "change": open.figures.change,
        "since": open.since,
        "severity": open.severity,
        "templates": open.templates,
        "peak": open.peak,
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::track::Sample;
    use super::*;

    #[test]
    fn says_which_templates_there_are_and_what_is_open() {
        let limits = Limits { templates: 10, learn: 6 };
        let mut watch = Watch::default();
        let mut see = |bucket: i64, id: u64, text: &str, events: usize| {
            for _ in 0..events {
                let sample = || Sample { at: Micros(bucket * BUCKET), line: Arc::from(text) };
                watch.count(bucket, id, &Arc::from(text), sample, limits);
            }
        };
        (0..10).for_each(|bucket| see(bucket, 1, "GET <path>", 30));
        see(10, 2, "panic: <*>", 1);
        watch.advance(Some(11), limits, |_, since| since.0.unsigned_abs().into(), &mut Vec::new());
        let (words, figures) = watch.describe(301, limits);
        assert_eq!(
            words,
            "2 templates of 301 lines; a template that is not known is new; 1 incident open; new since \
             1970-01-01T00:01:40Z: panic: <*>; up to 1970-01-01T00:01:50Z"
        );
        assert_eq!(figures["templates"][0]["template"], json!("GET <path>"));
        assert_eq!(figures["templates"][1]["incident"]["change"], json!("new"));
        assert_eq!(figures["storms"], json!([]));
    }
}
