//! The task of a source: asks it for batches, and puts barriers between them.

use logd_sdk::Port;
use logd_sdk::erased::AnySource;
use logd_sdk::source::Next;
use tokio::sync::mpsc::UnboundedReceiver;

use super::node::Links;
use crate::checkpoint::{Command, Snapshot};

/// A source that is ready to run.
pub(crate) struct SourceNode {
    /// What it asks.
    pub(crate) source: Box<dyn AnySource>,
    /// What it is told: barriers, what became durable, and to stop.
    pub(crate) commands: UnboundedReceiver<Command>,
    /// Where its batches go.
    pub(crate) links: Links,
}

impl SourceNode {
    /// Runs until the input ends, or it is told to stop.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Barrier(epoch)) => {
                        self.links.reporter.snapshot(epoch, self.snapshot());
                        self.links.outlets.barrier(epoch)?;
                    }
                    Some(Command::Durable) => self.commit().await,
                    Some(Command::Close(epoch)) => {
                        self.links.reporter.snapshot(epoch, self.snapshot());
                        self.links.outlets.barrier(epoch)?;
                        self.links.outlets.finish(false)?;
                        return self.linger().await;
                    }
                    // The coordinator is gone: the part is being torn down.
                    None => return Ok(()),
                },
                next = self.source.next() => match next? {
                    Next::Batch(batch) => {
                        let (events, bytes) = (batch.len() as u64, batch.event_bytes() as u64);
                        self.links.account.received(events, bytes);
                        self.links.outlets.send(Port::MAIN, batch.into(), &self.links.account).await?;
                        self.links.account.handled(events, std::time::Duration::ZERO);
                    }
                    Next::End => {
                        self.links.reporter.ended(self.snapshot());
                        self.links.outlets.finish(true)?;
                        return self.linger().await;
                    }
                },
            }
        }
    }

    /// Nothing more is read, but what was read still becomes durable, which the origin is told.
    async fn linger(mut self) -> anyhow::Result<()> {
        while let Some(command) = self.commands.recv().await {
            if matches!(command, Command::Durable) {
                self.commit().await;
            }
        }
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::position(self.source.position())
    }

    /// Tells the origin what is durable. Its refusal costs a repeat at the most, and so does not stop the flow.
    async fn commit(&mut self) {
        let Some(position) = self.links.reporter.durable() else { return };
        if let Err(error) = self.source.commit(&position).await {
            self.links.account.errors("commit_failed", "acknowledging", 1);
            tracing::warn!(component = %self.links.account.component(), error = format!("{error:#}"),
                "The origin did not take note of what is durable.");
        }
    }
}
