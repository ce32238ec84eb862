//! What changes from one pipeline to another over the same input: which incidents only one of them finds, and which
//! alarms only one of them gives.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::labels::Label;
use crate::scoring::{CHAIN, Judged, Scores, Verdict};

/// What only one of two has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Only {
    /// Incidents that it alone finds.
    pub incidents: Vec<Label>,
    /// Alarms that it alone gives.
    pub alarms: Vec<Judged>,
}

/// How two differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// What only the first has.
    pub first: Only,
    /// What only the second has.
    pub second: Only,
}

/// Compares the scores of two pipelines, which were scored against the same labels. An alarm of one is an alarm of the
/// other too if that has one of the same service with one of the same signals within five minutes.
#[must_use]
pub fn compare(first: &Scores, second: &Scores) -> Difference {
    Difference { first: only(first, second), second: only(second, first) }
}

fn only(one: &Scores, other: &Scores) -> Only {
    let mut of_service: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for judged in counted(other) {
        of_service.entry(&judged.alarm.service).or_default().push(judged);
    }
    let is_there = |judged: &&Judged| {
        let alarm = &judged.alarm;
        let near = of_service.get(alarm.service.as_str()).map_or(&[][..], |alarms| {
            let from = alarms.partition_point(|other| other.alarm.at.after(CHAIN) < alarm.at);
            let to = alarms.partition_point(|other| other.alarm.at <= alarm.at.after(CHAIN));
            &alarms[from..to]
        });
        near.iter().any(|other| other.alarm.signals.iter().any(|signal| alarm.signals.contains(signal)))
    };
    let incidents = one.incidents.iter().zip(&other.incidents);
    let missed = incidents.filter(|(one, other)| one.at.is_some() && other.at.is_none());
    Only {
        incidents: missed.map(|(found, _)| found.label.clone()).collect(),
        alarms: counted(one).filter(|judged| !is_there(judged)).cloned().collect(),
    }
}

fn counted(scores: &Scores) -> impl Iterator<Item = &Judged> {
    scores.alarms.iter().filter(|judged| judged.verdict != Verdict::WarmUp)
}

#[cfg(test)]
mod tests {
    use logd_sdk::Time;
    use serde_json::Value;

    use super::*;
    use crate::alarms::Alarm;
    use crate::population::Population;
    use crate::scoring::{Question, score};

    fn scores(alarms: &[(i64, &str, &str)]) -> Scores {
        let at = |second: i64| Time::from_micros(second * 1_000_000);
        let alarm = |&(second, service, signal): &(i64, &str, &str)| Alarm {
            at: at(second),
            service: service.to_owned(),
            detector: String::new(),
            signals: vec![signal.to_owned()],
            severity: String::new(),
            explanation: String::new(),
            id: format!("{second}-{service}-{signal}"),
            incident_id: String::new(),
        };
        let alarms: Vec<Alarm> = alarms.iter().map(alarm).collect();
        let (service, kind) = ("a".to_owned(), "outage".to_owned());
        let label =
            Label { service, kind, start: at(1000), end: at(1100), benign: false, params: Value::Null, evidence: None };
        let mut population = Population::default();
        population.add("a", 1, at(0), at(10_000));
        score(Question { labels: &[label], alarms: &alarms, population: &population, from: Time::MIN })
    }

    #[test]
    fn says_what_only_one_has() {
        let first = scores(&[(500, "a", "latency"), (1010, "a", "latency"), (5000, "a", "silence")]);
        let second = scores(&[(800, "a", "latency"), (801, "b", "latency"), (5000, "a", "latency")]);
        let Difference { first, second } = compare(&first, &second);
        assert_eq!(first.incidents.len(), 1, "the second is too early for it");
        assert!(second.incidents.is_empty());
        let names = |only: &Only| only.alarms.iter().map(|judged| judged.alarm.id.clone()).collect::<Vec<_>>();
        assert_eq!(names(&first), ["5000-a-silence"], "300 s apart are the same, another signal is not");
        assert_eq!(names(&second), ["801-b-latency", "5000-a-latency"]);
        let same = scores(&[(500, "a", "latency")]);
        assert_eq!(compare(&same, &same), Difference::default());
    }
}
