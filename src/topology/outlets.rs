//! Outlets: the ports of a component, and the edges that leave by each.

use std::sync::Arc;

use logd_sdk::{Batch, Outputs, Port};

use super::edge::{Closed, Message, Sender};
use crate::checkpoint::Epoch;
use crate::dead_letters::{DeadLetters, letters_of};
use crate::telemetry::Account;

/// All ports of a component: the main one first, then in the order of its settings' ports.
#[derive(Debug)]
pub(crate) struct Outlets {
    ports: Vec<Vec<Sender>>,
    dead: Option<usize>,
    late: Option<usize>,
    /// Keeps what leaves by `dead` and nothing reads.
    letters: DeadLetters,
}

impl Outlets {
    /// `names` are those of the ports after the main one; `edges` has a list for each port.
    pub(crate) fn new(names: &[String], edges: Vec<Vec<Sender>>, letters: DeadLetters) -> Self {
        let find = |name: &str| names.iter().position(|port| port == name).map(|place| place + 1);
        Self { ports: edges, dead: find("dead"), late: find("late"), letters }
    }

    /// Sends a batch, whose events have so many bytes, by a port, to all that read it.
    pub(crate) async fn send(
        &self,
        port: Port,
        batch: Arc<Batch>,
        bytes: u64,
        account: &Account,
    ) -> Result<(), Closed> {
        let events = batch.len() as u64;
        for edge in self.ports.get(port.0).into_iter().flatten() {
            edge.send(Arc::clone(&batch), bytes).await?;
        }
        account.sent(port, events, bytes);
        Ok(())
    }

    /// Sends all that a component made of a batch, and enters in its account what did not leave.
    pub(crate) async fn settle(&self, outputs: Outputs, account: &Account) -> anyhow::Result<()> {
        account.settle(&outputs);
        for (port, batch) in outputs.sent {
            let bytes = batch.event_bytes() as u64;
            self.send(port, batch, bytes, account).await?;
        }
        for (batch, reasons) in outputs.dead {
            self.bury(&batch, &reasons, 1, account).await?;
        }
        for batch in outputs.late {
            self.special(self.late, batch).await?;
        }
        Ok(())
    }

    /// Sends events that nobody can handle, each with its reason, by the port `dead`; what nothing reads there is kept.
    pub(crate) async fn bury(
        &self,
        batch: &Batch,
        reasons: &[String],
        attempts: u32,
        account: &Account,
    ) -> anyhow::Result<()> {
        let (component, now) = (account.component(), account.now());
        account.dead(batch.len() as u64);
        if self.dead.is_some_and(|port| !self.ports[port].is_empty()) {
            self.special(self.dead, letters_of(batch, reasons, component, attempts, now)).await?;
        } else {
            account.letters_lost(self.letters.bury(batch, reasons, component, attempts, now).await?);
        }
        Ok(())
    }

    /// Sends by a port whose events the account counts under a name of its own.
    async fn special(&self, port: Option<usize>, batch: Batch) -> Result<(), Closed> {
        let edges = port.and_then(|port| self.ports.get(port));
        let (bytes, batch) = (batch.event_bytes() as u64, Arc::new(batch));
        for edge in edges.into_iter().flatten() {
            edge.send(Arc::clone(&batch), bytes).await?;
        }
        Ok(())
    }

    /// Puts a barrier behind all that was sent.
    pub(crate) fn barrier(&self, epoch: Epoch) -> Result<(), Closed> {
        self.each(|edge| edge.signal(Message::Barrier(epoch)))
    }

    /// Says that nothing more comes: at the end of the input, or because the daemon stops.
    pub(crate) fn finish(&self, input_ended: bool) -> Result<(), Closed> {
        self.each(|edge| edge.signal(if input_ended { Message::End } else { Message::Close }))
    }

    fn each(&self, signal: impl Fn(&Sender) -> Result<(), Closed>) -> Result<(), Closed> {
        self.ports.iter().flatten().try_for_each(signal)
    }
}
