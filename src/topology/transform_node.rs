//! The task of a transform without state: several batches are worked on at once, and leave in the order in which they
//! came.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use logd_sdk::transform::Transform;
use logd_sdk::{Batch, Columns, Outputs};
use tokio::time::Instant;

use super::edge::{Parcel, Room};
use super::inlet::{Arrival, Inlet};
use super::node::{Finished, Links, Pipeline};
use super::outlets::Splits;
use super::suspects::{Suspects, message, others};
use crate::checkpoint::Snapshot;

/// A transform that is ready to run.
pub(crate) struct TransformNode {
    /// What it applies.
    pub(crate) transform: Arc<dyn Transform>,
    /// What it receives.
    pub(crate) inlet: Inlet,
    /// Where its batches go.
    pub(crate) links: Links,
    /// The batches that are worked on.
    pub(crate) pipeline: Pipeline<Done>,
}

/// What was made of a batch, and the room that it takes until all of that has been sent.
pub(crate) struct Done {
    outputs: Outputs,
    splits: Splits,
    room: Room,
}

impl TransformNode {
    /// Runs until the input ends; if it shall pause, returns itself.
    pub(crate) async fn run(mut self) -> anyhow::Result<Option<Self>> {
        let Self { transform, inlet, links, pipeline } = &mut self;
        let (mut ended, mut pausing) = (None, false);
        while (ended.is_none() && !pausing) || !pipeline.is_empty() {
            tokio::select! {
                biased;
                () = links.outlets.pausing(), if !pausing => pausing = true,
                finished = pipeline.next() => match finished? {
                    Finished::Job(Done { outputs, splits, room }, receipt) => {
                        links.outlets.settle(outputs, splits, &links.account).await?;
                        links.account.handled(receipt.events, receipt.at.elapsed());
                        drop(room);
                    }
                    Finished::Barrier(epoch) => {
                        links.reporter.snapshot(epoch, Snapshot::default());
                        links.outlets.barrier(epoch)?;
                    }
                },
                arrival = inlet.next(), if ended.is_none() && !pausing && pipeline.has_room() => match arrival? {
                    Arrival::Batch(parcel) => {
                        let (transform, reads) = (Arc::clone(transform), Arc::clone(&links.reads));
                        let (suspects, account) = (links.suspects.clone(), Arc::clone(&links.account));
                        let outlets = Arc::clone(&links.outlets);
                        pipeline.begin(parcel, links, move |Parcel { batch, room, .. }| {
                            let start = Instant::now();
                            let outputs = apply(transform.as_ref(), &reads, &suspects, batch);
                            account.busy(start.elapsed());
                            Done { splits: outlets.split(&outputs), outputs, room }
                        });
                    }
                    Arrival::Barrier(epoch) => pipeline.barrier(epoch),
                    Arrival::End => ended = Some(true),
                    Arrival::Close => ended = Some(false),
                },
            }
        }
        let Some(input_ended) = ended else { return Ok(Some(self)) };
        links.reporter.ended(Snapshot::default());
        links.outlets.finish(input_ended)?;
        Ok(None)
    }
}

fn apply(transform: &dyn Transform, reads: &Arc<Columns>, suspects: &Suspects, batch: Arc<Batch>) -> Outputs {
    let mut outputs = Outputs::default();
    let batch = Links::with_fields(reads, batch);
    let rows = suspects.among(&batch);
    if rows.is_empty() {
        transform.apply(Arc::unwrap_or_clone(batch), &mut outputs);
    } else {
        transform.apply(batch.select(&others(&batch, &rows)), &mut outputs);
        for row in rows {
            apply_one(transform, &batch.select(&[row]), &mut outputs);
        }
    }
    outputs
}

/// Applies the transform to one event, which is dead if that panics.
fn apply_one(transform: &dyn Transform, event: &Batch, outputs: &mut Outputs) {
    let mut own = Outputs::default();
    match catch_unwind(AssertUnwindSafe(|| transform.apply(event.clone(), &mut own))) {
        Ok(()) => outputs.append(own),
        Err(panic) => outputs.bury(event.clone(), vec![message(panic.as_ref())]),
    }
}
