//! A small version of the benchmark of detection, so that no change breaks what it measures: four services over eight
//! days, a fifth of their usual requests. Its gates are loose, for it has few incidents; `cargo bench --bench detection`
//! has those that count.

#![allow(clippy::expect_used, reason = "the modules of the benchmark stop where they can't go on")]

#[path = "../../../benches/detection/trial/mod.rs"]
mod trial;

use std::time::Duration;

use trial::{Contender, Stream, Trial};

/// Neither those that `detect` was tuned on nor those of the benchmark.
const SEEDS: [u64; 2] = [101, 102];

const DETECT: Contender = Contender::Detect { sensitivity: 1.0 };

#[test]
fn detect_finds_most_incidents_and_is_seldom_wrong() {
    let apart = Duration::from_secs(300);
    let contenders = [DETECT, Contender::Classic { apart }, Contender::Control { every: 2 * apart }];
    let trial = Trial::run(&trial::small(), &SEEDS, &contenders);
    assert_eq!(trial.population.services.len(), 8);
    let [detect, classic, control] = [0, 1, 2].map(|place| trial.scores(place).total);
    assert!(detect.incidents >= 15, "{detect:?}");
    assert!(detect.f1 >= Some(0.75), "{detect:?}");
    assert!(detect.false_per_service_day <= Some(0.2), "{detect:?}");
    assert!(detect.kind_accuracy >= Some(0.9), "{detect:?}");
    assert!(trial.busy(0, &["error_burst", "silence", "outage"]).delay_median <= Some(30.0));
    for other in [classic, control] {
        assert!(other.f1 <= Some(0.3), "{other:?}");
    }
    assert!((trial.alarms_per_service_day(2) - 144.0).abs() < 0.5);
}

#[test]
fn the_classic_stream_brings_alarms_by_the_classic_rules_alone() {
    let stream = Stream::run(12, 20, &[DETECT, Contender::Classic { apart: Duration::ZERO }]);
    assert_eq!((stream.logs, stream.service_days), (864_000, 2.5));
    assert_eq!(stream.alarms[0], 0);
    assert!(stream.alarms[1] > 10, "{:?}", stream.alarms);
}
