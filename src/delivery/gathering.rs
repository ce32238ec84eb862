//! Batches that are sent as one.

use std::sync::Arc;

use logd_sdk::Batch;
use tokio::time::Instant;

use crate::topology::Room;

/// Batches that wait to be sent as one.
pub(crate) struct Gathering {
    /// All of their events.
    pub(crate) batch: Arc<Batch>,
    /// Their places on the edge, which they hold until they are delivered.
    pub(crate) rooms: Vec<Arc<Room>>,
    /// When the first has come.
    pub(crate) since: Instant,
}

impl Gathering {
    /// Adds a batch to those that wait, if there are any.
    pub(crate) fn of(waiting: Option<Self>, batch: Arc<Batch>, room: Arc<Room>) -> Self {
        let Some(mut waiting) = waiting else { return Self { batch, rooms: vec![room], since: Instant::now() } };
        Arc::make_mut(&mut waiting.batch).append(Arc::unwrap_or_clone(batch));
        waiting.rooms.push(room);
        waiting
    }
}
