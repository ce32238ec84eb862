//! Scores of cases that can be counted by hand, and of any others against an oracle that paints every second.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::alarms::sort;

fn at(second: i64) -> Time {
    Time::from_micros(second * 1_000_000)
}

fn label(service: &str, kind: &str, start: i64, end: i64) -> Label {
    let benign = matches!(kind, "cron" | "big_deploy");
    let (service, kind) = (service.to_owned(), kind.to_owned());
    Label { service, kind, start: at(start), end: at(end), benign, params: Value::Null, evidence: None }
}

fn alarm(service: &str, second: i64, signal: &str) -> Alarm {
    Alarm {
        at: at(second),
        service: service.to_owned(),
        detector: "p/d.anomalies".to_owned(),
        signals: vec![signal.to_owned()],
        severity: "warning".to_owned(),
        explanation: String::new(),
        id: format!("{service}-{second}"),
        incident_id: String::new(),
    }
}

/// Two services, a day of a second's events each.
fn population() -> Population {
    let mut population = Population::default();
    population.add("a", 100_000, at(0), at(86_400));
    population.add("b", 100, at(0), at(86_400));
    population
}

fn scored(labels: &[Label], alarms: &[Alarm], from: i64) -> Scores {
    score(Question { labels, alarms, population: &population(), from: at(from) })
}

fn verdicts(scores: &Scores) -> Vec<Verdict> {
    scores.alarms.iter().map(|judged| judged.verdict).collect()
}

#[test]
fn a_day_counted_by_hand() {
    let labels = [
        label("a", "error_burst", 1000, 1100),
        label("b", "silence", 1000, 1300),
        label("a", "cron", 5000, 6000),
        label("a", "big_deploy", 20_000, 20_001),
        label("a", "latency_shift", 50_000, 51_000),
    ];
    use Verdict::*;
    let told = [
        (alarm("a", 1010, "error_rate"), Found),
        (alarm("a", 1159, "latency"), Duplicate),
        (alarm("a", 1160, "latency"), Neutral),
        (alarm("a", 1699, "latency"), Neutral),
        (alarm("a", 1700, "latency"), False),
        (alarm("b", 1700, "latency"), Neutral),
        (alarm("a", 2000, "latency"), FalseAgain),
        (alarm("a", 2301, "latency"), False),
        (alarm("a", 5500, "traffic_surge"), False),
        (alarm("a", 23_599, "latency"), Neutral),
        (alarm("a", 23_600, "latency"), False),
        (alarm("a", 50_100, "error_rate"), Found),
    ];
    let alarms: Vec<Alarm> = told.iter().map(|(alarm, _)| alarm.clone()).collect();
    let scores = scored(&labels, &alarms, 0);
    assert_eq!(verdicts(&scores), told.iter().map(|(_, verdict)| *verdict).collect::<Vec<_>>());
    let total = &scores.total;
    assert_eq!((total.incidents, total.found, total.false_alarms), (3, 2, 4));
    assert_eq!((total.duplicates, total.neutral), (1, 4));
    assert_eq!((total.recall, total.precision, total.f1), (Some(2.0 / 3.0), Some(2.0 / 6.0), Some(4.0 / 9.0)));
    assert_eq!((total.service_days, total.false_per_service_day), (2.0, Some(2.0)));
    assert_eq!((total.delay_median, total.delay_p90), (Some(55.0), Some(91.0)));
    assert_eq!(total.kind_accuracy, Some(0.5), "the shift was told as errors");
    assert_eq!(scores.false_in_benign, BTreeMap::from([("cron".to_owned(), 1)]));
    assert_eq!(scores.kinds["silence"].recall, Some(0.0));
    assert_eq!(scores.classes[&RateClass::Sparse].recall, Some(0.0));
    assert_eq!(scores.classes[&RateClass::Busy].service_days, 1.0);
}

#[test]
fn nothing_counts_before_the_warm_up_is_over() {
    let labels = [label("a", "outage", 900, 1100), label("a", "outage", 2000, 2100)];
    let alarms = [alarm("a", 950, "latency"), alarm("a", 1050, "latency"), alarm("a", 2050, "latency")];
    let scores = scored(&labels, &alarms, 1000);
    assert_eq!(verdicts(&scores), [Verdict::WarmUp, Verdict::Neutral, Verdict::Found]);
    assert_eq!((scores.total.incidents, scores.total.recall), (1, Some(1.0)));
    assert!(scores.total.service_days < 2.0);
}

#[test]
fn of_nothing_nothing_is_said() {
    let scores = score(Question { labels: &[], alarms: &[], population: &Population::default(), from: Time::MIN });
    let Figures { recall, precision, f1, false_per_service_day, delay_median, .. } = scores.total;
    assert_eq!([recall, precision, f1, false_per_service_day, delay_median], [None; 5]);
}

/// What a second is to a service, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Paint {
    Bare,
    Neutral,
    Incident,
}

/// Paints every second of a service, and counts.
fn oracle(labels: &[Label], alarms: &[Alarm], service: &str, from: i64) -> (u64, u64, u64) {
    const LENGTH: usize = 12_000;
    let seconds = |time: Time| usize::try_from(time.as_micros() / 1_000_000).unwrap();
    let mut painted = [Paint::Bare; LENGTH];
    let mut paint = |from: usize, to: usize, paint: Paint| {
        painted[from..to].iter_mut().for_each(|second| *second = paint.max(*second));
    };
    let own: Vec<&Label> = labels.iter().filter(|label| label.service == service).collect();
    let told: Vec<usize> =
        alarms.iter().filter(|alarm| alarm.service == service).map(|alarm| seconds(alarm.at)).collect();
    let told: Vec<usize> = told.into_iter().filter(|&second| second >= from as usize).collect();
    let (mut incidents, mut found) = (0, 0);
    for label in own {
        let (start, end) = (seconds(label.start), seconds(label.end));
        match label.kind.as_str() {
            "cron" => {}
            "big_deploy" => paint(start, start + 3600, Paint::Neutral),
            _ => {
                paint(start, end + 600, Paint::Neutral);
                if start >= from as usize {
                    paint(start, end + 60, Paint::Incident);
                    incidents += 1;
                    found += u64::from(told.iter().any(|second| (start..end + 60).contains(second)));
                }
            }
        }
    }
    let bare: Vec<usize> = told.into_iter().filter(|&second| painted[second] == Paint::Bare).collect();
    let chains = bare.windows(2).filter(|pair| pair[1] - pair[0] > 300).count() + usize::from(!bare.is_empty());
    (incidents, found, chains as u64)
}

proptest! {
    #[test]
    fn agrees_with_painting_every_second(
        labels in prop::collection::vec((0..2_usize, 0..4_usize, 0..6000_i64, 1..1500_i64), 0..8),
        alarms in prop::collection::vec((0..2_usize, 0..8000_i64), 0..60),
        from in 0..4000_i64,
    ) {
        let services = ["a", "b"];
        let kinds = ["cron", "big_deploy", "outage", "silence"];
        let mut labels: Vec<Label> = labels.into_iter()
            .map(|(service, kind, start, length)| label(services[service], kinds[kind], start, start + length))
            .collect();
        labels.sort_by_key(|label| label.start);
        let mut alarms: Vec<Alarm> =
            alarms.into_iter().map(|(service, second)| alarm(services[service], second, "latency")).collect();
        sort(&mut alarms);
        let scores = scored(&labels, &alarms, from);
        let parts = services.map(|service| oracle(&labels, &alarms, service, from));
        let sum = |term: fn(&(u64, u64, u64)) -> u64| parts.iter().map(term).sum::<u64>();
        prop_assert_eq!(scores.total.incidents, sum(|part| part.0));
        prop_assert_eq!(scores.total.found, sum(|part| part.1));
        prop_assert_eq!(scores.total.false_alarms, sum(|part| part.2));
        // `a` is busy and `b` is sparse.
        for (class, part) in [RateClass::Busy, RateClass::Sparse].into_iter().zip(&parts) {
            prop_assert_eq!(scores.classes[&class].found, part.1);
            prop_assert_eq!(scores.classes[&class].false_alarms, part.2);
        }
        // Each alarm has one verdict, and each finder finds one incident at least.
        let firsts = scores.alarms.iter().filter(|judged| judged.verdict == Verdict::Found).count() as u64;
        prop_assert!(firsts <= scores.total.found);
    }
}
