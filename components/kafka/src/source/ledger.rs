//! The ledger: who reads which partition, how far it has been read, and what the group knows of it.
//!
//! The thread that reads from Kafka and the source that hands batches on share it. A partition is read under a *lease*:
//! what was read under one that has ended since is not handed on, and so its position stands still from the moment in
//! which it is revoked, whatever still waits in between.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logd_sdk::snapshot;

/// So many partitions are named where it is said where a source goes on.
const SHOWN: usize = 8;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// The topic.
    pub(crate) topic: Arc<str>,
    /// The partition's number.
    pub(crate) number: i32,
}

impl Place {
    /// The partition `number` of `topic`.
    pub(crate) fn new(topic: &str, number: i32) -> Self {
        Self { topic: topic.into(), number }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// The right to read a partition, until it is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// What may be read.
    pub(crate) place: Place,
    /// Tells it from earlier ones.
    number: u64,
}

/// What the group is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The number of the position that this is of.
    pub(crate) number: u64,
    /// Partitions, with the offsets behind what was read.
    pub(crate) offsets: Vec<(Place, i64)>,
}

/// What is known of one partition.
#[derive(Debug, Default)]
struct Entry {
    /// The offset behind the last event that was handed on.
    next: i64,
    /// What the group has been told.
    committed: Option<i64>,
    /// The lease under which it is read, if it is.
    lease: Option<u64>,
    /// Whether it is this member's, so that its offset may be committed: it is revoked before it is let go.
    held: bool,
    /// Positions up to this number are older than that: what they say of the partition is not to be committed.
    since: u64,
}

/// All partitions that the source has read or may go on with.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<Place, Entry>,
    /// How many leases there have been.
    leases: u64,
    /// How many positions have been noted, over all runs: it stands in what is committed.
    positions: u64,
}

/// The version of the position's form.
const VERSION: u8 = 1;

/// What of a position becomes bytes: its number, and the partitions' offsets.
type Position = (u64, Vec<(String, i32, i64)>);

impl Ledger {
    /// Goes to the position that an earlier run has left.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn restore(&self, position: &[u8]) -> anyhow::Result<()> {
        let (number, offsets): Position = snapshot::decode(VERSION, position)?;
        let shown = offsets.iter().take(SHOWN).map(|(topic, number, next)| format!("{topic}/{number}:{next}"));
        let next = shown.collect::<Vec<_>>().join(" ");
        tracing::info!(partitions = offsets.len(), next, "Going on at these offsets.");
        let mut inner = self.lock();
        inner.positions = number;
        inner.entries = offsets
            .iter()
            .map(|(topic, number, next)| (Place::new(topic, *number), Entry { next: *next, ..Entry::default() }))
            .collect();
        Ok(())
    }

    /// How far all partitions have been read.
    ///
    /// # Errors
    /// None that is known: offsets can be encoded.
    pub(crate) fn position(&self) -> anyhow::Result<Vec<u8>> {
        let mut inner = self.lock();
        inner.positions += 1;
        let offsets = inner.entries.iter().map(|(place, entry)| (place.topic.to_string(), place.number, entry.next));
        let position: Position = (inner.positions, offsets.collect());
        snapshot::encode(VERSION, &position)
    }

    /// What of `position` the group does not know yet, of the partitions that this member has.
    ///
    /// # Errors
    /// The position can't be read.
    pub(crate) fn due(&self, position: &[u8]) -> anyhow::Result<Due> {
        let (number, offsets): Position = snapshot::decode(VERSION, position)?;
        let inner = self.lock();
        let due = |(topic, partition, next): (String, i32, i64)| {
            let place = Place::new(&topic, partition);
            let entry = inner.entries.get(&place)?;
            (entry.held && entry.since < number && entry.committed != Some(next)).then_some((place, next))
        };
        Ok(Due { number, offsets: offsets.into_iter().filter_map(due).collect() })
    }

    /// How far a partition has been read, if that is known.
    pub(crate) fn next(&self, place: &Place) -> Option<i64> {
        self.lock().entries.get(place).map(|entry| entry.next)
    }

    /// Whether any partition of the topic has been read.
    pub(crate) fn knows(&self, topic: &str) -> bool {
        self.lock().entries.keys().any(|place| &*place.topic == topic)
    }

    /// Lets a partition be read from `next` on; the group has been told `committed`.
    pub(crate) fn grant(&self, place: &Place, next: i64, committed: Option<i64>) -> Lease {
        let mut inner = self.lock();
        inner.leases += 1;
        let (number, since) = (inner.leases, inner.positions);
        inner.entries.insert(place.clone(), Entry { next, committed, lease: Some(number), held: true, since });
        Lease { place: place.clone(), number }
    }

    /// Notes that a partition has been handed on up to `next`; false if the lease has ended, and it must not be.
    pub(crate) fn advance(&self, lease: &Lease, next: i64) -> bool {
        let mut inner = self.lock();
        match inner.entries.get_mut(&lease.place) {
            Some(entry) if entry.lease == Some(lease.number) => {
                entry.next = next;
                true
            }
            _ => false,
        }
    }

    /// Ends the leases of these partitions: nothing more of them is handed on.
    pub(crate) fn revoke(&self, places: &[Place]) {
        let mut inner = self.lock();
        for place in places {
            if let Some(entry) = inner.entries.get_mut(place) {
                entry.lease = None;
            }
        }
    }

    /// Whether the group knows how far these have been read.
    pub(crate) fn is_settled(&self, places: &[Place]) -> bool {
        let inner = self.lock();
        places.iter().filter_map(|place| inner.entries.get(place)).all(Entry::is_settled)
    }

    /// These partitions are others' now. What the group does not know of is kept: if nobody else has read on when they
    /// come back, it still holds.
    pub(crate) fn release(&self, places: &[Place]) {
        let mut inner = self.lock();
        for place in places {
            match inner.entries.get_mut(place) {
                Some(entry) if !entry.is_settled() => (entry.lease, entry.held) = (None, false),
                _ => drop(inner.entries.remove(place)),
            }
        }
    }

    /// The group has been told.
    pub(crate) fn confirm(&self, place: &Place, offset: i64) {
        if let Some(entry) = self.lock().entries.get_mut(place) {
            entry.committed = Some(offset);
        }
    }

    /// The group knows no such partition any more: unless it is still read, a later one of this name begins at 0.
    pub(crate) fn forget(&self, place: &Place) {
        let mut inner = self.lock();
        if inner.entries.get(place).is_some_and(|entry| entry.lease.is_none()) {
            inner.entries.remove(place);
        }
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_settled(&self) -> bool {
        self.committed == Some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: i32) -> Place {
        Place::new("logs", number)
    }

    #[test]
    fn a_lease_that_has_ended_hands_nothing_on() {
        let ledger = Ledger::default();
        let first = ledger.grant(&place(0), 10, None);
        assert!(ledger.advance(&first, 12));
        ledger.revoke(&[place(0)]);
        assert!(!ledger.advance(&first, 15));
        assert_eq!(ledger.next(&place(0)), Some(12));
        let second = ledger.grant(&place(0), 12, Some(12));
        assert!(!ledger.advance(&first, 15) && ledger.advance(&second, 13));
    }

    #[test]
    fn only_what_is_durable_and_ours_is_committed() {
        let ledger = Ledger::default();
        let (first, _) = (ledger.grant(&place(0), 0, None), ledger.grant(&place(1), 5, Some(5)));
        ledger.advance(&first, 3);
        let durable = ledger.position().unwrap();
        ledger.advance(&first, 9);
        let due = ledger.due(&durable).unwrap();
        assert_eq!(due, Due { number: 1, offsets: vec![(place(0), 3)] }, "the other one is known");
        ledger.confirm(&place(0), 3);
        assert_eq!(ledger.due(&durable).unwrap().offsets, []);
        assert!(!ledger.is_settled(&[place(0), place(1)]));
        ledger.revoke(&[place(0)]);
        let due = ledger.due(&ledger.position().unwrap()).unwrap();
        assert_eq!(due, Due { number: 2, offsets: vec![(place(0), 9)] }, "what is revoked is still committed");
        ledger.release(&[place(0)]);
        assert_eq!(ledger.due(&ledger.position().unwrap()).unwrap().offsets, [], "what is others' is not");
        assert_eq!(ledger.next(&place(0)), Some(9), "the group was not told");
    }

    #[test]
    fn a_position_from_before_does_not_set_the_group_back() {
        let ledger = Ledger::default();
        ledger.restore(&snapshot::encode(VERSION, &(1_u64, vec![("logs".to_owned(), 0, 100_i64)])).unwrap()).unwrap();
        let before = ledger.position().unwrap();
        ledger.grant(&place(0), 200, Some(200));
        assert_eq!(ledger.due(&before).unwrap().offsets, []);
        let lease = ledger.grant(&place(0), 200, Some(200));
        ledger.advance(&lease, 210);
        assert_eq!(ledger.due(&ledger.position().unwrap()).unwrap().offsets, [(place(0), 210)]);
    }

    #[test]
    fn what_is_handed_over_in_order_is_forgotten() {
        let ledger = Ledger::default();
        ledger.grant(&place(0), 7, None);
        ledger.revoke(&[place(0)]);
        ledger.confirm(&place(0), 7);
        assert!(ledger.is_settled(&[place(0)]));
        ledger.release(&[place(0)]);
        assert!(ledger.next(&place(0)).is_none() && !ledger.knows("logs"));
    }

    #[test]
    fn goes_on_where_another_run_was() {
        let ledger = Ledger::default();
        ledger.grant(&place(0), 7, None);
        let position = ledger.position().unwrap();
        let next = Ledger::default();
        next.restore(&position).unwrap();
        assert_eq!(next.next(&place(0)), Some(7));
        assert_eq!(next.due(&position).unwrap().offsets, [], "it may be anybody's");
        assert_eq!(next.due(&next.position().unwrap()).unwrap().number, 2, "numbers go on");
        assert!(next.restore(b"nonsense").is_err());
    }
}
