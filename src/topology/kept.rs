//! The batches that a component with state has taken last, so that another state can be made of them.

use std::collections::VecDeque;
use std::sync::Arc;

use logd_sdk::Batch;
use schemars::JsonSchema;
use serde::Deserialize;

/// What becomes of a state that does not fit the settings any more, after an edit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Migrate {
    /// It begins anew.
    #[default]
    Fresh,
    /// It is made of the events that have come last: up to 16 MiB of them are kept in memory for this. Nothing of what
    /// they bring about leaves again. A window by the processing clock begins anew all the same.
    Warm,
}

impl Migrate {
    /// All there are.
    pub(crate) const ALL: [Self; 2] = [Self::Fresh, Self::Warm];

    /// How it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Warm => "warm",
        }
    }
}

/// So much is kept, in bytes.
const MOST: usize = 16 << 20;

/// Batches in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
}

impl Kept {
    /// Adds the newest, and lets go of the oldest where there is no room.
    pub(crate) fn push(&mut self, batch: Arc<Batch>) {
        self.bytes += batch.size();
        self.batches.push_back(batch);
        while self.bytes > MOST {
            let Some(oldest) = self.batches.pop_front() else { return };
            self.bytes -= oldest.size();
        }
    }

    /// The batches.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Arc<Batch>> {
        self.batches.iter()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition};

    use super::*;

    #[test]
    fn the_newest_are_kept_as_far_as_there_is_room() {
        let partition = Partition::new("test", "");
        let batch = |size: usize| {
            let block = Block::new(Bytes::from(vec![b'x'; size]), Arc::clone(&partition));
            Arc::new(Batch::new(block, Vec::new()))
        };
        let mut kept = Kept::default();
        for size in [MOST / 2, MOST / 3, MOST / 4, MOST / 5] {
            kept.push(batch(size));
        }
        let sizes: Vec<usize> = kept.batches().map(|batch| batch.size()).collect();
        assert_eq!(sizes, [MOST / 3, MOST / 4, MOST / 5]);
        kept.push(batch(MOST + 1));
        assert_eq!(kept.batches().count(), 0, "one that is too large is not kept either");
    }
}
