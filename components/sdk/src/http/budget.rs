//! One count of memory for all bodies of a server.
//!
//! A limit for each body is not enough: a thousand clients that each stay below it still fill the machine. Large bodies
//! leave the last quarter alone, so that small ones still pass, and decoders too: only they can tell a bomb from a body.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A body up to this many bytes may use the last quarter.
const SMALL: usize = 64 * 1024;

/// Bytes that may be held, and how many are.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize, spare: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|&used| used <= self.limit - spare);
        self.used.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }
}

/// A part of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
    /// Bytes that this part leaves free when it is large.
    spare: usize,
}

impl Share {
    /// An empty part for a body.
    pub(super) fn for_body(budget: &Arc<Budget>) -> Self {
        Self { budget: budget.clone(), bytes: 0, spare: budget.limit / 4 }
    }

    /// An empty part for a decoder.
    pub(super) fn for_decoder(budget: &Arc<Budget>) -> Self {
        Self { budget: budget.clone(), bytes: 0, spare: 0 }
    }

    /// Grows the part to `bytes` if it is smaller; false, and unchanged, if there is no room.
    pub(super) fn cover(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let spare = if bytes > SMALL { self.spare } else { 0 };
        let covered = more == 0 || self.budget.take(more, spare);
        if covered {
            self.bytes += more;
        }
        covered
    }

    /// Gives everything back.
    pub(super) fn release(&mut self) {
        self.budget.used.fetch_sub(std::mem::take(&mut self.bytes), Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_come_back() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (Share::for_body(&budget), Share::for_decoder(&budget));
        assert!(first.cover(60) && first.cover(10), "covering less is no change");
        assert!(!second.cover(41));
        assert!(second.cover(40));
        assert!(!second.cover(usize::MAX), "an overflow is no room");
        drop(first);
        assert_eq!(budget.used(), 40);
        second.release();
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn large_bodies_leave_a_quarter() {
        let budget = Budget::new(8 << 20);
        let (mut large, mut small) = (Share::for_body(&budget), Share::for_body(&budget));
        assert!(!large.cover(7 << 20));
        assert!(large.cover(6 << 20));
        assert!(small.cover(SMALL));
        assert!(Share::for_decoder(&budget).cover(1900 << 10));
    }
}
