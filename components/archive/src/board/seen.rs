//! The anomalies that were told lately: two sinks may be told the same.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// So many are remembered; who is told one later than this many others counts it again, until it is durable.
const KEPT: usize = 20_000;

/// The ids of the last anomalies.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    ids: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl Seen {
    /// Whether it was not there.
    pub(crate) fn insert(&mut self, id: &str) -> bool {
        if self.ids.contains(id) {
            return false;
        }
        let id: Arc<str> = id.into();
        self.order.push_back(Arc::clone(&id));
        self.ids.insert(id);
        if self.order.len() > KEPT {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.ids.remove(&oldest));
        }
        true
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let was_there = self.ids.remove(id);
        if was_there {
            self.order.retain(|other| **other != *id);
        }
        was_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut seen = Seen::default();
        for id in 0..=KEPT {
            assert!(seen.insert(&id.to_string()));
            assert!(!seen.insert(&id.to_string()));
        }
        assert!(seen.insert("0"));
        assert!(seen.remove("7") && !seen.remove("7") && seen.insert("7"));
        assert_eq!(seen.ids.len(), seen.order.len());
    }
}
