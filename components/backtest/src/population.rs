//! Population: whose events there were, how many, and for how long. False alarms are counted for each of them and each
//! day, and who has few events is judged apart.

use std::collections::BTreeMap;

use logd_sdk::Time;
use serde::Serialize;

use crate::labels::rfc3339;

/// Whose events there were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Population {
    /// The time of the first event.
    #[serde(serialize_with = "rfc3339")]
    pub first: Time,
    /// The time of the last event.
    #[serde(serialize_with = "rfc3339")]
    pub last: Time,
    /// How many events each service has.
    pub services: BTreeMap<String, u64>,
}

/// How many events a service has: with few of them everything takes longer to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum RateClass {
    /// One event a second or more.
    #[serde(rename = ">= 1/s")]
    Busy,
    /// Less than one.
    #[serde(rename = "< 1/s")]
    Sparse,
}

impl RateClass {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Busy, Self::Sparse];

    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => ">= 1/s",
            Self::Sparse => "< 1/s",
        }
    }
}

impl Default for Population {
    /// Nobody, and no time.
    fn default() -> Self {
        Self { first: Time::MAX, last: Time::MIN, services: BTreeMap::new() }
    }
}

impl Population {
    /// Adds so many events of a service, of which the first and the last were at these times.
    pub fn add(&mut self, service: &str, events: u64, first: Time, last: Time) {
        self.first = self.first.min(first);
        self.last = self.last.max(last);
        match self.services.get_mut(service) {
            Some(sum) => *sum += events,
            None => drop(self.services.insert(service.to_owned(), events)),
        }
    }

    /// Whether nothing was there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.services.values().sum()
    }

    /// From the first event to the last, as far as it lies after `from`, in microseconds.
    #[must_use]
    pub fn span(&self, from: Time) -> u64 {
        if self.is_empty() { 0 } else { micros(self.last.since(self.first.max(from))) }
    }

    /// How many events a service has, over the whole time.
    #[must_use]
    pub fn class(&self, service: &str) -> RateClass {
        let events = self.services.get(service).copied().unwrap_or(0);
        let seconds = self.span(Time::MIN) / 1_000_000;
        if events >= seconds.max(1) { RateClass::Busy } else { RateClass::Sparse }
    }
}

fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_in_any_order() {
        let at = |second: i64| Time::from_micros(second * 1_000_000);
        let (mut one, mut other) = (Population::default(), Population::default());
        let parts = [("a", 90, at(0), at(50)), ("b", 10, at(20), at(100)), ("a", 20, at(60), at(90))];
        parts.iter().for_each(|(service, events, first, last)| one.add(service, *events, *first, *last));
        parts.iter().rev().for_each(|(service, events, first, last)| other.add(service, *events, *first, *last));
        assert_eq!(one, other);
        assert_eq!(
            (one.class("a"), one.class("b"), one.class("c")),
            (RateClass::Busy, RateClass::Sparse, RateClass::Sparse)
        );
        assert_eq!((one.span(Time::MIN), one.span(at(70)), one.span(at(200))), (100_000_000, 30_000_000, 0));
        assert_eq!((Population::default().span(Time::MIN), one.events()), (0, 120));
    }
}
