//! Deliveries that the end of an earlier process has cut short: made again as they were.
//!
//! Nobody knows whether the service has taken them. It can tell a request that is the same as one before, by the name that
//! a sink gives it, but not one that has some of its events and some others. So events that were sent together wait for
//! one another here, and are sent together again, in their order. A barrier that comes between them ends the wait: what
//! is before it must be delivered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use logd_sdk::{Batch, EventId};

use super::gathering::Gathering;
use crate::topology::Room;

/// The deliveries that are to be made again.
#[derive(Default)]
pub(crate) struct Unfinished {
    /// By their numbers.
    deliveries: BTreeMap<usize, Delivery>,
    /// Of which delivery an event is that has not come yet, and its place there.
    places: HashMap<EventId, (usize, usize)>,
}

/// A delivery that is to be made again.
#[derive(Default)]
struct Delivery {
    /// How many of its events have not come yet.
    missing: usize,
    /// Those that have, in the order in which they came,
    come: Option<Gathering>,
    /// and the place of each.
    places: Vec<usize>,
}

impl Unfinished {
    /// From the ids of each delivery, in their order.
    pub(crate) fn new(in_flight: Vec<Vec<EventId>>) -> Self {
        let mut unfinished = Self::default();
        for (number, ids) in in_flight.into_iter().enumerate() {
            unfinished.deliveries.insert(number, Delivery { missing: ids.len(), ..Delivery::default() });
            unfinished.places.extend(ids.into_iter().zip(0..).map(|(id, place)| (id, (number, place))));
        }
        unfinished
    }

    /// Takes the events out of a batch that belong to such deliveries. Returns the others, and the deliveries that are
    /// complete now.
    pub(crate) fn take(&mut self, batch: Arc<Batch>, room: &Arc<Room>) -> (Arc<Batch>, Vec<Gathering>) {
        let (mut others, mut parts) = (Vec::new(), BTreeMap::<usize, (Vec<u32>, Vec<usize>)>::new());
        if !self.places.is_empty() {
            for (row, number) in (0..batch.len()).zip(0_u32..) {
                match self.places.remove(&batch.id(row)) {
                    Some((delivery, place)) => {
                        let (rows, places) = parts.entry(delivery).or_default();
                        rows.push(number);
                        places.push(place);
                    }
                    None => others.push(number),
                }
            }
        }
        if parts.is_empty() {
            return (batch, Vec::new());
        }
        let mut complete = Vec::new();
        for (number, (rows, places)) in parts {
            let Some(delivery) = self.deliveries.get_mut(&number) else { continue };
            delivery.add(Arc::new(batch.select(&rows)), places, Arc::clone(room));
            if delivery.missing == 0 {
                complete.extend(self.deliveries.remove(&number).and_then(Delivery::in_order));
            }
        }
        (Arc::new(batch.select(&others)), complete)
    }

    /// Gives up waiting for the rest of deliveries of which a part has come, and returns these parts.
    pub(crate) fn give_up(&mut self) -> Vec<Gathering> {
        let begun = self.deliveries.extract_if(.., |_, delivery| delivery.come.is_some());
        let begun: BTreeMap<usize, Delivery> = begun.collect();
        self.places.retain(|_, (number, _)| !begun.contains_key(number));
        begun.into_values().filter_map(Delivery::in_order).collect()
    }
}

impl Delivery {
    fn add(&mut self, batch: Arc<Batch>, places: Vec<usize>, room: Arc<Room>) {
        self.missing = self.missing.saturating_sub(places.len());
        self.places.extend(places);
        self.come = Some(Gathering::of(self.come.take(), batch, room));
    }

    fn in_order(self) -> Option<Gathering> {
        let mut order: Vec<(usize, u32)> = self.places.into_iter().zip(0..).collect();
        order.sort_unstable();
        let rows: Vec<u32> = order.into_iter().map(|(_, row)| row).collect();
        self.come.map(|come| Gathering { batch: Arc::new(come.batch.select(&rows)), ..come })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row, Time};

    use super::*;

    /// Events at these positions.
    fn batch(positions: &[u64]) -> Arc<Batch> {
        let block = Block::new(Bytes::from_static(b"x"), Partition::new("p/s", ""));
        Arc::new(Batch::new(block, positions.iter().map(|&position| Row::line(0, 1, position, Time::EPOCH)).collect()))
    }

    fn ids(positions: &[u64]) -> Vec<EventId> {
        let batch = batch(positions);
        (0..batch.len()).map(|row| batch.id(row)).collect()
    }

    /// What becomes of a batch: the others, and the deliveries that are complete.
    fn take(unfinished: &mut Unfinished, positions: &[u64]) -> (Vec<EventId>, Vec<Vec<EventId>>) {
        let (others, complete) = unfinished.take(batch(positions), &Arc::new(Room::nowhere()));
        (all(&others), complete.iter().map(|gathering| all(&gathering.batch)).collect())
    }

    fn all(batch: &Batch) -> Vec<EventId> {
        (0..batch.len()).map(|row| batch.id(row)).collect()
    }

    #[test]
    fn what_was_sent_together_waits_for_one_another_and_keeps_its_order() {
        let mut unfinished = Unfinished::new(vec![ids(&[3, 1, 2]), ids(&[4])]);
        assert_eq!(take(&mut unfinished, &[1, 7]), (ids(&[7]), vec![]));
        assert_eq!(take(&mut unfinished, &[2, 4]), (vec![], vec![ids(&[4])]));
        assert_eq!(take(&mut unfinished, &[8, 3, 9]), (ids(&[8, 9]), vec![ids(&[3, 1, 2])]));
        assert_eq!(take(&mut unfinished, &[1]), (ids(&[1]), vec![]), "once");
        assert!(unfinished.give_up().is_empty());
    }

    #[test]
    fn a_barrier_takes_what_has_come_and_leaves_what_has_not_begun_to() {
        let mut unfinished = Unfinished::new(vec![ids(&[1, 2]), ids(&[3, 4])]);
        assert_eq!(take(&mut unfinished, &[1]), (vec![], vec![]));
        let given_up = unfinished.give_up();
        assert_eq!(given_up.iter().map(|part| all(&part.batch)).collect::<Vec<_>>(), [ids(&[1])]);
        assert_eq!(take(&mut unfinished, &[2, 3, 4]), (ids(&[2]), vec![ids(&[3, 4])]));
    }
}
