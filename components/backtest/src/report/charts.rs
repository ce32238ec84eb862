//! What the charts of the report show, as JSON for the page's script.

use std::collections::BTreeMap;

use logd_sdk::Time;
use serde::Serialize;

use crate::outcome::{Outcome, Trial};
use crate::scoring::Verdict;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

#[derive(Serialize)]
struct Data {
    days: Days,
    delays: Vec<Delays>,
    sweep: Option<Sweep>,
}

/// What happened day by day, in columns.
#[derive(Serialize)]
struct Days {
    /// The starts of the days, UTC, in seconds since the epoch.
    start: Vec<i64>,
    found: Vec<u64>,
    missed: Vec<u64>,
    r#false: Vec<u64>,
}

/// After how many seconds incidents were found, in order; and of how many.
#[derive(Serialize)]
struct Delays {
    name: &'static str,
    incidents: u64,
    seconds: Vec<f64>,
}

/// The figures of a sweep, in columns.
#[derive(Serialize)]
struct Sweep {
    setting: String,
    value: Vec<f64>,
    recall: Vec<Option<f64>>,
    precision: Vec<Option<f64>>,
    f1: Vec<Option<f64>>,
}

/// All of it.
pub(super) fn data(outcome: &Outcome) -> String {
    let delays = match &outcome.compared {
        None => vec![delays("found", &outcome.trial)],
        Some(compared) => vec![delays("A", &outcome.trial), delays("B", &compared.trial)],
    };
    let sweep = outcome.sweep.as_ref().map(|sweep| Sweep {
        setting: sweep.setting.clone(),
        value: sweep.rows.iter().map(|row| row.value).collect(),
        recall: sweep.rows.iter().map(|row| row.figures.recall).collect(),
        precision: sweep.rows.iter().map(|row| row.figures.precision).collect(),
        f1: sweep.rows.iter().map(|row| row.figures.f1).collect(),
    });
    // It has only texts for keys, the one thing that could not be written.
    serde_json::to_string(&Data { days: days(&outcome.trial), delays, sweep }).unwrap_or_default()
}

fn days(trial: &Trial) -> Days {
    let day = |time: Time| time.as_micros().div_euclid(DAY);
    let mut counts: BTreeMap<i64, [u64; 3]> = BTreeMap::new();
    if !trial.population.is_empty() {
        // Bars for some thousand days at most, whatever times there are.
        let (first, last) = (day(trial.population.first), day(trial.population.last));
        counts.extend((first..=last).take(4000).map(|day| (day, [0; 3])));
    }
    for found in &trial.scores.incidents {
        counts.entry(day(found.label.start)).or_default()[usize::from(found.at.is_none())] += 1;
    }
    for judged in trial.scores.alarms.iter().filter(|judged| judged.verdict == Verdict::False) {
        counts.entry(day(judged.alarm.at)).or_default()[2] += 1;
    }
    Days {
        start: counts.keys().map(|day| day * (DAY / 1_000_000)).collect(),
        found: counts.values().map(|counts| counts[0]).collect(),
        missed: counts.values().map(|counts| counts[1]).collect(),
        r#false: counts.values().map(|counts| counts[2]).collect(),
    }
}

fn delays(name: &'static str, trial: &Trial) -> Delays {
    let mut delays: Vec<u64> = trial.scores.incidents.iter().filter_map(|found| found.delay()).collect();
    delays.sort_unstable();
    let seconds = delays.into_iter().map(|delay| delay as f64 / 1e6).collect();
    Delays { name, incidents: trial.scores.total.incidents, seconds }
}
