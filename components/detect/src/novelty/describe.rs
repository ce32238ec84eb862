//! What is known of a key, for people: between what its values were, and among how many they are ranked.
//!
//! `cpu 12 % to 91 %; ranked among 3,000 values; no incident; the last value 47 % (novelty 0.312), of 2026-…`

use serde_json::{Value, json};

use super::detector::{Last, Novelty, NoveltyState};
use super::explain::{Fields, score};
use super::{Method, Settings};
use crate::explain::figures::fixed;
use crate::incident::{hex, word};

impl Novelty {
    /// Says it in words and in figures.
    pub(crate) fn describe(&self, state: &NoveltyState) -> (String, Value) {
        let fields = Fields(&self.measures);
        let ranges = match self.settings.method {
            Method::Knn { .. } => Vec::from_iter(state.shingles.range()),
            Method::Trees => state.masses.ranges().to_vec(),
        };
        let (n, least) = (state.calibration.len(), Settings::MIN_HISTORY);
        let shown = ranges.iter().enumerate();
        let shown = shown.map(|(field, &range)| format!("{} {}; ", fields.label(field), fields.span(field, range)));
        let mut words = shown.collect::<String>();
        words += &format!("ranked among {} value{}", fixed(n as f64, 0), if n == 1 { "" } else { "s" });
        if n < least {
            words += &format!(", not judged before they are {least}");
        }
        words += &match state.incident.open() {
            Some(open) => format!(
                "; novelty since {}, {}, at worst {} (novelty {})",
                open.since,
                word(open.severity),
                fields.figure(0, open.peak.value),
                score(open.peak.score)
            ),
            None => "; no incident".to_owned(),
        };
        if let Some(Last { value, score: novelty, window, .. }) = state.last {
            let (value, novelty) = (fields.figure(0, value), score(novelty));
            words += &format!("; the last value {value} (novelty {novelty}), of {}", window.end);
        }
        let incident = state.incident.open().map(|open| {
            json!({
                "incident_id": hex(open.id),
                "since": open.since,
                "severity": open.severity,
                "peak": open.peak,
            })
        });
        let last = state.last.map(
            |Last { value, score, window, .. }| json!({ "value": value, "score": score, "timestamp": window.end }),
        );
        let figures = json!({
            "field": self.identity.field,
            "ranges": ranges,
            "n": n,
            "judges": n >= least,
            "incident": incident,
            "last": last,
        });
        (words, figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Measure;
    use crate::incident::{Identity, Key};
    use crate::time::{Interval, Micros};

    fn novelty(settings: Settings, fields: &[&str]) -> Novelty {
        let identity = Identity { pipeline: "p".to_owned(), component: "odd".to_owned(), field: fields.join(",") };
        let measures = fields.iter().map(|field| Measure::of_field(field, "odd")).collect();
        Novelty::new(settings, identity, measures)
    }

    #[test]
    fn says_what_it_is_compared_with_and_what_is_open() {
        let novelty = novelty(Settings::knn(), &["latency"]);
        let mut state = NoveltyState::default();
        assert_eq!(novelty.describe(&state).0, "ranked among 0 values, not judged before they are 200; no incident");
        let mut observe = |second: i64, value: f64| {
            let window = Interval::moment(Micros(second * 1_000_000));
            novelty.observe(&mut state, Key::new, window, &[value]).unwrap();
        };
        (0..300).for_each(|second| observe(second, 100.0 + (second * 37 % 10) as f64));
        observe(300, 400.0);
        let (words, figures) = novelty.describe(&state);
        assert_eq!(
            words,
            "latency 100 ms to 400 ms; ranked among 269 values; novelty since 1970-01-01T00:05:00Z, critical, at worst \
             400 ms (novelty 2.00); the last value 400 ms (novelty 2.00), of 1970-01-01T00:05:00Z"
        );
        assert_eq!((&figures["judges"], &figures["ranges"]), (&json!(true), &json!([[100.0, 400.0]])));
        assert_eq!(figures["incident"]["peak"]["value"], json!(400.0));
    }

    #[test]
    fn says_the_range_of_each_field() {
        let novelty = novelty(Settings::trees(), &["latency", "count"]);
        let mut state = NoveltyState::default();
        for second in 0..600 {
            let window = Interval::moment(Micros(second * 1_000_000));
            let value = (second % 100) as f64;
            novelty.observe(&mut state, Key::new, window, &[value, 2.0 * value]).unwrap();
        }
        let (words, figures) = novelty.describe(&state);
        assert!(words.starts_with("latency 0 ms to 99 ms; count 0 to 198; ranked among "), "{words}");
        assert_eq!(figures["ranges"], json!([[0.0, 99.0], [0.0, 198.0]]));
    }
}
