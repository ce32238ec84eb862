//! The task of a source: asks it for batches, and puts barriers between them.

use std::collections::VecDeque;

use logd_sdk::Port;
use logd_sdk::erased::AnySource;
use logd_sdk::source::Next;
use tokio::sync::mpsc::UnboundedReceiver;

use super::node::Links;
use crate::checkpoint::{Command, Snapshot};

/// A source that is ready to run.
pub(crate) struct SourceNode {
    /// What it asks.
    source: Box<dyn AnySource>,
    /// What it is told: barriers, what became durable, and to stop.
    commands: UnboundedReceiver<Command>,
    /// Where its batches go.
    links: Links,
    /// How many events had been read at each barrier whose epoch is not durable yet, if the source can't bring events
    /// again.
    unrepeatable: Option<VecDeque<u64>>,
}

impl SourceNode {
    /// The task of a source; it can bring events again if it has a position.
    pub(crate) fn new(source: Box<dyn AnySource>, commands: UnboundedReceiver<Command>, links: Links) -> Self {
        let unrepeatable = source.position().is_none().then(VecDeque::new);
        if unrepeatable.is_some() {
            links.account.durable(0);
        }
        Self { source, commands, links, unrepeatable }
    }

    /// Runs until the input ends, or it is told to stop.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Barrier(epoch)) => {
                        let snapshot = self.snapshot();
                        self.links.reporter.snapshot(epoch, snapshot);
                        self.links.outlets.barrier(epoch)?;
                    }
                    Some(Command::Durable) => self.commit().await,
                    Some(Command::Close(epoch)) => {
                        let snapshot = self.snapshot();
                        self.links.reporter.snapshot(epoch, snapshot);
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
                        self.links.outlets.send(Port::MAIN, batch.into(), bytes, &self.links.account).await?;
                        self.links.account.handled(events, std::time::Duration::ZERO);
                    }
                    Next::End => {
                        let snapshot = self.snapshot();
                        self.links.reporter.ended(snapshot);
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

    fn snapshot(&mut self) -> Snapshot {
        if let Some(read) = &mut self.unrepeatable {
            read.push_back(self.links.account.tally().received);
        }
        Snapshot::position(self.source.position())
    }

    /// Tells the origin what is durable. Its refusal costs a repeat at the most, and so does not stop the flow.
    async fn commit(&mut self) {
        if let Some(durable) = self.unrepeatable.as_mut().and_then(VecDeque::pop_front) {
            self.links.account.durable(durable);
        }
        let Some(position) = self.links.reporter.durable() else { return };
        if let Err(error) = self.source.commit(&position).await {
            self.links.account.errors("commit_failed", "acknowledging", 1);
            tracing::warn!(component = %self.links.account.component(), error = format!("{error:#}"),
                "The origin did not take note of what is durable.");
        }
    }
}
