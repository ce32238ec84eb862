//! Scores the detector `novelty`, with the settings that it has by default, by the rules of the Numenta Anomaly Benchmark:
//! `cargo run --release -p logd-backtest --example nab -- FOLDER`, where the folder is NAB's own or has its layout.
//!
//! An alarm is an incident that opens. Nothing is fitted to the data that is scored: the threshold is the default. The
//! last line is a clock that alarms every 600 points, without which no figure should be read.

#![allow(clippy::print_stdout, reason = "it is a program for the terminal")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use logd_backtest::nab::{Corpus, Profile, Series, Tally, Worth};
use logd_detect::explain::Measure;
use logd_detect::incident::{Identity, Key, State};
use logd_detect::novelty::{Novelty, NoveltyState, Settings};
use logd_detect::time::{Interval, Micros};

/// Finds the points of a series at which there is an alarm.
type Detect = fn(&Series) -> Vec<usize>;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("which folder?")?;
    let corpus = Corpus::read(&folder)?;
    let rows: [(&str, Detect); 2] = [
        ("novelty", |series| alarms(series, Settings::knn())),
        ("every 600 points", |series| (0..series.values.len()).step_by(600).collect()),
    ];
    println!(
        "{:22}{:>24}{:>14}{:>14}{:>14}{:>8}{:>8}",
        "", "category", "standard", "low FP", "low FN", "found", "false"
    );
    for (name, detect) in rows {
        let mut tallies: BTreeMap<&str, [Tally; 3]> = BTreeMap::new();
        for series in &corpus.series {
            let (worth, alarms) = (Worth::new(series.values.len(), &series.windows), detect(series));
            for category in [series.category(), "~ all"] {
                let tallies = tallies.entry(category).or_insert_with(|| Profile::ALL.map(Tally::new));
                tallies.iter_mut().for_each(|tally| tally.add(&worth, alarms.iter().copied()));
            }
        }
        for (category, tallies) in &tallies {
            let score = |tally: &Tally| tally.score().map_or("-".to_owned(), |score| format!("{score:.1}"));
            let [standard, low_fp, low_fn] = tallies.each_ref().map(score);
            let (found, windows, wrong) = (tallies[0].found(), tallies[0].windows(), tallies[0].false_alarms());
            println!("{name:22}{category:>24}{standard:>14}{low_fp:>14}{low_fn:>14}{found:>5}/{windows}{wrong:>8}");
        }
    }
    Ok(())
}

/// The points at which an incident opens.
fn alarms(series: &Series, settings: Settings) -> Vec<usize> {
    let identity = Identity { pipeline: "nab".to_owned(), component: "novelty".to_owned(), field: "value".to_owned() };
    let novelty = Novelty::new(settings, identity, vec![Measure::of_field("value", "novelty")]);
    let (mut state, mut alarms) = (NoveltyState::default(), Vec::new());
    for (index, (time, &value)) in series.times.iter().zip(&series.values).enumerate() {
        let window = Interval::moment(Micros(time.and_utc().timestamp_micros()));
        // What can't be used is no alarm.
        let Ok(observation) = novelty.observe(&mut state, Key::new, window, &[value]) else { continue };
        if observation.anomalies.iter().any(|anomaly| anomaly.state == State::Open) {
            alarms.push(index);
        }
    }
    alarms
}
