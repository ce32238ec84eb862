//! The same alarms as a straightforward implementation in NumPy finds: `tests/data/signals.py`.

use logd_detect::signals::{KeyState, Monitor, Settings, Signal};
use logd_detect::time::Micros;

use super::workload::{DAY, Doing, HOUR, Random, bucket, events, usual};
use super::{BUCKET, MONDAY};

/// What `doing` of the script says.
fn doing(tick: usize) -> Doing {
    let mut doing = usual(tick);
    if (3 * HOUR..3 * HOUR + 90).contains(&(tick % DAY)) {
        doing.events *= 3.0;
    }
    match tick.checked_sub(2 * DAY) {
        Some(500..620) => doing.latency = 360.0,
        Some(1800..1830) => doing.errors = 0.4,
        Some(3000..3150) => doing.events = 0.0,
        Some(4500..4620) => doing.slow = 0.1,
        Some(5600..5700) => doing.events *= 4.0,
        Some(after @ 6500..7100) => doing.latency = 180.0 * (1.0 + 0.003 * (after - 6500) as f64),
        _ => {}
    }
    doing
}

#[test]
fn alarms_open_and_close_as_in_the_reference() {
    let (monitor, mut state, mut random) = (Monitor::new(&Settings::default()), KeyState::default(), Random::new(21));
    let mut changes: Vec<(usize, Signal, bool)> = Vec::new();
    for tick in 0..3 * DAY {
        let bucket = bucket(&events(&mut random, doing(tick)));
        let outcome = monitor.close(&mut state, Micros(MONDAY + tick as i64 * BUCKET), bucket.as_ref());
        changes.extend(outcome.changes.iter().map(|change| (tick, change.signal, change.closed.is_none())));
    }
    let expected: Vec<(usize, Signal, bool)> = serde_json::from_str(include_str!("../data/signals.json")).unwrap();
    let kinds: Vec<_> =
        expected.iter().filter(|(_, _, is_opening)| *is_opening).map(|(_, signal, _)| *signal).collect();
    assert!(Signal::ALL.iter().all(|signal| kinds.contains(signal)), "every signal comes up: {kinds:?}");
    assert_eq!(changes, expected);
}
