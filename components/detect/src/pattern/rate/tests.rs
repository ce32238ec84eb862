//! What is usual is quiet, and what is not is found: counts of ten seconds without chance.

use super::*;

/// Takes counts in, as a template without an incident does; the anomalies and their places.
fn anomalies(rate: &mut Rate, counts: impl IntoIterator<Item = u32>) -> Vec<(usize, Change)> {
    let signs = counts.into_iter().enumerate().filter_map(|(place, count)| {
        let sign = rate.observe(count, false)?;
        sign.exceeds.then_some((place, sign.figures.change))
    });
    signs.collect()
}

/// About `mean`, without chance.
fn about(mean: u32, buckets: u32) -> impl Iterator<Item = u32> {
    (0..buckets).map(move |place| mean - mean / 4 + place * 7 % (mean / 2 + 1))
}

#[test]
fn half_is_left_after_each_half_life() {
    for left in [RATE_DECAY.powi(720), UTMOST_DECAY.powi(1440), (1.0 - SPREAD_WEIGHT).powi(4320)] {
        assert!((left - 0.5).abs() < 1e-9, "{left}");
    }
}

#[test]
fn the_usual_is_quiet() {
    for mean in [0, 1, 5, 40, 1000] {
        assert_eq!(anomalies(&mut Rate::default(), about(mean, 5000)), [], "{mean}");
    }
    // One event every five minutes, and a burst of 25 every half hour.
    assert_eq!(anomalies(&mut Rate::default(), (0..5000).map(|place| u32::from(place % 30 == 7))), []);
    assert_eq!(anomalies(&mut Rate::default(), (0..5000).map(|place| if place % 180 == 7 { 25 } else { 0 })), []);
}

#[test]
fn a_rise_is_found_within_a_minute() {
    let mut rate = Rate::default();
    assert_eq!(anomalies(&mut rate, about(10, 1000)), []);
    let found = anomalies(&mut rate, about(100, 6));
    assert!(matches!(found[..], [(0..6, Change::More), ..]), "{found:?}");
}

#[test]
fn one_bucket_is_not_enough_but_two_are() {
    let calm = || {
        let mut rate = Rate::default();
        anomalies(&mut rate, about(20, 2000));
        rate
    };
    assert_eq!(anomalies(&mut calm(), [70, 20, 20, 20]), []);
    let found = anomalies(&mut calm(), [400, 400]);
    assert_eq!(found.last(), Some(&(1, Change::More)));
}

#[test]
fn a_fall_and_a_silence_are_found() {
    let mut rate = Rate::default();
    anomalies(&mut rate, about(40, 2000));
    let found = anomalies(&mut rate.clone(), about(4, 30));
    assert_eq!(found.first().map(|found| found.1), Some(Change::Fewer));
    let found = anomalies(&mut rate, [0; 30]);
    assert!(matches!(found[..], [(0..6, Change::Vanished), ..]), "{found:?}");
}

#[test]
fn a_heartbeat_is_missed_and_a_rare_word_is_not() {
    let mut rate = Rate::default();
    assert_eq!(anomalies(&mut rate, (0..2000).map(|place| u32::from(place % 6 == 0))), []);
    let found = anomalies(&mut rate, [0; 200]);
    assert_eq!(found.first().map(|found| found.1), Some(Change::Vanished));
    assert!((14 * 6..200).contains(&found[0].0), "{found:?}");
    let mut rare = Rate::default();
    assert_eq!(anomalies(&mut rare, (0..4000).map(|place| u32::from(place % 700 == 0)).chain([0; 2000])), []);
}

#[test]
fn figures_say_the_same_again() {
    let mut rate = Rate::default();
    anomalies(&mut rate, about(10, 1000));
    let sign = rate.observe(900, false).unwrap();
    let json = serde_json::to_string(&sign.figures).unwrap();
    let again: Figures = serde_json::from_str(&json).unwrap();
    let score = sign.figures.score();
    assert!((again.score() - score).abs() < 1e-9 * score, "{json}");
    assert!(again.score() > again.threshold());
}

#[test]
fn after_a_lasting_change_the_new_rate_is_usual() {
    let mut rate = Rate::default();
    anomalies(&mut rate, about(10, 1000));
    for _ in 0..100 {
        let _ = rate.observe(100, true);
    }
    rate.rebase();
    assert_eq!(anomalies(&mut rate, about(100, 2000)), []);
    for _ in 0..100 {
        let _ = rate.observe(0, true);
    }
    rate.rebase();
    assert_eq!(anomalies(&mut rate, [0; 5000]), []);
}
