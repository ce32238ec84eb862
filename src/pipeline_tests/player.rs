//! Sources that give what a test has for them, each in its turn.
//!
//! A turn is over when an epoch says that all that was given has come about downstream: so the next one finds things as
//! they are, whichever way it takes.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::future::BoxFuture;
use logd_sdk::component::{Describe, SourcePlan};
use logd_sdk::erased::AnySource;
use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Context};
use tokio::sync::watch;

/// Whose turn it is. Its clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// The number of the turn that is on.
    now: Arc<watch::Sender<usize>>,
    /// How many there are.
    count: usize,
}

impl Turns {
    /// So many, of which none is over.
    pub(super) fn new(count: usize) -> Self {
        Self { now: Arc::new(watch::Sender::new(0)), count }
    }
}

/// What a source is to give: the batches of each of its turns, by their numbers.
#[derive(Clone, Debug)]
pub(super) struct Player {
    /// Its turns, in order.
    pub(super) given: VecDeque<(usize, VecDeque<Batch>)>,
    /// All turns.
    pub(super) turns: Turns,
    /// The outputs of the source whose place it takes.
    pub(super) ports: Vec<String>,
}

impl Describe for Player {
    fn name(&self) -> &'static str {
        "test"
    }

    fn ports(&self) -> Vec<String> {
        self.ports.clone()
    }
}

impl SourcePlan for Player {
    fn ends(&self) -> bool {
        true
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Box<dyn AnySource>>> {
        Box::pin(async move {
            let playing = Playing { given: self.given.clone(), turns: self.turns.clone(), sent: 0 };
            Ok(Box::new(playing) as Box<dyn AnySource>)
        })
    }
}

/// A running [`Player`].
struct Playing {
    given: VecDeque<(usize, VecDeque<Batch>)>,
    turns: Turns,
    /// How many batches it has given.
    sent: u64,
}

impl Source for Playing {
    async fn next(&mut self) -> anyhow::Result<Next> {
        let Some((turn, batches)) = self.given.front_mut() else { return Ok(Next::End) };
        self.turns.now.subscribe().wait_for(|now| now == turn).await?;
        if let Some(batch) = batches.pop_front() {
            self.sent += 1;
            return Ok(Next::Batch(batch));
        }
        if *turn + 1 < self.turns.count {
            // Until the epoch that ends it.
            std::future::pending::<()>().await;
        }
        Ok(Next::End)
    }

    fn position(&self) -> Option<Vec<u8>> {
        Some(self.sent.to_le_bytes().to_vec())
    }

    /// A test runs once, from its beginning.
    fn seek(&mut self, _: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    async fn commit(&mut self, position: &[u8]) -> anyhow::Result<()> {
        let all = position == self.sent.to_le_bytes();
        let is_over =
            |(turn, batches): &(usize, VecDeque<Batch>)| batches.is_empty() && *self.turns.now.borrow() == *turn;
        if all && self.given.front().is_some_and(is_over) {
            self.given.pop_front();
            self.turns.now.send_modify(|now| *now += 1);
        }
        Ok(())
    }
}
