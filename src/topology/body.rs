//! A component that runs, or stands still with all that it has.

use std::sync::Arc;

use logd_sdk::Plan;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use super::edge::Parcel;
use super::inlet::Inlet;
use super::keyed_node::KeyedNode;
use super::node::Links;
use super::outlets::Outlets;
use super::source_node::SourceNode;
use super::transform_node::TransformNode;
use crate::checkpoint::{Command, Reporter};
use crate::delivery::Driver;

/// A component with its state, and what it has taken in.
pub(crate) enum Body {
    /// It reads.
    Source(Box<SourceNode>),
    /// It has no state.
    Transform(Box<TransformNode>),
    /// It has.
    Keyed(Box<KeyedNode>),
    /// It delivers.
    Sink(Box<Driver>),
}

/// What joins a component to the others of a part.
pub(crate) struct Ends {
    /// The edges that leave it.
    pub(crate) outlets: Arc<Outlets>,
    /// The edges that come in.
    pub(crate) inlet: Inlet,
    /// Where it reports.
    pub(crate) reporter: Reporter,
    /// What it is told, and by whom.
    pub(crate) line: (UnboundedSender<Command>, UnboundedReceiver<Command>),
}

impl Body {
    /// Runs until its end; if the part pauses, returns itself.
    ///
    /// # Errors
    /// It has failed.
    pub(crate) async fn run(self) -> anyhow::Result<Option<Self>> {
        Ok(match self {
            Self::Source(node) => node.run().await?.map(|node| Self::Source(Box::new(node))),
            Self::Transform(node) => node.run().await?.map(|node| Self::Transform(Box::new(node))),
            Self::Keyed(node) => node.run().await?.map(|node| Self::Keyed(Box::new(node))),
            Self::Sink(node) => node.run().await?.map(|node| Self::Sink(Box::new(node))),
        })
    }

    /// How it is connected.
    pub(crate) fn links(&self) -> &Links {
        match self {
            Self::Source(node) => &node.links,
            Self::Transform(node) => &node.links,
            Self::Keyed(node) => &node.links,
            Self::Sink(node) => &node.links,
        }
    }

    /// Whether it has nothing more to hand on.
    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::Source(node) => node.has_ended,
            Self::Sink(node) => node.has_ended(),
            Self::Transform(_) | Self::Keyed(_) => false,
        }
    }

    /// Where it stands, if it is a source that knows.
    pub(crate) fn position(&self) -> Option<Vec<u8>> {
        match self {
            Self::Source(node) => node.position(),
            _ => None,
        }
    }

    /// Gives it what is in the files of its settings now, if that is all that has changed.
    pub(crate) fn renew(&mut self, plan: &Plan) -> anyhow::Result<()> {
        match (self, plan) {
            (Self::Source(node), Plan::Source(plan)) => node.renew(plan.as_ref()),
            _ => Ok(()),
        }
    }

    /// No file has it any more. It hands on what it has received; a sink until `deadline`.
    pub(crate) fn retire(&mut self, deadline: Instant) {
        match self {
            Self::Source(node) => node.retire(),
            Self::Sink(node) => node.retire(deadline),
            Self::Transform(_) | Self::Keyed(_) => {}
        }
    }

    /// Gives up the edges that come in, with the batches that wait on each.
    pub(crate) fn leave(&mut self) -> Vec<Vec<Parcel>> {
        match self {
            Self::Source(_) => Vec::new(),
            Self::Transform(node) => node.inlet.drain(),
            Self::Keyed(node) => node.inlet.drain(),
            Self::Sink(node) => node.inlet.drain(),
        }
    }

    /// Takes its place in a part, as it is.
    pub(crate) async fn join(&mut self, ends: Ends) {
        let Ends { outlets, inlet, reporter, line: (sender, commands) } = ends;
        match self {
            Self::Source(node) => {
                pass_on(&mut node.commands, &sender);
                node.join(outlets, reporter, commands);
            }
            Self::Transform(node) => {
                node.links.join(outlets, reporter);
                node.inlet = inlet;
            }
            Self::Keyed(node) => {
                node.links.join(outlets, reporter);
                node.inlet = inlet;
            }
            Self::Sink(node) => {
                pass_on(&mut node.commands, &sender);
                node.join(inlet, outlets, reporter, commands).await;
            }
        }
    }
}

/// That an epoch has become durable is still to be heard; of barriers of a coordinator that is gone nobody waits for.
fn pass_on(commands: &mut UnboundedReceiver<Command>, to: &UnboundedSender<Command>) {
    while let Ok(command) = commands.try_recv() {
        if command == Command::Durable {
            // The receiver is at hand.
            let _ = to.send(command);
        }
    }
}
