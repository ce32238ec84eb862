//! The report has all that it needs in it, and nothing that a name could break out of.

use logd_sdk::Time;
use serde_json::Value;

use super::*;
use crate::alarms::Alarm;
use crate::compare::compare;
use crate::gates::Gates;
use crate::labels::Label;
use crate::outcome::{Compared, Swept, SweptRow};
use crate::population::Population;
use crate::scoring::{Question, score};

const EVIL: &str = "</script><img src=x onerror=alert(1)>'\"&";

fn outcome() -> Outcome {
    let at = |second: i64| Time::from_micros(second * 1_000_000);
    let label = Label {
        service: EVIL.to_owned(),
        kind: EVIL.to_owned(),
        start: at(1000),
        end: at(1100),
        benign: false,
        params: Value::Null,
        evidence: None,
    };
    let alarm = |second: i64| Alarm {
        at: at(second),
        service: EVIL.to_owned(),
        detector: "p/d.anomalies".to_owned(),
        signals: vec![EVIL.to_owned()],
        severity: EVIL.to_owned(),
        explanation: EVIL.to_owned(),
        id: second.to_string(),
        incident_id: String::new(),
    };
    let mut population = Population::default();
    population.add(EVIL, 90_000, at(0), at(200_000));
    let trial = |alarms: &[Alarm]| {
        let labels = std::slice::from_ref(&label);
        let scores = score(Question { labels, alarms, population: &population, from: Time::MIN });
        Trial { pipeline: EVIL.to_owned(), population: population.clone(), from: at(0), left_out: Vec::new(), scores }
    };
    let (first, second) = (trial(&[alarm(1010), alarm(90_000)]), trial(&[alarm(5)]));
    let gates = Gates { min_recall: Some(0.5), max_false_per_day: Some(0.1) };
    let row = SweptRow { value: 0.5, figures: first.scores.total.clone(), failures: Vec::new() };
    Outcome {
        failures: gates.failures(&first.scores.total),
        compared: Some(Compared { difference: compare(&first.scores, &second.scores), trial: second }),
        sweep: Some(Swept { setting: EVIL.to_owned(), rows: vec![row] }),
        trial: first,
    }
}

/// The page without what is drawn with, which is the same in each.
fn own(page: &str) -> String {
    page.replace(UPLOT, "").replace(SCRIPT, "")
}

#[test]
fn no_name_becomes_a_part_of_the_page() {
    let page = own(&html(&outcome()));
    assert!(!page.contains("<img"), "a name stands in the page as it is");
    assert_eq!(page.matches("</script").count(), 3, "a name has ended a script");
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&#39;&quot;&amp;"));
    assert!(page.contains("Failed: there are 0.4320 false alarms a service and day"), "gates are told");
}

#[test]
fn nothing_is_asked_of_another_host() {
    let page = html(&outcome());
    assert!(page.contains("default-src 'none'"));
    let is_loaded = |quote: &str| page.contains(&format!("src={quote}")) || page.contains(&format!("href={quote}"));
    assert!(!is_loaded("\"") && !is_loaded("'") && !page.contains("url(") && !page.contains("@import"));
    // The one address names whose library it is.
    assert_eq!(page.matches("http").count(), 2, "besides `http-equiv`");
}

#[test]
fn the_same_outcome_is_the_same_page() {
    assert_eq!(html(&outcome()), html(&outcome()));
}

#[test]
fn a_backtest_of_nothing_has_a_report_too() {
    let nothing = Question { labels: &[], alarms: &[], population: &Population::default(), from: Time::MIN };
    let trial = Trial {
        pipeline: "p.toml".to_owned(),
        population: Population::default(),
        from: Time::EPOCH,
        left_out: Vec::new(),
        scores: score(nothing),
    };
    let page = html(&Outcome { trial, compared: None, sweep: None, failures: Vec::new() });
    assert!(page.contains("There was no event.") && page.contains("None."), "{}", own(&page));
}
