//! Events that a component could not survive: what keeps one poisonous event from stopping its pipeline for good.
//!
//! When a component panics its part goes back to the last epoch, and the same events come again. Those of the batch at
//! which it panicked are suspects from then on: a transform takes them one by one, and one at which it panics again is a
//! dead letter. Where that can't be done, because state would be left half changed, a batch that has failed twice is.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logd_sdk::{Batch, ComponentId};

/// So many spans are remembered for each component at most.
const MOST: usize = 64;
/// A component with state is spared what it has failed at so often.
pub(crate) const ENOUGH: u32 = 2;

/// Positions of a partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    partition: u64,
    low: u64,
    high: u64,
}

#[derive(Debug)]
struct Suspect {
    span: Span,
    failures: u32,
    reason: String,
}

/// The suspects of one component, which outlive its part's failures. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suspects(Arc<Mutex<Vec<Suspect>>>);

/// The suspects of all components. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllSuspects(Arc<Mutex<HashMap<ComponentId, Suspects>>>);

impl AllSuspects {
    /// Those of one component.
    pub(crate) fn of(&self, component: &ComponentId) -> Suspects {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(component.clone()).or_default().clone()
    }
}

/// Where the events of a batch stand: what is remembered of it while it is worked on.
pub(crate) fn spans(batch: &Batch) -> Vec<Span> {
    let mut spans: Vec<Option<Span>> = vec![None; batch.blocks().len()];
    for row in batch.rows() {
        let block = row.block as usize;
        let partition = batch.blocks()[block].partition.hash();
        let span = spans[block].get_or_insert(Span { partition, low: row.position, high: row.position });
        (span.low, span.high) = (span.low.min(row.position), span.high.max(row.position));
    }
    spans.into_iter().flatten().collect()
}

impl Suspects {
    /// The component has panicked at a batch with these events.
    pub(crate) fn note(&self, spans: &[Span], reason: &str) {
        let mut suspects = self.lock();
        for span in spans {
            let room = suspects.len() < MOST;
            let known = suspects.iter_mut().find(|one| {
                one.span.partition == span.partition && one.span.low <= span.high && span.low <= one.span.high
            });
            match known {
                Some(suspect) => {
                    // What was in both batches it must be.
                    suspect.span.low = suspect.span.low.max(span.low);
                    suspect.span.high = suspect.span.high.min(span.high);
                    suspect.failures += 1;
                }
                None if room => {
                    suspects.push(Suspect { span: *span, failures: 1, reason: reason.to_owned() });
                }
                None => {}
            }
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The rows of a batch that are suspects; empty nearly always.
    pub(crate) fn among(&self, batch: &Batch) -> Vec<u32> {
        self.rows(batch, 1).into_iter().map(|(row, _)| row).collect()
    }

    /// The rows of a batch that have failed often enough, and why.
    pub(crate) fn condemned(&self, batch: &Batch) -> Vec<(u32, String)> {
        self.rows(batch, ENOUGH)
    }

    fn rows(&self, batch: &Batch, failures: u32) -> Vec<(u32, String)> {
        let suspects = self.lock();
        if suspects.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (row, number) in batch.rows().iter().zip(0_u32..) {
            let partition = batch.blocks()[row.block as usize].partition.hash();
            let suspect = suspects.iter().find(|one| {
                one.failures >= failures
                    && one.span.partition == partition
                    && (one.span.low..=one.span.high).contains(&row.position)
            });
            found.extend(suspect.map(|suspect| (number, suspect.reason.clone())));
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Suspect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of a batch that are not among `rows`, which are in order.
pub(crate) fn others(batch: &Batch, rows: &[u32]) -> Vec<u32> {
    (0..u32::try_from(batch.len()).unwrap_or(u32::MAX)).filter(|row| rows.binary_search(row).is_err()).collect()
}

/// What a panic has said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("the component panicked: {text}")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row, Time};

    use super::*;

    fn batch(positions: &[u64]) -> Batch {
        let block = Block::new(Bytes::from_static(b"x"), Partition::new("p/s", ""));
        Batch::new(block, positions.iter().map(|&position| Row::line(0, 1, position, Time::EPOCH)).collect())
    }

    #[test]
    fn what_was_in_both_batches_is_condemned() {
        let suspects = Suspects::default();
        assert!(suspects.among(&batch(&[1, 2])).is_empty());
        suspects.note(&spans(&batch(&[5, 6, 7, 8])), "bad");
        assert_eq!(suspects.among(&batch(&[4, 5, 8, 9])), [1, 2]);
        assert!(suspects.condemned(&batch(&[5])).is_empty());
        suspects.note(&spans(&batch(&[7, 8, 9])), "bad");
        assert_eq!(suspects.condemned(&batch(&[6, 7, 9])), [(1, "bad".to_owned())]);
    }
}
