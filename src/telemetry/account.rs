//! The account of a component: what became of every event that it received.
//!
//! received = forwarded + absorbed + dead + late + discarded + in flight. Each term is counted where it happens and none
//! is worked out from the others, so that the sum can be wrong, and `logd_unaccounted_events` would show it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use logd_sdk::component::Kind;
use logd_sdk::meters::Meters;
use logd_sdk::outputs::Discard;
use logd_sdk::{Clock, ComponentId, Health, Outputs, Port, Time};
use metrics::{Counter, Gauge, Histogram};
use tokio::time::Instant;

/// Utilization is worked out over no less time than this.
const SHORTEST_SPAN: Duration = Duration::from_secs(1);

/// The standard meters of a component, with the counts as numbers beside them.
#[derive(Debug)]
pub(crate) struct Account {
    component: ComponentId,
    kind: Kind,
    component_type: &'static str,
    clock: Clock,
    meters: Meters,
    counts: Counts,
    /// Events that left by each port.
    sent_by_port: Vec<AtomicU64>,
    received_events: Counter,
    received_bytes: Counter,
    sent_events: Vec<Counter>,
    sent_bytes: Vec<Counter>,
    made_events: Counter,
    absorbed_events: Counter,
    late_events: Counter,
    dead_events: Counter,
    in_flight: Gauge,
    unaccounted: Gauge,
    utilization: Gauge,
    latency: Histogram,
    /// What the component says of itself.
    health: Health,
    /// How long the component had work since its utilization was last told, and when that was.
    busy: Mutex<(Duration, Instant)>,
    /// Only components that wait for event time have it.
    watermark_lag: OnceLock<Gauge>,
    /// How far event time has come, in microseconds, for those.
    watermark: AtomicI64,
}

/// What was counted since the component was started.
#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    forwarded: AtomicU64,
    made: AtomicU64,
    absorbed: AtomicU64,
    dead: AtomicU64,
    late: AtomicU64,
    discarded: AtomicU64,
    lost: AtomicU64,
    in_flight: AtomicI64,
    errors: AtomicU64,
    /// One more than the events of a source that are behind it for good, if it can't bring them again; else 0.
    durable: AtomicU64,
}

/// A component's counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Events taken in; of a source, events that it made.
    pub(crate) received: u64,
    /// Events that left, those that it made among them.
    pub(crate) forwarded: u64,
    /// Events that it made itself.
    pub(crate) made: u64,
    /// Events that became part of a state.
    pub(crate) absorbed: u64,
    /// Events given up.
    pub(crate) dead: u64,
    /// Events that came too late.
    pub(crate) late: u64,
    /// Events that ended here.
    pub(crate) discarded: u64,
    /// Those of them that could not be kept.
    pub(crate) lost: u64,
    /// Events that are being handled.
    pub(crate) in_flight: i64,
    /// Errors, whether they cost events or not.
    pub(crate) errors: u64,
    /// Events of a source that can't be brought again and are in no complete epoch: they may be lost with the process.
    pub(crate) at_risk: u64,
}

impl Tally {
    /// Events of which nobody knows what became of them: always 0, or logd has a bug.
    pub(crate) fn unaccounted(&self) -> i64 {
        let settled =
            self.forwarded - self.made.min(self.forwarded) + self.absorbed + self.dead + self.late + self.discarded;
        i64::try_from(self.received).unwrap_or(i64::MAX) - i64::try_from(settled).unwrap_or(i64::MAX) - self.in_flight
    }
}

/// What it had under way when it went is with another by now, or is read again.
impl Drop for Account {
    fn drop(&mut self) {
        self.in_flight.set(0.0);
    }
}

impl Account {
    /// Opens the account of a component. `ports` are the names of all its ports, the main one (empty) first.
    pub(crate) fn new(
        component: ComponentId,
        kind: Kind,
        component_type: &'static str,
        ports: &[String],
        clock: Clock,
    ) -> Self {
        let meters = Meters::new(&component, kind.name(), component_type);
        let by_port = |name: &'static str| -> Vec<Counter> {
            let output = |port: &String| if port.is_empty() { "_default".to_owned() } else { port.clone() };
            ports.iter().map(|port| meters.counter(name, &[("output", &output(port))])).collect()
        };
        Self {
            received_events: meters.counter("logd_component_received_events_total", &[]),
            received_bytes: meters.counter("logd_component_received_event_bytes_total", &[]),
            sent_events: by_port("logd_component_sent_events_total"),
            sent_bytes: by_port("logd_component_sent_event_bytes_total"),
            made_events: meters.counter("logd_component_made_events_total", &[]),
            absorbed_events: meters.counter("logd_component_absorbed_events_total", &[]),
            late_events: meters.counter("logd_component_late_events_total", &[]),
            dead_events: meters.counter("logd_component_dead_events_total", &[]),
            in_flight: meters.gauge("logd_component_in_flight_events", &[]),
            unaccounted: meters.gauge("logd_unaccounted_events", &[]),
            // What a source waits for is not its own: it has no share of the time.
            utilization: if kind == Kind::Source { Gauge::noop() } else { meters.gauge("logd_utilization", &[]) },
            latency: meters.histogram("logd_component_latency_seconds", &[]),
            counts: Counts::default(),
            sent_by_port: ports.iter().map(|_| AtomicU64::new(0)).collect(),
            health: Health::default(),
            busy: Mutex::new((Duration::ZERO, Instant::now())),
            watermark_lag: OnceLock::new(),
            watermark: AtomicI64::new(Time::MIN.as_micros()),
            component,
            kind,
            component_type,
            clock,
            meters,
        }
    }

    /// Whose account it is.
    pub(crate) fn component(&self) -> &ComponentId {
        &self.component
    }

    /// What kind of component it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its type, such as `window`.
    pub(crate) fn component_type(&self) -> &'static str {
        self.component_type
    }

    /// What the component says of itself.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// The component's own meters.
    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Events have come in.
    pub(crate) fn received(&self, events: u64, bytes: u64) {
        self.counts.received.fetch_add(events, Ordering::Relaxed);
        let change = i64::try_from(events).unwrap_or(i64::MAX);
        self.counts.in_flight.fetch_add(change, Ordering::Relaxed);
        self.received_events.increment(events);
        self.received_bytes.increment(bytes);
    }

    /// What was received has been handled: `events` of it, within `took`.
    pub(crate) fn handled(&self, events: u64, took: Duration) {
        let change = i64::try_from(events).unwrap_or(i64::MAX);
        self.counts.in_flight.fetch_sub(change, Ordering::Relaxed);
        if events > 0 {
            self.latency.record(took.as_secs_f64());
        }
    }

    /// Enters what a component made of a batch, but for what it sends, which is entered when it is sent.
    pub(crate) fn settle(&self, outputs: &Outputs) {
        let late: u64 = outputs.late.iter().map(|batch| batch.len() as u64).sum();
        self.late(late);
        self.absorbed(outputs.absorbed);
        self.counts.made.fetch_add(outputs.made, Ordering::Relaxed);
        self.made_events.increment(outputs.made);
        for &(kind, reason, events) in &outputs.discarded {
            self.discarded(kind, reason, events);
        }
        for &(kind, errors) in &outputs.errors {
            self.errors(kind, "processing", errors);
        }
    }

    /// A source that can't bring events again has read so many that are delivered for good.
    pub(crate) fn durable(&self, events: u64) {
        self.counts.durable.store(events + 1, Ordering::Relaxed);
    }

    /// Events have become part of a state.
    pub(crate) fn absorbed(&self, events: u64) {
        self.counts.absorbed.fetch_add(events, Ordering::Relaxed);
        self.absorbed_events.increment(events);
    }

    /// Events came too late.
    pub(crate) fn late(&self, events: u64) {
        self.counts.late.fetch_add(events, Ordering::Relaxed);
        self.late_events.increment(events);
    }

    /// Events were sent by a port, or delivered by a sink.
    pub(crate) fn sent(&self, port: Port, events: u64, bytes: u64) {
        self.counts.forwarded.fetch_add(events, Ordering::Relaxed);
        if let Some(count) = self.sent_by_port.get(port.0) {
            count.fetch_add(events, Ordering::Relaxed);
        }
        if let Some(counter) = self.sent_events.get(port.0) {
            counter.increment(events);
        }
        if let Some(counter) = self.sent_bytes.get(port.0) {
            counter.increment(bytes);
        }
    }

    /// Events that have left by the port at this place.
    pub(crate) fn sent_by(&self, port: usize) -> u64 {
        self.sent_by_port.get(port).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Events were given up.
    pub(crate) fn dead(&self, events: u64) {
        self.counts.dead.fetch_add(events, Ordering::Relaxed);
        self.dead_events.increment(events);
    }

    /// There was no room to keep so many that were given up.
    pub(crate) fn letters_lost(&self, events: u64) {
        if events > 0 {
            self.discard_counter(Discard::Lost, "dead_letters_full").increment(events);
            tracing::error!(component = %self.component, events,
                "Dead letters are lost, for there is no room: deal with some by `logd dlq`, or give them more by \
                 `limits.dead_letters`.");
        }
    }

    /// Events ended here.
    pub(crate) fn discarded(&self, kind: Discard, reason: &'static str, events: u64) {
        self.counts.discarded.fetch_add(events, Ordering::Relaxed);
        if kind == Discard::Lost {
            self.counts.lost.fetch_add(events, Ordering::Relaxed);
        }
        self.discard_counter(kind, reason).increment(events);
    }

    fn discard_counter(&self, kind: Discard, reason: &'static str) -> Counter {
        let intentional = if kind == Discard::Intended { "true" } else { "false" };
        self.meters
            .counter("logd_component_discarded_events_total", &[("intentional", intentional), ("reason", reason)])
    }

    /// The component's part goes back to its last epoch: what its source can't bring again is lost.
    pub(crate) fn rewound(&self) {
        let lost = self.tally().at_risk;
        if lost > 0 {
            self.discard_counter(Discard::Lost, "rewound").increment(lost);
            tracing::error!(component = %self.component, events = lost,
                "Events that were under way can't be brought again by their source, and may be lost.");
        }
    }

    /// Errors happened.
    pub(crate) fn errors(&self, kind: &str, stage: &'static str, errors: u64) {
        self.counts.errors.fetch_add(errors, Ordering::Relaxed);
        let labels = [("error_type", kind), ("stage", stage)];
        self.meters.counter("logd_component_errors_total", &labels).increment(errors);
    }

    /// The component had work for so long.
    pub(crate) fn busy(&self, took: Duration) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).0 += took;
    }

    /// How far event time has come, for a component that waits for it.
    pub(crate) fn watermark(&self, watermark: Time) {
        self.watermark.store(watermark.as_micros(), Ordering::Relaxed);
    }

    /// How far event time is behind the clock, for a component that waits for it.
    pub(crate) fn lag(&self) -> Option<Duration> {
        let watermark = Time::from_micros(self.watermark.load(Ordering::Relaxed));
        (watermark > Time::MIN && watermark < Time::MAX).then(|| self.now().since(watermark))
    }

    /// Brings the gauges up to date that follow from what was counted and measured.
    pub(crate) fn refresh(&self) {
        let tally = self.tally();
        #[allow(clippy::cast_precision_loss)]
        self.in_flight.set(tally.in_flight as f64);
        #[allow(clippy::cast_precision_loss)]
        self.unaccounted.set(tally.unaccounted() as f64);
        if let Some(lag) = self.lag() {
            let gauge = self.watermark_lag.get_or_init(|| self.meters.gauge("logd_watermark_lag_seconds", &[]));
            gauge.set(lag.as_secs_f64());
        }
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = busy.1.elapsed();
        if passed >= SHORTEST_SPAN {
            // Several batches may be worked on at once: then the component had work all the time.
            self.utilization.set((busy.0.as_secs_f64() / passed.as_secs_f64()).min(1.0));
            *busy = (Duration::ZERO, Instant::now());
        }
    }

    /// The counts.
    pub(crate) fn tally(&self) -> Tally {
        let counts = &self.counts;
        let received = counts.received.load(Ordering::Relaxed);
        let durable = counts.durable.load(Ordering::Relaxed);
        Tally {
            received,
            at_risk: durable.checked_sub(1).map_or(0, |durable| received.saturating_sub(durable)),
            forwarded: counts.forwarded.load(Ordering::Relaxed),
            made: counts.made.load(Ordering::Relaxed),
            absorbed: counts.absorbed.load(Ordering::Relaxed),
            dead: counts.dead.load(Ordering::Relaxed),
            late: counts.late.load(Ordering::Relaxed),
            discarded: counts.discarded.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
            in_flight: counts.in_flight.load(Ordering::Relaxed),
            errors: counts.errors.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_accounted_for() {
        let ports = [String::new(), "dead".to_owned()];
        let account = Account::new(ComponentId::new("p", "c"), Kind::Transform, "test", &ports, Clock::system());
        account.received(10, 1000);
        assert_eq!(account.tally().unaccounted(), 0, "in flight");
        account.sent(Port::MAIN, 4, 400);
        account.dead(1);
        account.late(2);
        account.discarded(Discard::Intended, "filtered", 2);
        account.handled(10, Duration::ZERO);
        assert_eq!(account.tally().unaccounted(), 1, "one event has vanished");
        account.absorbed(1);
        assert_eq!(account.tally().unaccounted(), 0);
    }

    #[test]
    fn what_is_made_was_not_received() {
        let account =
            Account::new(ComponentId::new("p", "w"), Kind::Transform, "test", &[String::new()], Clock::system());
        account.settle(&Outputs { made: 3, ..Outputs::default() });
        account.sent(Port::MAIN, 3, 0);
        assert_eq!(account.tally().unaccounted(), 0);
    }
}
