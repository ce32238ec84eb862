//! What has just come, for those who watch.
//!
//! Everything has a number, and the last ones are kept, so that who was away for a moment goes on where it was. What is
//! told here has come, but may not be durable yet: after a crash it may come, and be told, again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logd_sdk::Time;
use tokio::sync::broadcast;

use crate::events::WholeAnomaly;
use crate::incident::Incident;
use crate::records::LogRecord;
use crate::scope::Scope;

/// So many things are kept for those who are behind.
const KEPT: usize = 4096;
/// A log whose record has more bytes is not told: with [`KEPT`] of these memory would be 32 MiB.
const MAX_LOG: usize = 8 << 10;

/// Something that has just come.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// Its number: rising, over restarts too, as long as the clock goes forward. Not without gaps.
    pub number: u64,
    /// What it is.
    pub what: LiveKind,
}

/// What has come.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveKind {
    /// A log that is being indexed. Logs beyond the budget, and those of more than 8 KiB, are not told.
    Log(Arc<LogRecord>),
    /// An anomaly, and its incident after it.
    Anomaly(Arc<(WholeAnomaly, Incident)>),
}

impl Live {
    /// Whether a user may see it.
    #[must_use]
    pub fn is_within(&self, scope: &Scope) -> bool {
        match &self.what {
            LiveKind::Log(log) => scope.allows(&log.pipeline, &log.service),
            LiveKind::Anomaly(told) => scope.allows(&told.0.anomaly.pipeline, &told.0.anomaly.service),
        }
    }
}

/// The last things, and who waits for the next.
#[derive(Debug)]
pub(crate) struct Lives {
    /// Locked while a number is given and sent, so that numbers rise for whoever listens.
    last: Mutex<VecDeque<Arc<Live>>>,
    /// Numbers are greater than this: the time at which the archive was opened, in microseconds.
    start: u64,
    sender: broadcast::Sender<Arc<Live>>,
}

impl Lives {
    pub(crate) fn new(now: Time) -> Self {
        let start = u64::try_from(now.as_micros()).unwrap_or(0);
        Self { last: Mutex::default(), start, sender: broadcast::Sender::new(KEPT) }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Live>> {
        self.sender.subscribe()
    }

    /// Those with a greater number, in order.
    pub(crate) fn after(&self, number: u64) -> Vec<Arc<Live>> {
        self.last().iter().filter(|live| live.number > number).cloned().collect()
    }

    pub(crate) fn log(&self, log: &Arc<LogRecord>) {
        if log.size() <= MAX_LOG {
            self.tell(LiveKind::Log(Arc::clone(log)));
        }
    }

    pub(crate) fn anomaly(&self, anomaly: WholeAnomaly, incident: Incident) {
        self.tell(LiveKind::Anomaly(Arc::new((anomaly, incident))));
    }

    fn tell(&self, what: LiveKind) {
        let mut last = self.last();
        let number = last.back().map_or(self.start, |live| live.number) + 1;
        let live = Arc::new(Live { number, what });
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(Arc::clone(&live));
        // It fails if nobody listens.
        drop(self.sender.send(live));
    }

    fn last(&self) -> MutexGuard<'_, VecDeque<Arc<Live>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::log;

    #[test]
    fn the_last_ones_are_kept_in_order() {
        let lives = Lives::new(Time::EPOCH);
        let mut listener = lives.listen();
        for number in 0..KEPT + 10 {
            lives.log(&Arc::new(log(&number.to_string(), "web", "INFO", "hello", 0)));
        }
        let last = lives.after(0);
        assert_eq!((last.len(), last[0].number, last[KEPT - 1].number), (KEPT, 11, KEPT as u64 + 10));
        assert_eq!(lives.after(KEPT as u64 + 8).len(), 2);
        assert!(matches!(listener.try_recv(), Err(broadcast::error::TryRecvError::Lagged(10))));
        assert_eq!(listener.try_recv().unwrap().number, 11);
    }

    #[test]
    fn a_large_log_is_not_told() {
        let lives = Lives::new(Time::EPOCH);
        lives.log(&Arc::new(log("1", "web", "INFO", &"x".repeat(MAX_LOG), 0)));
        assert!(lives.after(0).is_empty());
    }
}
