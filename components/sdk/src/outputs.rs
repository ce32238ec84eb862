//! What a transform makes of a batch: batches for its ports, and a word for every event that does not leave.

use std::sync::Arc;

use crate::event::Batch;

/// An output of a component, as the place of its name in [`Settings::ports`](crate::Settings::ports).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub usize);

impl Port {
    /// The output that has the component's own name.
    pub const MAIN: Self = Self(0);
}

/// Why an event came to its end here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// The user asked for it: a filter.
    Intended,
    /// It could not be kept: the reason is a metric's label, and so one of a few words.
    Lost,
}

/// Collects what a transform makes of one batch.
///
/// The accounting identity is kept with it: each event received is sent through a port, absorbed, dead, late, or
/// discarded, and the daemon compares.
#[derive(Debug, Default)]
pub struct Outputs {
    /// What leaves, in order.
    pub sent: Vec<(Port, Arc<Batch>)>,
    /// Events that could not be handled, with their reasons, one for each row; they leave by the port `dead`.
    pub dead: Vec<(Batch, Vec<String>)>,
    /// Events that came too late, which leave by the port `late`.
    pub late: Vec<Batch>,
    /// Events that became part of a state: a window, a baseline, a joined line.
    pub absorbed: u64,
    /// Events that ended here: why, for which reason, and how many.
    pub discarded: Vec<(Discard, &'static str, u64)>,
    /// Events that this component made, which nobody sent to it: counted apart.
    pub made: u64,
    /// Errors that cost no event: the kind, as a metric's label, and how many.
    pub errors: Vec<(&'static str, u64)>,
}

impl Outputs {
    /// Sends the batch, if there is anything in it, out of the port.
    pub fn send(&mut self, port: Port, batch: impl Into<Arc<Batch>>) {
        let batch = batch.into();
        if !batch.is_empty() || !batch.blocks().is_empty() {
            self.sent.push((port, batch));
        }
    }

    /// Sends a batch of events that this component made.
    pub fn make(&mut self, port: Port, batch: Batch) {
        self.made += batch.len() as u64;
        self.send(port, batch);
    }

    /// Gives up on the events of `batch`, each for the reason at its place.
    pub fn bury(&mut self, batch: Batch, reasons: Vec<String>) {
        debug_assert_eq!(batch.len(), reasons.len(), "a reason for each event");
        if !batch.is_empty() {
            self.dead.push((batch, reasons));
        }
    }

    /// Adds what was made of another batch behind all that is there.
    pub fn append(&mut self, other: Self) {
        let Self { sent, dead, late, absorbed, discarded, made, errors } = other;
        self.sent.extend(sent);
        self.dead.extend(dead);
        self.late.extend(late);
        self.absorbed += absorbed;
        self.discarded.extend(discarded);
        self.made += made;
        self.errors.extend(errors);
    }

    /// Counts `events` as taken into the component's state.
    pub fn absorb(&mut self, events: u64) {
        self.absorbed += events;
    }

    /// Counts `events` as ended here.
    pub fn discard(&mut self, kind: Discard, reason: &'static str, events: u64) {
        if events > 0 {
            self.discarded.push((kind, reason, events));
        }
    }

    /// Counts `errors` that cost no event.
    pub fn error(&mut self, kind: &'static str, errors: u64) {
        if errors > 0 {
            self.errors.push((kind, errors));
        }
    }
}
