//! The control: an alarm clock.

use std::time::Duration;

use logd_backtest::alarms::Alarm;
use logd_detect::time::Interval;

use super::contender::{Judge, alarm};
use super::watched::Window;

/// Alarms every so often. It names no signal, for it knows none.
pub(super) struct Control {
    service: String,
    every: i64,
    alarms: Vec<Alarm>,
}

impl Control {
    /// For a service.
    pub(super) fn new(service: &str, every: Duration) -> Self {
        let every = i64::try_from(every.as_micros()).expect("less than an age");
        Self { service: service.to_owned(), every, alarms: Vec::new() }
    }
}

impl Judge for Control {
    fn close(&mut self, interval: Interval, _: Option<&Window>) {
        if interval.end.0 % self.every == 0 {
            self.alarms.push(alarm(&self.service, interval, &[]));
        }
    }

    fn alarms(self: Box<Self>) -> Vec<Alarm> {
        self.alarms
    }
}
