//! What a detector knows of a key, for people: what is usual, how well that is known, and what is open.
//!
//! `latency mean usually 120 ± 14 ms at this time of day (n 1,000); no incident; the last value 118 ms, of 2026-…`

use serde_json::{Value, json};

use super::{Detector, KeyState};
use crate::baseline::Method;
use crate::explain::Sentence;
use crate::explain::figures::fixed;
use crate::incident::{BaselineFigures, Kind, Open, hex, word};
use crate::rule::Side;

impl Detector {
    /// Says it in words and in figures. What is usual is so at the time of the last value.
    pub(crate) fn describe(&self, state: &KeyState) -> (String, Value) {
        let last = state.recent.back();
        let usual = state.baseline.summary(1.0).at(last.map_or(0.0, |point| point.baseline.seasonal));
        let sentence = |value| Sentence {
            measure: &self.measure,
            rule: &self.settings.rule,
            usual: &self.settings.baseline,
            period: state.period(),
            side: Side::Up,
            value,
            score: 0.0,
            baseline: &usual,
        };
        let mut words = sentence(usual.mean).known();
        words += &format!(" (n {})", fixed(usual.n as f64, 0));
        let least = self.settings.rule.min_samples;
        if usual.n < least {
            words += &format!("; not judged before n is {least}");
        }
        words += &match state.incident.open() {
            Some(open) => format!(
                "; {} since {}, {}, at worst {}",
                word(self.kind(open)),
                open.since,
                word(open.severity),
                sentence(open.peak.value).told()
            ),
            None => "; no incident".to_owned(),
        };
        if let Some(point) = last {
            words += &format!("; the last value {}, of {}", sentence(point.value).told(), point.window.end);
        }
        let BaselineFigures { n, mean, std, method, season } =
            BaselineFigures::new(&usual, self.settings.baseline.method, state.period());
        // Of a share it is each time another.
        let std = (self.settings.baseline.method != Method::Deviance).then_some(std);
        let incident = state.incident.open().map(|open| {
            json!({
                "incident_id": hex(open.id),
                "type": self.kind(open),
                "since": open.since,
                "severity": open.severity,
                "peak": open.peak,
            })
        });
        let figures = json!({
            "field": self.identity.field,
            "n": n,
            "mean": mean,
            "std": std,
            "method": method,
            "season": season,
            "judges": usual.n >= least,
            "incident": incident,
            "last": last.map(|point| json!({ "value": point.value, "timestamp": point.window.end })),
        });
        (words, figures)
    }

    fn kind(&self, open: &Open) -> Kind {
        Kind::of(&self.settings.rule, open.side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Measure;
    use crate::incident::{Identity, Key};
    use crate::rule::Settings;
    use crate::time::{Interval, Micros};

    #[test]
    fn says_what_is_usual_and_what_is_open() {
        let identity = Identity { pipeline: "p".to_owned(), component: "slow".to_owned(), field: "latency".to_owned() };
        let detector = Detector::new(Settings::zscore(), identity, Measure::of_field("latency", "slow"));
        let mut state = detector.begin();
        assert_eq!(
            detector.describe(&state).0,
            "latency usually 0 ± 0 ms (n 0); not judged before n is 10; no incident"
        );
        let mut observe = |second: i64, value: f64| {
            let window = Interval::moment(Micros(second * 1_000_000));
            detector.observe(&mut state, Key::new, window, Some(value), None).unwrap();
        };
        (0..20).for_each(|second| observe(second, 100.0 + (second % 3) as f64));
        observe(20, 180.0);
        let (words, figures) = detector.describe(&state);
        assert_eq!(
            words,
            "latency usually 100.95 ± 0.80 ms (n 20); high_latency since 1970-01-01T00:00:20Z, critical, at worst \
             180.00 ms; the last value 180.00 ms, of 1970-01-01T00:00:20Z"
        );
        assert_eq!((&figures["n"], &figures["judges"]), (&json!(20), &json!(true)));
        assert_eq!(figures["incident"]["peak"]["value"], json!(180.0));
        assert_eq!(figures["season"], json!("none"));
    }
}
