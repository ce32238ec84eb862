//! The meters of an edge.

use logd_sdk::ComponentId;
use metrics::{Counter, Gauge, counter, gauge};

/// Counts what goes into a channel and what comes out, and how full it is.
#[derive(Clone, Debug)]
pub(crate) struct EdgeMeters {
    sent: Counter,
    received: Counter,
    used: Gauge,
    size: Gauge,
}

impl Default for EdgeMeters {
    /// Meters that nobody reads.
    fn default() -> Self {
        Self { sent: Counter::noop(), received: Counter::noop(), used: Gauge::noop(), size: Gauge::noop() }
    }
}

impl EdgeMeters {
    /// For the edge from a component's output (`from`, as an input names it) to the component `to`.
    pub(crate) fn new(from: &str, to: &ComponentId) -> Self {
        let labels =
            [("pipeline", to.pipeline().to_owned()), ("component_id", to.id().to_owned()), ("input", from.to_owned())];
        Self {
            sent: counter!("logd_buffer_sent_events_total", &labels),
            received: counter!("logd_buffer_received_events_total", &labels),
            used: gauge!("logd_buffer_byte_size", &labels),
            size: gauge!("logd_buffer_max_byte_size", &labels),
        }
    }

    pub(crate) fn capacity(&self, bytes: u32) {
        self.size.set(f64::from(bytes));
    }

    pub(crate) fn sent(&self, events: u64, used: u32) {
        self.sent.increment(events);
        self.used.set(f64::from(used));
    }

    pub(crate) fn received(&self, events: u64, used: u32) {
        self.received.increment(events);
        self.used.set(f64::from(used));
    }
}
