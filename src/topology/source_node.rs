//! The task of a source: asks it for batches, and puts barriers between them.

use std::collections::VecDeque;
use std::sync::Arc;

use logd_sdk::Port;
use logd_sdk::component::SourcePlan;
use logd_sdk::erased::AnySource;
use logd_sdk::source::Next;
use tokio::sync::mpsc::UnboundedReceiver;

use super::node::Links;
use super::outlets::Outlets;
use super::retirement::Retirement;
use crate::checkpoint::{Command, Reporter, Snapshot};

/// A source that is ready to run.
pub(crate) struct SourceNode {
    /// What it asks.
    source: Box<dyn AnySource>,
    /// What it is told: barriers, what became durable, and to stop.
    pub(crate) commands: UnboundedReceiver<Command>,
    /// Where its batches go.
    pub(crate) links: Links,
    /// How many events had been read at each barrier whose epoch is not durable yet, if the source can't bring events
    /// again.
    unrepeatable: Option<VecDeque<u64>>,
    /// Whether nothing more is read.
    pub(crate) has_ended: bool,
    /// Whether its end is none of the input: what is open stays open.
    goes_on: bool,
    /// Until when it is of use, if no file has it any more.
    retirement: Option<Retirement>,
}

impl SourceNode {
    /// The task of a source; it can bring events again if it has a position.
    pub(crate) fn new(
        source: Box<dyn AnySource>,
        commands: UnboundedReceiver<Command>,
        links: Links,
        goes_on: bool,
    ) -> Self {
        let unrepeatable = source.position().is_none().then(VecDeque::new);
        if unrepeatable.is_some() {
            links.account.durable(0);
        }
        Self { source, commands, links, unrepeatable, has_ended: false, goes_on, retirement: None }
    }

    /// Joins it to other edges and another coordinator.
    pub(crate) fn join(&mut self, outlets: Arc<Outlets>, reporter: Reporter, commands: UnboundedReceiver<Command>) {
        self.links.join(outlets, reporter);
        self.commands = commands;
        // Of an epoch that was not completed nothing will be heard.
        self.unrepeatable.iter_mut().for_each(VecDeque::clear);
    }

    /// Gives it what is in the files of its settings now.
    pub(crate) fn renew(&mut self, plan: &dyn SourcePlan) -> anyhow::Result<()> {
        plan.renew(self.source.as_mut())
    }

    /// Nothing more is read.
    pub(crate) fn retire(&mut self) {
        self.has_ended = true;
        self.retirement.get_or_insert_default();
    }

    /// Where it stands.
    pub(crate) fn position(&self) -> Option<Vec<u8>> {
        self.source.position()
    }

    /// Runs until the input ends, or it is told to stop; if it shall pause, returns itself.
    pub(crate) async fn run(mut self) -> anyhow::Result<Option<Self>> {
        if self.has_ended {
            // In another part, or before it stood still.
            self.end()?;
        }
        while !self.has_ended {
            tokio::select! {
                biased;
                () = self.links.outlets.pausing() => return Ok(Some(self)),
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
                        self.has_ended = true;
                    }
                    // The coordinator is gone: the part is being torn down.
                    None => return Ok(None),
                },
                next = self.source.next() => match next? {
                    Next::Batch(batch) => {
                        let (events, bytes) = (batch.len() as u64, batch.event_bytes() as u64);
                        self.links.account.received(events, bytes);
                        self.links.outlets.send(Port::MAIN, batch.into(), bytes, &self.links.account).await?;
                        self.links.account.handled(events, std::time::Duration::ZERO);
                    }
                    Next::End => self.end()?,
                },
            }
        }
        self.linger().await
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let snapshot = self.snapshot();
        self.links.reporter.ended(snapshot);
        self.links.outlets.finish(!self.goes_on)?;
        self.has_ended = true;
        Ok(())
    }

    /// Nothing more is read, but what was read still becomes durable, which the origin is told.
    async fn linger(mut self) -> anyhow::Result<Option<Self>> {
        loop {
            tokio::select! {
                biased;
                () = self.links.outlets.pausing() => return Ok(Some(self)),
                command = self.commands.recv() => match command {
                    Some(Command::Durable) => {
                        self.commit().await;
                        if self.retirement.as_mut().is_some_and(Retirement::is_over) {
                            return Ok(None);
                        }
                    }
                    Some(Command::Barrier(_) | Command::Close(_)) => {}
                    None => return Ok(None),
                },
            }
        }
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
