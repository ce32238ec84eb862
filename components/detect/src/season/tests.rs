//! Shapes of days and weeks, and which of them is believed.

use super::*;

const MINUTES_A_DAY: i64 = 24 * 60;

/// Feeds a value each minute from one day to before another, and returns what was added to each.
fn feed(season: &mut Season, days: std::ops::Range<i64>, value: impl Fn(i64, i64) -> f64) -> Vec<f64> {
    let minutes = days.start * MINUTES_A_DAY..days.end * MINUTES_A_DAY;
    let each = minutes.map(|minute| {
        let at = Micros(minute * 60_000_000);
        let offset = season.offset(at, 1000);
        season.learn(at, value(minute / MINUTES_A_DAY, minute % MINUTES_A_DAY));
        offset
    });
    each.collect()
}

fn season(seasons: Seasons) -> Season {
    *Season::new(seasons).unwrap()
}

/// Twice as high from three to a quarter past.
fn nightly(_: i64, minute: i64) -> f64 {
    if (180..195).contains(&minute) { 200.0 } else { 100.0 }
}

/// Low at weekends: the epoch was a Thursday.
fn weekly(day: i64, minute: i64) -> f64 {
    let is_weekend = matches!(day % 7, 2 | 3);
    if !is_weekend && (480..1080).contains(&minute) { 200.0 } else { 100.0 }
}

#[test]
fn a_week_begins_on_monday() {
    let monday = Micros(1_704_067_200_000_000);
    assert_eq!(monday.to_string(), "2024-01-01T00:00:00Z");
    assert_eq!(Period::Week.place(monday).1, 0);
    assert_eq!(Period::Week.place(Micros(monday.0 - 1)).1, 671);
    assert_eq!(Period::Day.place(Micros(-1)), (-1, 287));
    assert_eq!(Period::Week.place(Micros(i64::MAX)).0, Period::Week.place(Micros(i64::MAX - 1)).0);
}

#[test]
fn three_days_teach_the_fourth() {
    let mut daily = season(Seasons::Day);
    assert!(feed(&mut daily, 10..13, nightly).iter().all(|&offset| offset == 0.0));
    let fourth = feed(&mut daily, 13..14, nightly);
    // The level is that of the last thousand values before midnight, which were all usual.
    for (minute, offset) in (0..).zip(fourth) {
        assert!((offset - (nightly(0, minute) - 100.0)).abs() < 1e-4, "minute {minute}: {offset}");
    }
}

#[test]
fn a_day_whose_beginning_was_not_seen_does_not_count() {
    let mut daily = season(Seasons::Day);
    daily.offset(Micros(10 * 86_400_000_000 + 1), 1000);
    assert!(feed(&mut daily, 10..13, nightly).iter().all(|&offset| offset == 0.0));
    assert!(feed(&mut daily, 13..14, nightly).iter().all(|&offset| offset == 0.0));
    assert!(feed(&mut daily, 14..15, nightly)[185] > 99.0);
}

#[test]
fn an_odd_day_is_outvoted() {
    let mut daily = season(Seasons::Day);
    feed(&mut daily, 0..3, |day, minute| if day == 1 && minute / 60 == 12 { 9000.0 } else { nightly(day, minute) });
    let fourth = feed(&mut daily, 3..4, nightly);
    assert!(fourth[185] - fourth[725] > 99.0 && (fourth[725] - fourth[600]).abs() < 1e-3, "{:?}", &fourth[720..730]);
}

#[test]
fn a_new_shape_goes_on_at_the_height_of_the_old() {
    let mut daily = season(Seasons::Day);
    // High from noon on: what the baseline remembers at midnight are the high hours, and in part low ones.
    let afternoon = |_, minute| if minute >= 720 { 300.0 } else { 100.0 };
    feed(&mut daily, 0..3, afternoon);
    let fourth = feed(&mut daily, 3..4, afternoon);
    // 720 of the last 1000 values were high, so that their mean is at 0.
    let lift = fourth.iter().rev().take(1000).sum::<f64>() / 1000.0;
    assert!(lift.abs() < 1e-4 && (fourth[900] - fourth[100] - 200.0).abs() < 1e-3, "{lift}");
    // From day to day, nothing moves that does not have to.
    let fifth = feed(&mut daily, 4..5, afternoon);
    assert!(fourth.iter().zip(&fifth).all(|(old, new)| (old - new).abs() < 1e-4));
}

#[test]
fn where_few_values_come_neighbours_help() {
    let mut daily = season(Seasons::Day);
    let hour = |hour: i64| Micros(hour * 3_600_000_000);
    for at in 0..72 {
        daily.offset(hour(at), 10);
        daily.learn(hour(at), if at % 24 == 3 { 500.0 } else { 100.0 });
    }
    let base = daily.offset(hour(72), 10);
    assert!(daily.offset(hour(75), 10) - base > 300.0);
    assert_eq!(daily.offset(hour(80), 10), base);
}

#[test]
fn a_week_has_its_weekend() {
    let mut known = season(Seasons::Week);
    // The first week began on a Thursday: not whole.
    let before = feed(&mut known, 0..25, weekly);
    assert!(before.iter().all(|&offset| offset == 0.0));
    let fifth = feed(&mut known, 25..32, weekly);
    let noon = |day: usize| fifth[day * 1440 + 720] - fifth[day * 1440];
    // Day 25 was a Monday.
    let days = [0, 1, 2, 3, 4, 5, 6].map(|day| noon(day).round());
    assert_eq!(days, [100.0, 100.0, 100.0, 100.0, 100.0, 0.0, 0.0]);
}

/// Noise of ±20 without chance.
fn noise(day: i64, minute: i64) -> f64 {
    ((day * 1440 + minute) * 7919 % 41 - 20) as f64
}

#[test]
fn auto_takes_what_explains_the_most() {
    let mut flat = season(Seasons::Auto);
    feed(&mut flat, 0..40, |day, minute| 100.0 + noise(day, minute));
    assert_eq!(flat.period(), None);

    let mut daily = season(Seasons::Auto);
    let shape = |day, minute: i64| 100.0 + (minute - 720).abs() as f64 / 10.0 + noise(day, minute);
    feed(&mut daily, 0..4, shape);
    assert_eq!(daily.period(), None, "no day was there to try it on");
    feed(&mut daily, 4..5, shape);
    assert_eq!(daily.period(), Some(Period::Day));
    feed(&mut daily, 5..40, shape);
    assert_eq!(daily.period(), Some(Period::Day), "a week explains no more");

    let mut week = season(Seasons::Auto);
    let shape = |day, minute| weekly(day, minute) + noise(day, minute);
    feed(&mut week, 0..25, shape);
    assert_eq!(week.period(), Some(Period::Day));
    feed(&mut week, 25..33, shape);
    assert_eq!(week.period(), Some(Period::Week));
}

#[test]
fn a_snapshot_changes_nothing_and_has_its_size() {
    for (seasons, most) in [(Seasons::Day, 13_000), (Seasons::Week, 22_000), (Seasons::Auto, 34_000)] {
        let mut whole = season(seasons);
        feed(&mut whole, 0..36, weekly);
        let bytes = postcard::to_stdvec(&whole).unwrap();
        assert!(bytes.len() < most, "{seasons:?}: {} bytes", bytes.len());
        let mut restored: Season = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(feed(&mut whole, 36..44, weekly), feed(&mut restored, 36..44, weekly));
        assert_eq!(whole, restored);
    }
}

#[test]
fn values_of_days_that_have_passed_teach_nothing_and_days_without_any_neither() {
    let mut daily = season(Seasons::Day);
    feed(&mut daily, 0..4, nightly);
    let mut late = daily.clone();
    late.offset(Micros(0), 1000);
    late.learn(Micros(0), 1e9);
    assert_eq!(late, daily);
    // Two weeks of silence later the shape is still the last that was known.
    let after = feed(&mut daily, 18..19, nightly);
    assert!((after[185] - after[0] - 100.0).abs() < 1e-4);
}

#[test]
fn the_largest_values_leave_numbers() {
    let mut daily = season(Seasons::Day);
    let offsets = feed(&mut daily, 0..5, |_, minute| if minute < 60 { 1e150 } else { -1e150 });
    assert!(offsets.iter().all(|offset| offset.is_finite()));
}
