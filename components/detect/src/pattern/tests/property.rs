//! Whatever the batches, the shards and the restarts, the same leaves.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;

/// Lines of two services from two partitions, some of them late, bursts, silences and things never seen.
fn stream() -> impl Strategy<Value = Vec<Event>> {
    let stretch = (0..6_usize, 5..400_i64, prop_oneof![4 => Just(0), 1 => 0..3000_i64], 0..8_usize);
    prop::collection::vec(stretch, 1..8).prop_map(|stretches| {
        let (mut events, mut at, mut offset) = (Vec::new(), 0, 0);
        for (kind, length, silence, word) in stretches {
            at += silence;
            for second in 0..length {
                let mut say = |partition, back: i64, service, message: String| {
                    offset += 1;
                    events.push(Event {
                        partition,
                        time: (at - back) * 1000 + offset as i64 % 7,
                        offset,
                        service,
                        message,
                    });
                };
                for service in ["web", "db"] {
                    say(
                        usize::from(service == "db"),
                        second % 4,
                        service,
                        format!("request {second} done in {} ms", second % 9),
                    );
                    if kind != 1 {
                        say(0, 0, service, "beat".to_owned());
                    }
                }
                if kind == 2 {
                    (0..12).for_each(|place| say(1, 0, "web", format!("slow query {place} of table {word}")));
                }
                if kind == 3 && second % 20 == 0 {
                    say(0, second % 30, "web", "x ".repeat(word + second as usize / 20 % 30 + 1));
                }
                if kind == 4 {
                    say(1, 0, "db", format!("user {} logged in", ["ann", "bob", "eve"][second as usize % 3]));
                }
                at += 1;
            }
        }
        events
    })
}

fn run(events: &[Event], shards: usize, size: usize, restart: impl Fn(usize) -> Option<usize>) -> Driver {
    let mut driver = Driver::new("group_by = ['service']\nlearn = '60s'\nmax_templates = 12", shards, 2);
    for (number, events) in events.chunks(size).enumerate() {
        if let Some(shards) = restart(number) {
            driver.restart(shards);
        }
        driver.feed(events);
    }
    driver.end();
    driver
}

fn same(one: &Driver, other: &Driver) -> Result<(), TestCaseError> {
    prop_assert_eq!(&one.events, &other.events);
    prop_assert_eq!(&one.anomalies, &other.anomalies);
    prop_assert_eq!(&one.errors, &other.errors);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn batches_shards_and_restarts_change_nothing(events in stream(), size in 1..900_usize, every in 1..6_usize) {
        let whole = run(&events, 1, usize::MAX, |_| None);
        same(&whole, &run(&events, 3, size, |_| None))?;
        same(&whole, &run(&events, 2, size, |number| (number % every == 0).then_some(1 + number % 4)))?;
    }
}

#[test]
fn the_streams_have_something_to_tell() {
    let mut runner = TestRunner::deterministic();
    let told: usize = (0..20)
        .map(|_| {
            let events = stream().new_tree(&mut runner).unwrap().current();
            run(&events, 1, usize::MAX, |_| None).anomalies.len()
        })
        .sum();
    assert!(told > 20, "{told}");
}
