//! Whatever the batches, the shards and the restarts, the same leaves.

use proptest::prelude::*;

use super::*;

/// Usual, slow and fast stretches of four services, silences, and values that can't be used.
fn stream() -> impl Strategy<Value = Vec<Window>> {
    let level = prop_oneof![
        4 => Just(Some(295.0)),
        2 => Just(Some(1500.0)),
        1 => Just(Some(5.0)),
        1 => Just(None),
    ];
    let stretch = (prop::array::uniform4(level), prop_oneof![4 => Just(0), 1 => 0..200_i64], 1..40_usize);
    prop::collection::vec(stretch, 1..8).prop_map(|stretches| {
        let (mut all, mut at) = (Vec::new(), 0);
        for (levels, silence, length) in stretches {
            at += silence;
            for i in 0..length {
                for (place, (level, service)) in levels.iter().zip(["web", "db", "auth", "pay"]).enumerate() {
                    let wobble = 1.0 + ((i * 7 + place * 3) % 11) as f64 / 50.0;
                    let value = level.map_or(Slot::Null, |level| Slot::Float(level * wobble));
                    all.push(Window { start: at, service, value });
                }
                at += 1;
            }
        }
        all
    })
}

fn run(toml: &str, stream: &[Window], shards: usize, size: usize, restart: impl Fn(usize) -> Option<usize>) -> Driver {
    let mut driver = Driver::new("zscore", toml, shards);
    for (number, windows) in stream.chunks(size).enumerate() {
        if let Some(shards) = restart(number) {
            driver.restart(shards);
        }
        driver.feed(batch(windows));
    }
    driver
}

/// What is resolved by others' time is told with the batch that brings it: not in the same place, whatever the batches.
fn sorted(anomalies: &[Json]) -> Vec<String> {
    let mut texts: Vec<_> = anomalies.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn shards_change_nothing(stream in stream(), size in 1..60_usize) {
        let toml = zscore("relearn_after = '1m'\ncooldown = '0s'");
        let (one, eight) = (run(&toml, &stream, 1, size, |_| None), run(&toml, &stream, 8, size, |_| None));
        prop_assert_eq!(&one.anomalies, &eight.anomalies);
        prop_assert_eq!(&one.scores, &eight.scores);
        prop_assert_eq!((&one.ids, &one.errors), (&eight.ids, &eight.errors));
    }

    #[test]
    fn restarts_change_nothing(stream in stream(), size in 1..60_usize, every in 1..6_usize) {
        let toml = zscore("relearn_after = '1m'\ncooldown = '0s'\nconfirm = '1 of 2'");
        let whole = run(&toml, &stream, 2, size, |_| None);
        let cut = run(&toml, &stream, 2, size, |number| (number % every == 0).then_some(1 + number % 4));
        prop_assert_eq!(&whole.anomalies, &cut.anomalies);
        prop_assert_eq!(&whole.scores, &cut.scores);
        prop_assert_eq!((&whole.ids, &whole.errors), (&cut.ids, &cut.errors));
    }

    #[test]
    fn batches_change_nothing(stream in stream(), size in 1..60_usize) {
        let toml = zscore("relearn_after = '1m'\ncooldown = '0s'");
        let whole = run(&toml, &stream, 2, usize::MAX, |_| None);
        let cut = run(&toml, &stream, 2, size, |_| None);
        prop_assert_eq!(sorted(&whole.anomalies), sorted(&cut.anomalies));
        prop_assert_eq!(&whole.scores, &cut.scores);
    }
}
