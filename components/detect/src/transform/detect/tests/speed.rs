//! How fast it is.

use std::sync::Arc;

use logd_sdk::keyed::{Floor, Keyed};
use logd_sdk::{Clock, Time};

use super::{Driver, Event, SETTINGS, batch};

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// So many events each of so many batches has, a thousand events a second.
const EVENTS: i64 = 5000;
const BATCHES: i64 = 200;

#[test]
#[ignore = "a measurement: cargo test --release -p logd-detect --lib speed -- --ignored --nocapture"]
fn a_core_takes_a_million_events_a_second() {
    let event = |number: i64| Event {
        second: number / 1000,
        service: NAMES[(number * 7919 % 12) as usize],
        latency: 20.0 + (number * 104_729 % 997) as f64,
        failed: number % 100 == 0,
    };
    let batches = (0..BATCHES).map(|number| {
        let events: Vec<_> = (number * EVENTS..(number + 1) * EVENTS).map(event).collect();
        Arc::new(batch(&events))
    });
    let batches: Vec<_> = batches.collect();
    let mut driver = Driver::new(SETTINGS, 1);
    let clock = Clock::system();
    let start = clock.now();
    for (number, batch) in (0..).zip(&batches) {
        let split = driver.detect.split(batch, &[Floor { closed: driver.emitted, ahead: Time::MAX }], 1);
        driver.emitted = Time::from_micros((number * EVENTS / 1000 - 5) * 1_000_000);
        driver.step(Some(batch), split.parts);
    }
    let seconds = (clock.now().as_micros() - start.as_micros()) as f64 / 1e6;
    let rate = (EVENTS * BATCHES) as f64 / seconds;
    println!("{rate:.0} events/s, {:.0} ns an event", 1e9 / rate);
    assert!(rate > 1e6, "{rate:.0} events/s");
}
