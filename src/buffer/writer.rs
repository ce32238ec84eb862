//! The side of a buffer that takes events: a sink that writes to the log.

use std::sync::Arc;

use bytes::Bytes;
use logd_disklog::Error;
use logd_sdk::event::stored;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Health};

use super::log::{Buffer, Kept};
use super::settings::WhenFull;

/// Writes batches to the log of a buffer.
pub(super) struct BufferWriter {
    pub(super) buffer: Arc<Buffer>,
    pub(super) when_full: WhenFull,
    pub(super) health: Health,
}

impl Sink for BufferWriter {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let record = match stored::encode(batch) {
            Ok(record) => Bytes::from(record),
            Err(error) => return Attempt::refused(batch, &format!("{error:#}")),
        };
        let mut view = self.buffer.writer.view();
        loop {
            view.mark_unchanged();
            match self.buffer.writer.append(vec![record.clone()]).await {
                Ok(_) => return Attempt::delivered(),
                Err(Error::Full { .. }) if self.when_full == WhenFull::DropNewest => {
                    return Attempt::dropped(batch, "buffer_full");
                }
                Err(error @ Error::Full { .. }) => {
                    // Nothing is wrong with the disk: it is the sink that does not take what waits.
                    self.health.ill(error.to_string());
                    if view.changed().await.is_err() {
                        return Attempt::failed(batch, Error::Closed);
                    }
                    self.health.well();
                }
                Err(error @ Error::TooLarge { .. }) => return Attempt::refused(batch, &error.to_string()),
                Err(error) => return Attempt::failed(batch, error),
            }
        }
    }

    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.buffer.writer.sync().await?;
        // Nobody else writes, and nothing is being written: what is durable is all there is.
        let last = self.buffer.writer.view().borrow().next() - 1;
        Ok(Some(self.buffer.kept(last).encode()?))
    }

    async fn commit(&self, epoch: &[u8]) -> anyhow::Result<()> {
        self.buffer.completed(Kept::decode(epoch)?);
        Ok(())
    }

    async fn restore(&self, epoch: &[u8]) -> anyhow::Result<()> {
        self.buffer.rewind(&Kept::decode(epoch)?);
        Ok(())
    }
}
