//! The meters of an edge.

use logd_sdk::meters::Meters;
use metrics::{Counter, Gauge};

/// Counts what goes into a channel and what comes out, and how full it is.
#[derive(Debug)]
pub(crate) struct EdgeMeters {
    sent: Counter,
    received: Counter,
    dropped: Counter,
    used: Gauge,
    size: Gauge,
}

impl Default for EdgeMeters {
    /// Meters that nobody reads.
    fn default() -> Self {
        Self {
            sent: Counter::noop(),
            received: Counter::noop(),
            dropped: Counter::noop(),
            used: Gauge::noop(),
            size: Gauge::noop(),
        }
    }
}

impl EdgeMeters {
    /// For the edge from an output (`from`, as an input of any file names it) to the component whose `meters` these are.
    pub(crate) fn new(from: &str, meters: &Meters) -> Self {
        let input = [("input", from)];
        Self {
            sent: meters.counter("logd_buffer_sent_events_total", &input),
            received: meters.counter("logd_buffer_received_events_total", &input),
            dropped: meters.counter("logd_buffer_discarded_events_total", &input),
            used: meters.gauge("logd_buffer_byte_size", &input),
            size: meters.gauge("logd_buffer_max_byte_size", &input),
        }
    }

    /// How many bytes it may hold.
    pub(crate) fn capacity(&self, bytes: u32) {
        self.size.set(f64::from(bytes));
    }

    /// How many bytes it holds now.
    pub(crate) fn used(&self, bytes: u32) {
        self.used.set(f64::from(bytes));
    }

    /// Events have been put in.
    pub(crate) fn sent(&self, events: u64) {
        self.sent.increment(events);
    }

    /// Events have been dropped, for there was no room.
    pub(crate) fn dropped(&self, events: u64) {
        self.dropped.increment(events);
    }

    /// Events have been taken out.
    pub(crate) fn received(&self, events: u64) {
        self.received.increment(events);
    }
}
