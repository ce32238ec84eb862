//! Inlets: the edges that come into a component, as one stream.
//!
//! Where there are several, barriers are aligned (Chandy and Lamport 1985; as in Flink): behind a barrier an edge is not
//! read until the same barrier has come on all others, so that a snapshot holds the effects of exactly what came before
//! it.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::edge::{Message, Parcel, Receiver};
use super::splitter::Splitter;
use crate::checkpoint::Epoch;

/// What a component receives.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Events.
    Batch(Parcel),
    /// The barrier has come on all edges.
    Barrier(Epoch),
    /// All edges have ended.
    End,
    /// All edges have ended or were closed, and at least one was closed.
    Close,
}

/// The component upstream is gone without a word: it has failed.
#[derive(Debug, thiserror::Error)]
#[error("a component upstream is gone")]
pub(crate) struct Broken;

/// The edges into a component.
#[derive(Debug)]
pub(crate) struct Inlet {
    edges: Vec<Edge>,
    /// Which edge is asked first, so that none starves.
    first: usize,
    closed: bool,
}

#[derive(Debug)]
struct Edge {
    receiver: Receiver,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    /// Behind this barrier.
    Aligned(Epoch),
    Ended,
}

impl Inlet {
    /// An inlet of these edges.
    pub(crate) fn new(receivers: Vec<Receiver>) -> Self {
        let edges = receivers.into_iter().map(|receiver| Edge { receiver, state: State::Open }).collect();
        Self { edges, first: 0, closed: false }
    }

    /// Gives up the edges, with the batches that wait on each. Barriers are left out: nobody waits for them any more.
    pub(crate) fn drain(&mut self) -> Vec<Vec<Parcel>> {
        self.edges.drain(..).map(|edge| edge.receiver.drain()).collect()
    }

    /// Offers all senders to split what they send.
    pub(crate) fn offer(&self, splitter: &Splitter) {
        self.edges.iter().for_each(|edge| edge.receiver.offer(splitter));
    }

    /// The next arrival. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Result<Arrival, Broken> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Arrival, Broken>> {
        let count = self.edges.len();
        for turn in 0..count {
            let place = (self.first + turn) % count;
            while self.edges[place].state == State::Open {
                let Poll::Ready(message) = self.edges[place].receiver.poll(context) else { break };
                let state = match message {
                    Some(Message::Batch(parcel)) => {
                        self.first = (place + 1) % count;
                        return Poll::Ready(Ok(Arrival::Batch(parcel)));
                    }
                    Some(Message::Barrier(epoch)) => State::Aligned(epoch),
                    Some(Message::End) => State::Ended,
                    Some(Message::Close) => {
                        self.closed |= !self.edges[place].receiver.from_retired;
                        State::Ended
                    }
                    None => return Poll::Ready(Err(Broken)),
                };
                self.edges[place].state = state;
            }
        }
        self.settle().map_or(Poll::Pending, |arrival| Poll::Ready(Ok(arrival)))
    }

    /// What follows when no edge is open any more.
    fn settle(&mut self) -> Option<Arrival> {
        if self.edges.iter().any(|edge| edge.state == State::Open) {
            return None;
        }
        let barrier = self.edges.iter().find_map(|edge| match edge.state {
            State::Aligned(epoch) => Some(epoch),
            State::Open | State::Ended => None,
        });
        let Some(epoch) = barrier else {
            return Some(if self.closed { Arrival::Close } else { Arrival::End });
        };
        for edge in &mut self.edges {
            if edge.state == State::Aligned(epoch) {
                edge.state = State::Open;
            }
        }
        Some(Arrival::Barrier(epoch))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use logd_sdk::Batch;

    use super::super::edge::{Sender, edge};
    use super::super::pause::Pause;
    use super::*;
    use crate::telemetry::EdgeMeters;

    fn inlet(edges: usize) -> (Vec<Sender>, Inlet) {
        let (senders, receivers) =
            (0..edges).map(|_| edge(&crate::buffer::BufferSettings::default(), 1 << 20, EdgeMeters::default())).unzip();
        (senders, Inlet::new(receivers))
    }

    async fn send(sender: &Sender) {
        sender.send(Arc::new(Batch::default()), 0, None, &Pause::new().1).await.expect("sent");
    }

    /// The next arrival as a word, or `pending`.
    async fn next(inlet: &mut Inlet) -> String {
        poll_fn(|context| {
            Poll::Ready(match inlet.poll(context) {
                Poll::Pending => "pending".to_owned(),
                Poll::Ready(Ok(Arrival::Batch(_))) => "batch".to_owned(),
                Poll::Ready(other) => format!("{other:?}"),
            })
        })
        .await
    }

    #[tokio::test]
    async fn barriers_are_aligned() {
        let (senders, mut inlet) = inlet(2);
        senders[0].signal(Message::Barrier(Epoch(1))).expect("sent");
        send(&senders[0]).await;
        assert_eq!(next(&mut inlet).await, "pending", "the second edge has no barrier yet");
        send(&senders[1]).await;
        assert_eq!(next(&mut inlet).await, "batch", "the second edge goes on up to its barrier");
        senders[1].signal(Message::Barrier(Epoch(1))).expect("sent");
        assert_eq!(next(&mut inlet).await, "Ok(Barrier(Epoch(1)))");
        assert_eq!(next(&mut inlet).await, "batch");
        assert_eq!(next(&mut inlet).await, "pending");
    }

    #[tokio::test]
    async fn an_ended_edge_holds_no_barrier_back() {
        let (senders, mut inlet) = inlet(2);
        senders[0].signal(Message::Barrier(Epoch(7))).expect("sent");
        assert_eq!(next(&mut inlet).await, "pending");
        senders[1].signal(Message::End).expect("sent");
        assert_eq!(next(&mut inlet).await, "Ok(Barrier(Epoch(7)))");
        senders[0].signal(Message::End).expect("sent");
        assert_eq!(next(&mut inlet).await, "Ok(End)");
    }

    #[tokio::test]
    async fn one_closed_edge_makes_it_a_close() {
        let (senders, mut inlet) = inlet(2);
        senders[0].signal(Message::Close).expect("sent");
        senders[1].signal(Message::End).expect("sent");
        assert_eq!(next(&mut inlet).await, "Ok(Close)");
    }

    #[tokio::test]
    async fn a_sender_that_vanishes_is_a_failure() {
        let (senders, mut inlet) = inlet(1);
        drop(senders);
        assert_eq!(next(&mut inlet).await, "Err(Broken)");
    }
}
