//! Transforms without state: what becomes of an event depends on that event alone.

use crate::event::Batch;
use crate::outputs::Outputs;

/// A transform that runs. Batches are handed to it from several threads at once; what it makes of them leaves in the
/// order in which they came.
pub trait Transform: Send + Sync + 'static {
    /// Handles one batch: every event in it must be accounted for in `out`. The batch has the columns that the
    /// component's settings say it [reads](crate::Settings::reads).
    fn apply(&self, batch: Batch, out: &mut Outputs);
}
